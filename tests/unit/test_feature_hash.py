"""A feature version changes with what decides a value, and with nothing else."""

import ast

import pytest

from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_hash import canonical, digest
from tidegate.feature_store.feature_plan import FeatureSetPlan, SourcePlan, ViewPlan

FILE = '''
import math
import numpy as np
from tidegate.features import Array, Entity, FeatureSet, Label, Source, aggregate, transform

MILES = 1.609
LIMITS = (0, 3000)
UNUSED = 1

source = Source("flights", event_ts="at", known_ts="known")
delays = aggregate(
    view="delays", source=source, keys=[Entity("carrier")], window="7d", every="1h", ttl="14d",
    sql="select carrier, avg(delay) as mean_delay from source group by carrier",
    outputs={"mean_delay": "float64"},
)


def kilometres(distance):
    return distance * MILES


def elsewhere(distance):
    return distance


@transform(inputs=["distance"], outputs={"far": "float64"})
def far(distance: Array) -> tuple[Array]:
    """How far it is."""
    return (np.clip(kilometres(distance), *LIMITS) + math.pi,)


@transform(inputs=["far"], outputs={"further": "float64"})
def further(far):
    return (far + 1,)


made = FeatureSet(
    name="made", label=Label("late", source=source, sql="delay >= 15"), request=["at", "carrier", "distance"],
    aggregates=[delays], transforms=[far, further], features=["mean_delay", "further"],
)
'''


NAME_A = ["Name", [("id", "'a'")]]
PLAIN_A = ["FormattedValue", [("conversion", "-1"), ("value", NAME_A)]]


@pytest.fixture
def compiled(tmp_path):
    def compiled(*changes):
        text = FILE
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file = tmp_path / "features.py"
        file.write_text(text)
        return FeatureSetPlan.from_json(compile_feature_set(file, "made"))

    return compiled


@pytest.fixture
def hash_of(compiled):
    return lambda *changes: compiled(*changes).hash


@pytest.fixture
def view_hash_of(compiled):
    return lambda *changes: compiled(*changes).views[0].hash


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            ("distance * MILES", "(distance\n        * MILES)  # to km"), id="formatting and comment"
        ),
        pytest.param(('    """How far it is."""\n', ""), id="docstring gone"),
        pytest.param(("How far it is.", "Distance."), id="docstring changed"),
        pytest.param(("(distance: Array) -> tuple[Array]", "(distance)"), id="annotations"),
        pytest.param(("def further(far):", "def further(far: object):"), id="annotation added"),
        pytest.param(("UNUSED = 1", "UNUSED = 2"), id="a constant nobody reads"),
        pytest.param(("    return distance\n", "    return -distance\n"), id="a helper nobody calls"),
        pytest.param(("avg(delay) as", "avg(delay)   as"), id="white space of SQL"),
        pytest.param(("avg(delay) as", "avg(delay) /* minutes */ as"), id="comment of SQL"),
        pytest.param(("def kilometres(distance):", "def kilometres(distance: float) -> float:"), id="note"),
        pytest.param(('window="7d"', 'window="168h"'), id="the same duration"),
    ],
)
def test_stays_the_same(hash_of, change):
    assert hash_of(change) == hash_of()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("MILES = 1.609", "MILES = 1.6093"), id="constant of a helper"),
        pytest.param(("LIMITS = (0, 3000)", "LIMITS = (0, 3000.0)"), id="type of a constant"),
        pytest.param(("distance * MILES", "distance / MILES"), id="body of a helper"),
        pytest.param(("math.pi", "math.e"), id="body"),
        pytest.param(("import math", "import numpy as math"), id="another module of that name"),
        pytest.param(("far + 1,", "far + 2,"), id="second transform"),
        pytest.param(('{"far": "float64"}', '{"far": "float32"}'), id="dtype"),
        pytest.param(('window="7d"', 'window="8d"'), id="window"),
        pytest.param(('every="1h"', 'every="2h"'), id="distance of ticks"),
        pytest.param(('ttl="14d"', 'ttl="15d"'), id="ttl"),
        pytest.param(("avg(delay)", "max(delay)"), id="sql"),
        pytest.param(("delay >= 15", "delay > 15"), id="label"),
        pytest.param(('["mean_delay", "further"]', '["further", "mean_delay"]'), id="order of features"),
        pytest.param(('known_ts="known"', 'known_ts="seen"'), id="known time"),
        pytest.param(('inputs=["far"]', 'inputs={"far": "float32"}'), id="dtype of an input"),
        pytest.param(('{"further": "float64"}', '{"further": "float64"}, nulls="handle"'), id="null policy"),
        pytest.param(("def kilometres(distance):", "def kilometres(distance, by=1.0):"), id="default"),
        pytest.param(("avg(delay) as", "avg(delay) + len('a  b') as"), id="text in SQL"),
    ],
)
def test_changes(hash_of, change):
    assert hash_of(change) != hash_of()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(('{"mean_delay": "float64"}', '{"mean_delay": "float32"}'), id="dtype"),
        pytest.param(('window="7d"', 'window="8d"'), id="window"),
        pytest.param(('every="1h"', 'every="2h"'), id="distance of ticks"),
        pytest.param(("avg(delay)", "max(delay)"), id="sql"),
        pytest.param(('known_ts="known"', 'known_ts="seen"'), id="known time"),
    ],
)
def test_a_view_has_another_version_when_its_rows_may_differ(view_hash_of, change):
    assert view_hash_of(change) != view_hash_of()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("distance * MILES", "distance / MILES"), id="a transform"),
        pytest.param(("delay >= 15", "delay > 15"), id="label"),
        pytest.param(('ttl="14d"', 'ttl="15d"'), id="ttl, which readers keep"),
        pytest.param(
            ('{"mean_delay": "float64"},', '{"mean_delay": "float64"}, defaults={"mean_delay": 0},'),
            id="default, which readers give",
        ),
    ],
)
def test_a_view_keeps_its_rows_when_others_change(view_hash_of, hash_of, change):
    assert view_hash_of(change) == view_hash_of()
    assert hash_of(change) != hash_of()


