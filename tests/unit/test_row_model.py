"""A model served row by row without numpy, and the decoder that makes its rows of a request's bytes."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from tidegate.compiled.compiler import compile_model
from tidegate.compiled.scorer import FEWEST_ROWS
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, ViewPlan
from tidegate.serving import files
from tidegate.serving.row_model import RowModel, rows_of
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task
from training_jobs.serving.invocation import Invocation, RefusedError
from training_jobs.serving.warm_up import warm_up

FEATURES = """
from tidegate.features import FeatureSet, Label, Source

source = Source("flights", event_ts="at", known_ts="known")
made = FeatureSet(
    name="made", label=Label("late", source=source, sql="y"), request=["at", "miles", "carrier"],
    transforms=[], features=["carrier", "miles"],
)
"""
ENCODING = Encoding(("carrier", "miles"), {"carrier": ("AA", "UA")})
AT = "2013-01-01T00:00:00Z"
CARRIERS = ("UA", "AA", None, "ZZ")
ROWS = [{"at": AT, "miles": None if i % 7 == 0 else 0.1 * i, "carrier": CARRIERS[i % 4]} for i in range(300)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(artefact's folder, what the estimator says of ROWS)."""
    root = tmp_path_factory.mktemp("row-model")
    draw = np.random.default_rng(4)
    matrix = np.column_stack([draw.integers(0, 2, 400), draw.normal(5, 2, 400)])
    matrix[::9, 1] = np.nan
    labels = (np.nan_to_num(matrix[:, 1]) + draw.normal(size=400) > 5).astype(np.int8)
    estimator = HistGradientBoostingClassifier(max_iter=8, random_state=1, categorical_features=[0])
    estimator.fit(matrix, labels)
    code = root / "features.py"
    code.write_text(FEATURES)
    artefact.write(
        root / "model",
        estimator=estimator,
        task=Task("binary"),
        encoding=ENCODING,
        compiled=compile_model(estimator, ENCODING, task="binary"),
        plan=FeatureSetPlan.from_json(compile_feature_set(code, "made")),
        types={"at": "timestamp", "miles": "number", "carrier": "string"},
        code=code,
        run="run-1",
        facts={},
    )
    codes = {"AA": 0.0, "UA": 1.0}
    seen = [[codes.get(row["carrier"], math.nan), row["miles"]] for row in ROWS]
    return root / "model", estimator.predict_proba(np.array(seen, dtype=np.float64))[:, 1].tolist()


def test_rows_alone_and_together_get_what_the_estimator_says(made):
    folder, said = made
    model = RowModel.read(folder)
    rows = rows_of(ROWS, model.plan, model.types)
    assert len(rows) > FEWEST_ROWS  # so together they take the array kernel
    assert [model.predict([row]).predictions[0] for row in rows] == pytest.approx(said, rel=0, abs=1e-12)
    assert model.predict(rows).predictions == pytest.approx(said, rel=0, abs=1e-12)


def test_a_model_without_transforms_is_served_without_numpy(made):
    code = (
        "import sys\n"
        "for name in ('numpy', 'sklearn', 'pandas', 'pyarrow'):\n"
        "    sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from training_jobs.serve import read\n"
        "from training_jobs.serving.invocation import Invocation\n"
        "print(Invocation(read(Path(sys.argv[1])))(sys.stdin.buffer.read())[0].decode())"
    )
    body = json.dumps({"instances": ROWS[:5]})
    found = subprocess.run(
        [sys.executable, "-c", code, str(made[0])], input=body, capture_output=True, text=True, check=True
    )
    answers = [each["probability"] for each in json.loads(found.stdout)["predictions"]]
    assert answers == pytest.approx(made[1][:5], rel=0, abs=1e-12)


def test_golden_rows_are_so_many_that_arrays_answer_them_too(made):
    folder, said = made
    ask = Invocation(RowModel.read(folder))
    rows = [{"instance": row, "answer": {"probability": p}} for row, p in zip(ROWS[:3], said, strict=False)]

    def another_kernel(body):
        answer, count = ask(body)
        return (answer if count < FEWEST_ROWS else answer.replace(b'":0.', b'":0.0')), count

    warm_up(ask, rows)
    warm_up(ask, [])
    with pytest.raises(ArtefactError, match="golden rows"):
        warm_up(another_kernel, rows)


