"""A model's folder: damage is named, what is not ours is never loaded, the same model is the same bytes."""

import io
import json
import pickle
import shutil
import subprocess
import sys
import time
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from tidegate.compiled.compiler import compile_model
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving import files
from tidegate.serving.prediction import of_instances
from tidegate.serving.values import NotFiniteError
from tidegate.training import artefact, mlmodel, skops_file
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task

FEATURES = """
import numpy as np
from tidegate.features import FeatureSet, Label, Source, transform

source = Source("flights", event_ts="at", known_ts="known")


@transform(inputs=["miles"], outputs={"log_miles": "float64"})
def log_miles(miles):
    return (np.log1p(miles),)


made = FeatureSet(
    name="made", label=Label("late", source=source, sql="y"), request=["at", "miles", "carrier"],
    transforms=[log_miles], features=["carrier", "log_miles"],
)
"""
TYPES = {"at": "timestamp", "miles": "number", "carrier": "string"}
ROWS = [
    {"at": "2013-01-01T00:00:00Z", "miles": 100.0 * i, "carrier": ("UA", "AA", None)[i % 3]}
    for i in range(60)
]
ALL = (artefact.MANIFEST, *artefact.FILES)
ENCODING = Encoding(("carrier", "log_miles"), {"carrier": ("AA", "UA")})
SERVED_WITHOUT = ("sklearn", "skops", "scipy", "joblib", "pandas", "pyarrow", "mlflow", "lightgbm", "xgboost")


def fitted(kind=HistGradientBoostingClassifier, **parameters):
    draw = np.random.default_rng(4)
    matrix = np.column_stack([draw.integers(0, 2, 400), draw.normal(5, 2, 400)])
    labels = (matrix[:, 1] + draw.normal(size=400) > 5).astype(np.int8)
    return kind(**parameters).fit(matrix, labels)


def written(folder, estimator=None, document=None, **facts):
    code = folder.parent / f"{folder.name}-features.py"
    code.write_text(FEATURES)
    artefact.write(
        folder,
        estimator=estimator or fitted(max_iter=4, random_state=1, categorical_features=[0]),
        task=Task("binary"),
        encoding=ENCODING,
        compiled=document,
        plan=FeatureSetPlan.from_json(compile_feature_set(code, "made")),
        types=TYPES,
        code=code,
        run="run-1",
        facts={"seed": 1, **facts},
    )
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return written(tmp_path_factory.mktemp("artefact") / "model")


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "model")


@pytest.fixture(scope="module")
def compiled_original(tmp_path_factory):
    estimator = fitted(max_iter=4, random_state=1, categorical_features=[0])
    document = compile_model(estimator, ENCODING, task="binary")
    return written(tmp_path_factory.mktemp("artefact") / "compiled", estimator, document)


@pytest.fixture
def compiled_folder(compiled_original, tmp_path):
    return shutil.copytree(compiled_original, tmp_path / "model")