ONE_INPUT = 'inputs=["far"], outputs={"further": "float64"})\ndef further(far):\n    return (far + 1,)'
TWO_INPUTS = (
    'inputs=["far", "distance"], outputs={"further": "float64", "x": "float64"})\n'
    "def further(a, b):\n    return a - b, a"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('["far", "distance"]', '["distance", "far"]', id="inputs"),
        pytest.param(
            '{"further": "float64", "x": "float64"}', '{"x": "float64", "further": "float64"}', id="outputs"
        ),
    ],
)
def test_changes_with_the_order_in_which_arrays_go_in_and_come_out(hash_of, old, new):
    assert hash_of((ONE_INPUT, TWO_INPUTS.replace(old, new))) != hash_of((ONE_INPUT, TWO_INPUTS))


def test_changes_with_the_value_of_a_default_that_was_made_before(hash_of):
    """A name that has one value when the helper is defined and another at the end of the file."""
    texts = [
        (
            "def kilometres(distance):",
            f"K = {k}\ndef kilometres(distance, k=K):\n    distance = distance * k\n",
        )
        for k in (1, 2)
    ]
    later = ("def elsewhere", "K = 3\ndef elsewhere")
    assert hash_of(texts[0], later) != hash_of(texts[1], later)


def test_a_constant_is_told_from_an_equal_one_of_another_type(hash_of):
    found = {
        hash_of(("MILES = 1.609", f"MILES = {value}")) for value in ("1", "1.0", "True", "np.float64(1)")
    }
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # worked by hand: node name, then its fields in order of name, without ctx, kind and what is empty
        (
            "a + 1",
            ["BinOp", [("left", NAME_A), ("op", ["Add", []]), ("right", ["Constant", [("value", "1")]])]],
        ),
        ("u'é'", ["Constant", [("value", r"'\xe9'")]]),
        (
            "f'{a}' 'b' 'c' f'{a:}'",
            ["JoinedStr", [("values", [PLAIN_A, ["Constant", [("value", "'bc'")]], PLAIN_A])]],
        ),
        (
            "lambda a: a",
            ["Lambda", [("args", ["arguments", [("args", [["arg", [("arg", "'a'")]]])]]), ("body", NAME_A)]],
        ),
    ],
)
def test_a_tree_is_written_down_as_no_python_version_would(text, expected):
    assert canonical(ast.parse(text, mode="eval").body) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "def f(a):\n    'Told.'\n    b: int = a\n    c: int\n    return b",
            "def f(a):\n    b = a\n    return b",
        ),
        ("def f(a: int) -> int:\n    'Told.'", "def f(a):\n    pass"),
        ("def f(a):\n    return f'{a}' 'b' f''", "def f(a):\n    return f'{a}b'"),
    ],
)
def test_trees_of_equal_meaning_are_equal(one, other):
    assert canonical(ast.parse(one)) == canonical(ast.parse(other))


def test_a_change_and_its_reversal_give_the_same_hash_in_one_process(hash_of):
    first = hash_of()
    assert hash_of(("far + 1,", "far + 2,")) != first
    assert hash_of() == first


def test_a_digest_does_not_know_the_order_of_members():
    # sha256sum of {"a":1,"b":[2,3]}
    assert digest({"b": [2, 3], "a": 1}) == digest({"a": 1, "b": [2, 3]})
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


def test_a_plan_tells_which_transform_has_other_code(compiled):
    def codes(*changes):
        return {each.name: each.code for each in compiled(*changes).transforms}

    before, formatted = codes(), codes(("return (far + 1,)", "return (  far + 1,  )  # one more"))
    assert before == formatted and len(set(before.values())) == 2
    helped = codes(("return distance * MILES", "return distance * MILES * 1"))
    assert helped["further"] == before["further"] and helped["far"] != before["far"]


def test_a_plan_survives_json_and_names_its_rows(tmp_path):
    file = tmp_path / "features.py"
    file.write_text(FILE)
    document = compile_feature_set(file, "made")
    plan = FeatureSetPlan.from_json(document)
    assert plan.to_json() == document
    assert plan.instance == ("at", "carrier", "distance", "mean_delay")
    [view] = plan.views
    assert (view.version, view.table) == (f"delays@{view.hash[:16]}", "features_delays")


def test_entities_that_differ_never_share_a_name():
    plan = ViewPlan(
        name="v",
        source=SourcePlan(dataset="s", event_ts="at", known_ts="known"),
        keys=("a", "b"),
        sql="",
        window_seconds=1,
        every_seconds=1,
        ttl_seconds=1,
    )
    names = {
        plan.entity({"a": a, "b": b}) for a, b in [("x|y", "z"), ("x", "y|z"), ("x\\", "|z"), ("x\\|", "z")]
    }
    assert len(names) == 4
    assert plan.entity({"a": "UA", "b": 7}) == "v|UA|7"
    assert plan.entity({"a": "UA", "b": None}) is None