def changed(folder, tmp_path, name, text):
    """A copy in which one file has another text that its manifest accounts for."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_text(text)
    manifest = json.loads((tmp_path / files.MANIFEST).read_text())
    manifest["sha256"][name] = files.sha256(tmp_path / name)
    manifest["sha256"][files.MANIFEST] = files.own_digest(manifest)
    files.write_json(tmp_path / files.MANIFEST, manifest)
    return tmp_path


def test_a_plan_with_another_hash_than_the_manifests_is_refused(made, tmp_path):
    plan = json.loads((made[0] / files.FEATURES).read_text())
    plan["features"] = plan["features"][::-1]
    with pytest.raises(ArtefactError, match="not the one the model was trained with"):
        RowModel.read(changed(made[0], tmp_path, files.FEATURES, json.dumps(plan)))


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 2}', "no json"])
def test_a_compiled_model_that_cannot_be_loaded_is_refused(made, tmp_path, text):
    with pytest.raises(ArtefactError, match=r"cannot be loaded|another format"):
        RowModel.read(changed(made[0], tmp_path, files.COMPILED, text))


@pytest.mark.parametrize("name", [*files.FILES, files.COMPILED])
def test_a_file_with_other_bytes_is_refused(made, tmp_path, name):
    for file in made[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_bytes((made[0] / name).read_bytes() + b" ")
    with pytest.raises(ArtefactError, match="was changed"):
        RowModel.read(tmp_path)


# --- whatever the body, the typed decoder and the plain one end the same

VIEW = ViewPlan(
    name="delays",
    source=SourcePlan(dataset="flights", event_ts="at", known_ts="known"),
    keys=("carrier",),
    sql="select 1",
    window_seconds=3600,
    every_seconds=3600,
    ttl_seconds=7200,
    outputs={"mean": "float64", "count": "int64"},
    defaults={"count": 0},
    hash="ab" * 32,
)
PLAN = FeatureSetPlan(
    name="made",
    attribute="made",
    hash="",
    source=VIEW.source,
    label=LabelPlan(name="late", sql="y"),
    request=("at", "miles", "carrier", "day", "wet"),
    views=(VIEW,),
    transforms=(),
    features=("miles", "carrier", "day", "wet", "mean", "count", "at"),
)
TYPES = {
    "at": "timestamp", "miles": "number", "carrier": "string", "day": "date", "wet": "boolean",
    "mean": "number", "count": "number",
}  # fmt: skip
COMPILED = {  # a line through all features, so that each of them shows in the answer
    "format": 1,
    "task": "regression",
    "classes": [],
    "columns": None,
    "features": list(PLAN.features),
    "categories": {"carrier": ["AA", "UA"]},
    "calibration": None,
    "model": {
        "kind": "linear",
        "steps": [{"kind": "fill", "values": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]}],
        "coefficients": [[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e-3]],
        "intercepts": [0.25],
        "link": "identity",
    },
}
MODEL = RowModel(run="run-1", types=TYPES, plan=PLAN, compiled=COMPILED)
MOMENT = 1_356_998_400  # of AT
GOOD = {"at": AT, "miles": 2.5, "carrier": "UA", "day": "2013-01-02", "wet": True}
FRESH = {VIEW.version: {"v": {"mean": 0.5, "count": 7}, "et": MOMENT - 60, "kt": MOMENT - 30}}


def outcome(invocation, body):
    try:
        return invocation(body)
    except RefusedError as refused:
        return refused.status, refused.body


def both(body):
    """What comes of a body with the typed decoder, and with the plain one alone."""
    plain = Invocation(MODEL)
    plain._typed = SimpleNamespace(read=lambda _: None)
    return outcome(Invocation(MODEL), body), outcome(plain, body)


def test_the_usual_bodies_are_typed_and_answered():
    invocation = Invocation(MODEL)
    none = dict.fromkeys(GOOD) | {"at": AT}
    for rows in (
        [GOOD],
        [GOOD | {"views": FRESH}, none | {"views": None, "more": [1]}],
        [GOOD | {"miles": 3}],
    ):
        for member in ("instances", "dataframe_records"):
            body = json.dumps({member: rows, "vectors": True}).encode()
            assert invocation._typed.read(body) is not None
            typed, plain = both(body)
            assert typed == plain
            assert typed[1] == len(rows)


def test_values_reach_the_model_as_their_types():
    body = json.dumps({"instances": [GOOD | {"views": FRESH}], "vectors": True}).encode()
    found = json.loads(Invocation(MODEL)(body)[0])
    # 2013-01-02 is a day after AT; miles, carrier, day, wet, mean, count, at
    assert found["vectors"] == [[2.5, "UA", MOMENT + 86400.0, 1.0, 0.5, 7.0, float(MOMENT)]]
    expected = 0.25 + 2.5 + 10 * 1 + 100 * (MOMENT + 86400) + 1e3 + 1e4 * 0.5 + 1e5 * 7 + 1e-3 * MOMENT
    assert found["predictions"][0]["value"] == pytest.approx(expected, rel=1e-12)


NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
TEXTS = st.one_of(
    st.sampled_from([AT, "2013-01-01", "2013-01-01T00:00:00+05:30", "0001-01-01", "UA", "", "nan", "1"]),
    st.text(max_size=3),
)
ODD = st.one_of(NUMBERS, TEXTS, st.lists(st.none(), max_size=1), st.just({}))
MEMBER = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {},
        optional={
            "v": st.one_of(
                ODD, st.dictionaries(st.sampled_from(["mean", "count", "more"]), ODD), st.just({"mean": 1})
            ),
            "et": st.one_of(st.just(MOMENT), st.just(MOMENT - 7201), st.just(MOMENT + 1), ODD),
            "kt": st.one_of(st.just(MOMENT), ODD),
            "state": ODD,
        },
    ),
)
VIEWS = st.one_of(ODD, st.dictionaries(st.sampled_from([VIEW.version, "other@1"]), MEMBER, max_size=2))


@st.composite
def instances(draw):
    """A good instance but for a few members, which are odd, left out or too many."""
    found = dict(GOOD)
    for name in draw(st.sets(st.sampled_from([*GOOD, "more"]), max_size=2)):
        if draw(st.booleans()):
            found[name] = draw(ODD)
        else:
            found.pop(name, None)
    if draw(st.booleans()):
        found["views"] = draw(VIEWS)
    return found


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.one_of(instances(), instances(), instances(), ODD), max_size=3),
    name=st.sampled_from(["instances", "instances", "dataframe_records", "rows"]),
    more=st.dictionaries(st.sampled_from(["vectors", "dataframe_split", "instances", "x"]), ODD, max_size=1),
)
def test_whatever_the_json_both_decoders_give_the_same_answer_or_the_same_error(rows, name, more):
    typed, plain = both(json.dumps({name: rows, **more}).encode())
    assert typed == plain


TEXT = json.dumps({"instances": [GOOD], "vectors": True})


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, len(TEXT)),
    gone=st.integers(0, 3),
    put=st.text(alphabet='0-.e"{}[],:nul \\\x00é', max_size=3),
)
@example(at=TEXT.index("2.5"), gone=3, put="-0")
@example(at=TEXT.index("2.5"), gone=3, put="1e400")
@example(at=TEXT.index("2.5"), gone=3, put="1" + "0" * 400)
@example(at=TEXT.index("2.5"), gone=3, put="9007199254740993")
@example(at=TEXT.index("2.5"), gone=3, put='2, "miles": null')
@example(at=TEXT.index("2.5"), gone=3, put='"far", "miles": 3')
@example(at=TEXT.index("2.5"), gone=3, put="[" * 5000)
@example(at=len(TEXT), gone=0, put=" x")
@example(at=0, gone=0, put="\ufeff")
def test_a_body_that_is_cut_and_mended_ends_the_same(at, gone, put):
    typed, plain = both((TEXT[:at] + put + TEXT[at + gone :]).encode())
    assert typed == plain