def replace_model(folder, data, name=artefact.MODEL):
    """Put other bytes in place of the model and make every digest agree, as a forger would."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / artefact.MANIFEST).read_text())
    manifest["sha256"][name] = files.sha256(folder / name)
    manifest["sha256"][artefact.MANIFEST] = files.own_digest(manifest)
    (folder / artefact.MANIFEST).write_bytes(files.json_bytes(manifest))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was executed",))


def test_what_was_written_is_read_and_predicts_as_the_estimator_did(folder):
    estimator = fitted(max_iter=4, random_state=1, categorical_features=[0])
    found = artefact.read(folder)
    codes = {"AA": 0.0, "UA": 1.0, None: np.nan}
    matrix = np.array([[codes[row["carrier"]], np.log1p(row["miles"])] for row in ROWS])
    np.testing.assert_array_equal(
        of_instances(found, ROWS).predictions, estimator.predict_proba(matrix)[:, 1]
    )
    assert (found.run, found.types, found.manifest["seed"]) == ("run-1", TYPES, 1)


def test_one_instance_gets_the_probability_it_gets_among_many(folder):
    found = artefact.read(folder)
    alone = [of_instances(found, [row]).predictions[0] for row in ROWS]
    assert alone == of_instances(found, ROWS).predictions.tolist()


@pytest.mark.parametrize("name", ALL)
def test_any_changed_byte_of_any_file_is_refused_and_the_file_named(folder, name):
    data = (folder / name).read_bytes()
    for position in np.linspace(0, len(data) - 1, 25).astype(int).tolist():
        (folder / name).write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(ArtefactError) as refused:
            artefact.read(folder)
        assert name in refused.value.cause, position
    (folder / name).write_bytes(data)
    artefact.read(folder)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_shortened_or_lengthened_file_is_refused(folder, name):
    data = (folder / name).read_bytes()
    for changed in (data[:-1], data + b"\n", b""):
        (folder / name).write_bytes(changed)
        with pytest.raises(ArtefactError):
            artefact.read(folder)
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match="incomplete") as refused:
        artefact.read(folder)
    assert name in refused.value.cause


@pytest.mark.parametrize("text", ["[]", "1", '{"sha256": []}', '{"sha256": {}}', "{}", "[" * 100_000])
def test_a_manifest_of_another_shape_is_refused(folder, text):
    (folder / artefact.MANIFEST).write_text(text)
    with pytest.raises(ArtefactError, match="incomplete"):
        artefact.read(folder)


def test_feature_code_of_another_hash_is_refused_before_the_model_is_loaded(folder, monkeypatch):
    manifest = json.loads((folder / artefact.MANIFEST).read_text())
    manifest["feature_hash"] = "0" * 64
    manifest["sha256"][artefact.MANIFEST] = files.own_digest(manifest)
    (folder / artefact.MANIFEST).write_bytes(files.json_bytes(manifest))
    monkeypatch.setattr(skops_file, "load", lambda path: pytest.fail("loaded"))
    with pytest.raises(ArtefactError, match="not the one the model was trained with"):
        artefact.read(folder)


def joblib_dump():
    out = io.BytesIO()
    joblib.dump(Bomb(), out)
    return out.getvalue()


def zip_of_pickle():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "schema.json", '{"__loader__": "ReduceNode", "__module__": "os", "__class__": "system"}'
        )
        archive.writestr("1.npy", pickle.dumps(Bomb()))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(pickle.dumps(Bomb()), id="pickle"),
        pytest.param(joblib_dump(), id="joblib"),
        pytest.param(zip_of_pickle(), id="zip"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_pickle_in_place_of_the_model_never_reaches_an_unpickler(folder, monkeypatch, data):
    replace_model(folder, data)
    for module, name in [(pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (joblib, "load")]:
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("an unpickler was reached"))
    with pytest.raises(ArtefactError) as refused:
        artefact.read(folder)
    assert refused.value.what in ("the model cannot be loaded", "the model holds types that are not trusted")


class NotOnTheList(LogisticRegression):
    pass


def test_a_type_that_is_not_on_the_list_is_refused_by_name(folder):
    replace_model(folder, skops.io.dumps(fitted(NotOnTheList)))
    with pytest.raises(ArtefactError, match="not trusted") as refused:
        artefact.read(folder)
    assert "NotOnTheList" in refused.value.cause


def test_the_list_of_trusted_types_is_as_short_as_boosting_needs(original):
    data = (original / artefact.MODEL).read_bytes()
    assert set(skops.io.get_untrusted_types(data=data)) <= set(skops_file.TRUSTED)
    for name in skops_file.TRUSTED:
        assert not name.startswith(("os.", "subprocess.", "builtins.", "sys."))


def test_the_same_model_gives_the_same_bytes_at_another_time_in_another_folder(
    original, tmp_path, monkeypatch
):
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: 2e9)  # zip files record when their members were written
        again = written(tmp_path / "again")
    for name in ALL:
        assert (again / name).read_bytes() == (original / name).read_bytes(), name


def test_another_model_gives_other_bytes(original, tmp_path):
    other = written(tmp_path / "other", fitted(max_iter=5, random_state=1, categorical_features=[0]))
    assert (other / artefact.MODEL).read_bytes() != (original / artefact.MODEL).read_bytes()


def test_a_probability_that_is_no_number_is_never_answered(tmp_path):
    linear = fitted(LogisticRegression)
    linear.coef_[:] = np.nan
    found = artefact.read(written(tmp_path / "broken", linear))
    with pytest.raises(NotFiniteError):
        of_instances(found, [{**ROWS[0], "carrier": "UA"}])


def test_a_compiled_model_answers_as_the_estimator_beside_it(compiled_folder):
    found = artefact.read(compiled_folder)
    assert (found.manifest["runtime"], found.scorer is None) == ("compiled", False)
    matrix = np.column_stack([np.arange(60) % 3 - 1.0, np.linspace(-3, 12, 60)])
    np.testing.assert_array_equal(found.predict(matrix), found.estimator.predict_proba(matrix)[:, 1])
    alone = [of_instances(found, [row]).predictions[0] for row in ROWS]
    assert alone == of_instances(found, ROWS).predictions.tolist()


def test_the_estimator_beside_a_compiled_model_is_verified_when_it_is_asked_for(compiled_folder):
    found = artefact.read(compiled_folder)
    path = compiled_folder / artefact.MODEL
    path.write_bytes(path.read_bytes()[:-1])
    assert of_instances(found, ROWS[:1]).predictions.shape == (1,)
    with pytest.raises(ArtefactError, match="was changed"):
        _ = found.estimator


def test_an_artefact_without_a_compiled_model_says_so(original):
    found = artefact.read(original)
    assert (found.manifest["runtime"], found.scorer) == ("sklearn", None)
    assert not (original / artefact.COMPILED).exists()


SERVE = f"""
import json, pickle, sys, _pickle, io
def refuse(*_, **__):
    raise SystemExit("an unpickler was reached")
for module in (pickle, _pickle):
    for name in ("load", "loads", "Unpickler"):
        setattr(module, name, refuse)
pickle._Unpickler.load = refuse
from pathlib import Path
from training_jobs.serve import read
from training_jobs.serving.invocation import Invocation
ask = Invocation(read(Path(sys.argv[1])))
print(ask(sys.stdin.buffer.read())[0].decode())
print(sorted({{name.partition(".")[0] for name in sys.modules}} & set({SERVED_WITHOUT})), file=sys.stderr)
"""


def served(folder, rows):
    """The answers of a process in which nothing can be unpickled, and the libraries that it imported."""
    body = json.dumps({"instances": rows}).encode()
    found = subprocess.run(
        [sys.executable, "-c", SERVE, str(folder)], input=body, capture_output=True, check=True
    )
    answers = json.loads(found.stdout)["predictions"]
    return [answer["probability"] for answer in answers], found.stderr.decode().splitlines()[-1]


def test_a_compiled_model_is_served_without_scikit_learn_and_without_an_unpickler(compiled_folder):
    answers, imported = served(compiled_folder, ROWS)
    assert imported == "[]"
    assert answers == of_instances(artefact.read(compiled_folder), ROWS).predictions.tolist()


def test_scikit_learn_serves_without_an_unpickler_too(original):
    answers, imported = served(original, ROWS[:3])
    assert "sklearn" in imported
    assert answers == of_instances(artefact.read(original), ROWS[:3]).predictions.tolist()


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "code/extra.PICKLE"])
def test_an_artefact_with_a_pickle_in_it_is_refused(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ArtefactError, match="holds a pickle") as refused:
        artefact.read(folder)
    assert name.rpartition("/")[2] in refused.value.cause


def test_a_changed_or_missing_compiled_model_is_refused(compiled_folder):
    path = compiled_folder / artefact.COMPILED
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1", b"2", 1))
    with pytest.raises(ArtefactError, match="was changed") as refused:
        artefact.read(compiled_folder)
    assert artefact.COMPILED in refused.value.cause
    path.unlink()
    with pytest.raises(ArtefactError, match="incomplete") as refused:
        artefact.read(compiled_folder)
    assert artefact.COMPILED in refused.value.cause


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 1}', "[" * 100_000, '{"format": 2}', "not JSON"])
def test_a_compiled_model_of_another_shape_is_refused(compiled_folder, text):
    replace_model(compiled_folder, text.encode(), artefact.COMPILED)
    with pytest.raises(ArtefactError, match="compiled model"):
        artefact.read(compiled_folder)


def test_an_estimator_that_could_not_be_loaded_again_is_not_stored(tmp_path):
    with pytest.raises(ArtefactError, match="not trusted") as refused:
        written(tmp_path / "other", fitted(KNeighborsClassifier, algorithm="kd_tree"))
    assert "KDTree" in refused.value.cause


def test_a_compiled_model_gives_the_same_bytes_again(compiled_original, tmp_path):
    estimator = fitted(max_iter=4, random_state=1, categorical_features=[0])
    again = written(tmp_path / "again", estimator, compile_model(estimator, ENCODING, task="binary"))
    for name in (*ALL, artefact.COMPILED):
        assert (again / name).read_bytes() == (compiled_original / name).read_bytes(), name


def test_mlmodel_is_yaml_that_describes_instances_and_answers(compiled_original):
    found = yaml.safe_load((compiled_original / artefact.MLMODEL).read_text())
    assert found["run_id"] == "run-1"
    assert found["flavors"]["tidegate"]["runtime"] == "compiled"
    inputs = {one["name"]: one["type"] for one in json.loads(found["signature"]["inputs"])}
    assert inputs == {"at": "datetime", "miles": "double", "carrier": "string"}
    assert [one["name"] for one in json.loads(found["signature"]["outputs"])] == ["probability"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_mlflow_reads_the_model_file(tmp_path, task):
    from mlflow.models import Model

    text = mlmodel.text(run="r", task=task, types=TYPES, flavor={"runtime": "compiled", "n": 1}, digest="d")
    (tmp_path / "MLmodel").write_text(text)
    found = Model.load(str(tmp_path))
    assert found.get_input_schema().input_names() == list(TYPES)
    assert found.get_output_schema() is not None
    assert found.flavors == {"tidegate": {"runtime": "compiled", "n": 1}}
