"""Definitions: what they compile to, and every refusal with its sentence."""

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tidegate.columns.duck import connect
from tidegate.errors import ConfigError
from tidegate.feature_store.feature_file import compile_feature_set, load
from tidegate.features import Entity, FeatureSet, Label, Source, aggregate, aggregates, transform

FLIGHTS = Source("flights", event_ts="departed", known_ts="landed")
LATE = Label("late", source=FLIGHTS, sql="delay >= 15")
FACTOR = 3
TABLE = {"a": 1.0}
NAMES = ("a", object())


def view(name="delays", **changed):
    given = {
        "view": name,
        "source": FLIGHTS,
        "keys": [Entity("carrier")],
        "window": "7d",
        "every": "1h",
        "ttl": "14d",
        "sql": "select carrier, avg(delay) as mean_delay from source group by carrier",
        "outputs": {"mean_delay": "float64"},
    }
    return aggregate(**{**given, **changed})


@transform(inputs=["distance"], outputs={"log_distance": "float64"})
def log_distance(distance):
    return (np.log1p(distance),)


def feature_set(**changed):
    given = {
        "name": "flights",
        "label": LATE,
        "request": ["departed", "carrier", "distance"],
        "aggregates": [view()],
        "transforms": [log_distance],
        "features": ["carrier", "mean_delay", "log_distance"],
    }
    return FeatureSet(**{**given, **changed})


def define(
    tmp_path, body, *, known="import time\nimport numpy.random as dice\nfrom secrets import token_hex\n"
):
    """A features.py with one transform `f` of `a`, and what compiling it says."""
    head = "import numpy as np\nfrom tidegate.features import FeatureSet, Label, Source, transform\n"
    rest = (
        'source = Source("s", event_ts="at", known_ts="known")\n'
        'label = Label("l", source=source, sql="y")\n'
        'made = FeatureSet(name="made", label=label, request=["at", "a"], transforms=[f], features=["x"])\n'
    )
    mark = '@transform(inputs=["a"], outputs={"x": "float64"})'
    file = tmp_path / "features.py"
    file.write_text(f"{head}{known}{body.replace('@mark', mark)}\n{rest}")
    return compile_feature_set(file, "made")


def test_durations_become_seconds_and_sql_one_line():
    plan = view(window="90m", every="30s", ttl="2d", sql="select 1\n    from   source").plan
    assert (plan.window_seconds, plan.every_seconds, plan.ttl_seconds) == (5400, 30, 172_800)
    assert plan.sql == "select 1 from source"


def test_a_statement_with_tables_of_its_own_can_stand_behind_another_with():
    late = "WITH late as (select * from source where delay > 15) select carrier, 1.5 as mean_delay from late"
    sql = view(sql=late).plan.sql
    assert sql == f'select "carrier", "mean_delay" from ({late})'  # noqa: S608
    with connect() as connection:
        rows = f"with source as (select 'UA' as carrier, unnest([10, 20]) as delay) {sql}"
        assert connection.sql(rows).fetchall() == [("UA", Decimal("1.5"))]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"name": "Delays"}, "must be lower case letters, digits and _", id="name"),
        pytest.param({"keys": []}, "at least one key and one output", id="no key"),
        pytest.param({"outputs": {}}, "at least one key and one output", id="no output"),
        pytest.param({"sql": "select 1 from flights"}, "its SQL reads no table `source`", id="sql"),
        pytest.param({"window": "1 week"}, "window is '1 week'", id="window"),
        pytest.param({"every": "0h"}, "every is '0h'", id="zero"),
        pytest.param({"ttl": "-1d"}, "ttl is '-1d'", id="ttl"),
        pytest.param({"outputs": {"mean_delay": "text"}}, "unknown dtype text", id="dtype"),
        pytest.param({"outputs": ["mean_delay"]}, "outputs must name a dtype each", id="no dtype"),
        pytest.param({"outputs": {"mean delay": "float64"}}, "the name 'mean delay' must be", id="output"),
        pytest.param({"every": "1d", "ttl": "12h"}, "ttl is shorter than every", id="ttl under every"),
        pytest.param({"every": "8d"}, "window is shorter than every", id="rows in no window"),
        pytest.param(
            {"outputs": {"CARRIER": "float64"}}, "names CARRIER, carrier twice", id="key and output"
        ),
        pytest.param({"defaults": {"other": 0}}, "has defaults for other", id="default of nothing"),
        pytest.param({"defaults": {"mean_delay": float("nan")}}, "`mean_delay` is nan", id="default NaN"),
        pytest.param({"defaults": {"mean_delay": "0"}}, "`mean_delay` is '0'", id="default text"),
        pytest.param(
            {"outputs": {"mean_delay": "int64"}, "defaults": {"mean_delay": 0.5}},
            "0.5, which is no int64",
            id="default no integer",
        ),
        pytest.param(
            {"outputs": {"mean_delay": "bool"}, "defaults": {"mean_delay": 2}},
            "2, which is no bool",
            id="default no bool",
        ),
    ],
)
def test_an_aggregate_is_refused_with_its_name(changed, sentence):
    with pytest.raises(ConfigError) as refused:
        view(**changed)
    assert sentence in refused.value.what and refused.value.what.startswith("aggregate `")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"request": ["carrier", "distance"]}, "`departed` is not in `request`", id="no moment"),
        pytest.param(
            {"request": ["departed", "carrier", "distance", "landed"]}, "`landed` is in `request`", id="leak"
        ),
        pytest.param(
            {"aggregates": [view(source=Source("trains", "departed", "landed"))]},
            "aggregate `delays` and the label have different sources",
            id="two sources",
        ),
        pytest.param(
            {"aggregates": [view(keys=[Entity("plane")])]},
            "keys of aggregate `delays` name unknown columns: plane",
            id="key not sent",
        ),
        pytest.param(
            {"request": ["departed", "carrier"]},
            "inputs of transform `log_distance` name unknown columns: distance",
            id="input unknown",
        ),
        pytest.param({"features": ["carier"]}, "features name unknown columns: carier", id="feature unknown"),
        pytest.param({"features": []}, "has no features", id="no feature"),
        pytest.param(
            {"features": ["carrier", "carrier"]}, "names the feature carrier twice", id="feature twice"
        ),
        pytest.param(
            {"aggregates": [view(), view(outputs={"other": "float64"})]},
            "names the view delays twice",
            id="view twice",
        ),
        pytest.param(
            {"transforms": [log_distance, log_distance]}, "names the transform log_distance twice", id="twice"
        ),
        pytest.param(
            {"aggregates": [view(outputs={"log_distance": "float64"})], "features": ["carrier"]},
            "log_distance has two origins",
            id="two origins",
        ),
        pytest.param(
            {"request": ["departed", "carrier", "distance", "label"]},
            "the column name label is taken",
            id="label",
        ),
        pytest.param(
            {"aggregates": [view(outputs={"known_ts": "int64"})], "features": ["carrier"]},
            "the column name known_ts is taken",
            id="known_ts",
        ),
        pytest.param(
            {"request": ["departed", "carrier", "distance", "views"]},
            "the column name views is taken",
            id="views, a member of instances",
        ),
        pytest.param(
            {"request": ["departed", "carrier", "distance", "Carrier"]},
            "Carrier, carrier has two origins",
            id="capitals are no other name",
        ),
    ],
)
def test_a_feature_set_is_refused_with_its_reason(changed, sentence):
    with pytest.raises(ConfigError) as refused:
        feature_set(**changed)
    assert sentence in refused.value.what


@pytest.mark.parametrize(
    ("times", "sentence", "hint"),
    [
        ({}, "source `flights` has no event_ts", "when it happened"),
        ({"event_ts": "departed"}, "source `flights` has no known_ts", 'known_ts="departed"'),
    ],
)
def test_a_source_without_one_of_its_times_is_refused(times, sentence, hint):
    with pytest.raises(ConfigError) as refused:
        Source("flights", **times)
    assert refused.value.what == sentence and hint in refused.value.hint


@pytest.mark.parametrize("key", ["", None, 7])
def test_an_entity_is_named_by_a_column(key):
    with pytest.raises(ConfigError, match="the key of an entity is"):
        Entity(key)


def test_a_label_has_sql():
    with pytest.raises(ConfigError, match="label `late` has no SQL"):
        Label("late", source=FLIGHTS, sql=" -- later\n ;")


def test_several_windows_are_a_view_each_with_outputs_of_their_names():
    day, week = aggregates(
        view="delays",
        windows=["1d", "7d"],
        source=FLIGHTS,
        keys=[Entity("carrier")],
        every="1h",
        ttl="14d",
        sql="select carrier, avg(delay) as rate from source group by carrier;",
        outputs={"rate": "float64"},
        defaults={"rate": 0.2},
    )
    assert (day.plan.name, day.plan.window_seconds) == ("delays_1d", 86_400)
    assert (week.plan.outputs, week.plan.defaults) == ({"rate_7d": "float64"}, {"rate_7d": 0.2})
    assert week.plan.sql == (
        'select "carrier", "rate" as "rate_7d" from '
        "(select carrier, avg(delay) as rate from source group by carrier)"
    )
    assert day.plan.hash != week.plan.hash
    FeatureSet(
        name="s",
        label=LATE,
        request=["departed", "carrier"],
        aggregates=[day, week],
        features=["rate_1d", "rate_7d"],
    )


@pytest.mark.parametrize("windows", [[], "7d", ["7d", "7D"]])
def test_windows_are_several_texts(windows):
    with pytest.raises(ConfigError, match="aggregates `delays`: windows is"):
        aggregates(view="delays", windows=windows, keys=[], outputs={}, sql="")


def test_a_sources_own_event_ts_may_be_called_so():
    source = Source("flights", event_ts="event_ts", known_ts="known")
    made = FeatureSet(
        name="s",
        label=Label("l", source=source, sql="y"),
        request=["event_ts", "distance"],
        features=["distance"],
    )
    assert made.features == ["distance"]


def test_a_transform_declares_as_many_inputs_as_it_takes():
    with pytest.raises(ConfigError, match="takes 1 arrays but declares 2 inputs"):
        transform(inputs=["a", "b"], outputs={"x": "float64"})(log_distance.function)


@pytest.mark.parametrize(("inputs", "outputs"), [([], {"x": "float64"}), (["a"], {})])
def test_a_transform_has_inputs_and_outputs(inputs, outputs):
    with pytest.raises(ConfigError, match="needs at least one input and one output"):
        transform(inputs=inputs, outputs=outputs)(log_distance.function)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        pytest.param({"inputs": {"a": "text"}}, "unknown dtype text", id="unknown"),
        pytest.param({"inputs": "a"}, "inputs is a text", id="text"),
        pytest.param({"inputs": ["a", "a"]}, "names the input a twice", id="twice"),
        pytest.param({"nulls": "drop"}, "nulls is 'drop'", id="policy"),
        pytest.param({"outputs": {"x": "string"}}, "unknown dtype string", id="text output"),
        *(
            pytest.param(
                {"inputs": {"a": dtype}, "nulls": "handle"}, f"a cannot be missing as {dtype}", id=dtype
            )
            for dtype in ("int64", "int32", "bool")
        ),
    ],
)
def test_a_transforms_declaration_is_refused_with_its_name(declared, sentence):
    with pytest.raises(ConfigError) as refused:
        transform(**({"inputs": ["a"], "outputs": {"x": "float64"}} | declared))(log_distance.function)
    assert refused.value.what.startswith("transform `log_distance`") and sentence in refused.value.what


def test_inputs_without_dtypes_are_float64():
    assert log_distance.plan.inputs == {"distance": "float64"}
    assert log_distance.plan.nulls == "propagate"


def with_star(*a):
    return a


def with_keyword(*, a):
    return (a,)


@pytest.mark.parametrize("function", [with_star, with_keyword])
def test_a_transform_takes_its_inputs_by_position(function):
    with pytest.raises(ConfigError, match="takes \\*, \\*\\* or keyword arguments"):
        transform(inputs=["a"], outputs={"x": "float64"})(function)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param("@mark\ndef f(a):\n    return (a * time.time(),)", "`f` uses `time`", id="clock"),
        pytest.param(
            "@mark\ndef f(a):\n    return (np.random.rand() * a,)", "`f` uses `random`", id="chance"
        ),
        pytest.param(
            "@mark\ndef f(a):\n    return (dice.normal() * a,)",
            "the module `numpy.random`",
            id="chance by alias",
        ),
        pytest.param("@mark\ndef f(a):\n    return (open('x').read(),)", "`f` uses `open`", id="file"),
        pytest.param(
            "@mark\ndef f(a):\n    import os\n    return (a,)", "`f` contains `import os`", id="import"
        ),
        pytest.param(
            "@mark\ndef f(a):\n    global g\n    return (a,)", "`f` contains `global g`", id="global"
        ),
        pytest.param(
            "def h(a):\n    return a * time.time()\n@mark\ndef f(a):\n    return (h(a),)",
            "`h` uses `time`",
            id="clock of a helper",
        ),
        pytest.param(
            "@mark\ndef f(a):\n    return (a * int(token_hex(2), 16),)",
            "`token_hex` is a function of secrets",
            id="function of another module",
        ),
        pytest.param("t = {'a': 1}\n@mark\ndef f(a):\n    return (a * t['a'],)", "`t` is a dict", id="dict"),
        pytest.param(
            "t = (1, [2])\n@mark\ndef f(a):\n    return (a * t[0],)", "`t` is a tuple", id="list inside"
        ),
        pytest.param(
            "def make(k):\n    @mark\n    def f(a):\n        return (a * k,)\n    return f\nf = make(2)",
            "`f` reads k of an enclosing function",
            id="closure",
        ),
        pytest.param(
            "@mark\ndef f(a):\n    return (h(a),)\ndef h(a):\n    return np.empty_like(a)",
            "`h` uses `empty_like`, which holds whatever was in memory",
            id="memory of a helper below",
        ),
        pytest.param("@mark\ndef f(a):\n    return (a + hash('a'),)", "`f` uses `hash`", id="hash of a text"),
        pytest.param(
            "@mark\ndef f(a):\n    now = np.datetime64('now')\n    return (a * now.astype(float),)",
            "`f` reads the clock by 'now' (features.py:8)",
            id="clock by numpy",
        ),
        pytest.param(
            "def h(a, seen=[]):\n    return a\n@mark\ndef f(a):\n    return (h(a),)",
            "`h` has a default that is not a constant",
            id="memory of a default",
        ),
        pytest.param(
            "@mark\ndef f(a):\n    np.seterr(all='raise')\n    return (a,)",
            "`f` uses `seterr`, which changes how others compute",
            id="state",
        ),
        pytest.param("@mark\ndef f(a):\n    return (np.load('x'),)", "`f` uses `load`", id="file by numpy"),
        pytest.param(
            "@mark\ndef f(a):\n    return (f.__globals__['t'],)", "`f` uses `__globals__`", id="inside"
        ),
        pytest.param("@mark\ndef f(a):\n    yield a", "`f` contains `yield a`", id="generator"),
        pytest.param(
            "h = lambda a: a\n@mark\ndef f(a):\n    return (h(a),)", "is not a plain function", id="lambda"
        ),
    ],
)
def test_a_transform_that_could_answer_differently_tomorrow_is_refused(tmp_path, body, cause):
    with pytest.raises(ConfigError) as refused:
        define(tmp_path, body)
    assert re.fullmatch(r"features\.py:\d+: transform `f` is not pure", refused.value.what)
    assert cause in refused.value.cause


def test_a_refusal_names_the_line_of_its_definition(tmp_path):
    with pytest.raises(ConfigError) as refused:
        define(tmp_path, "\n\n@mark\ndef f(a):\n    return (a * time.time(),)")
    assert refused.value.what == "features.py:8: transform `f` is not pure"  # where `transform` is called
    assert refused.value.cause == "`f` uses `time`, which may answer differently each time (features.py:10)"


def test_a_transform_is_tried_when_it_is_compiled(tmp_path):
    with pytest.raises(ConfigError) as refused:
        define(tmp_path, "@mark\ndef f(a):\n    return (a - a.mean(),)")
    assert refused.value.what == "features.py:6: transform `f` depends on other rows"


def test_a_set_may_be_looked_into(tmp_path):
    body = "@mark\ndef f(a):\n    return (np.array([x in {1.0, 2.0} for x in a]),)"
    assert define(tmp_path, body)["features"] == ["x"]


def test_a_variable_of_its_own_may_be_named_as_something_outside(tmp_path):
    assert define(tmp_path, "@mark\ndef f(label):\n    time = label * 2\n    return (time,)")["features"] == [
        "x"
    ]


def test_annotations_of_any_kind_are_no_reading(tmp_path):
    known = "from tidegate.features import Array\nfrom decimal import Decimal\n"
    body = "@mark\ndef f(a: Array) -> tuple[Decimal]:\n    b: Array = a\n    return (b,)"
    assert define(tmp_path, body, known=known)["features"] == ["x"]


def test_loads_what_the_file_says_now_whatever_bytecode_lies_beside_it(tmp_path):
    file = tmp_path / "features.py"
    text = (Path(__file__).parents[2] / "examples" / "flights" / "features.py").read_text()
    file.write_text(text)
    assert load(file, "flight_delay").aggregates[0].plan.window_seconds == 7 * 86_400
    file.write_text(text.replace('window="7d"', 'window="9d"'))  # as long, and within one tick of its time
    assert load(file, "flight_delay").aggregates[0].plan.window_seconds == 9 * 86_400
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "attribute", "sentence", "cause"),
    [
        pytest.param(None, "made", "does not exist", "", id="no file"),
        pytest.param(
            "1 / 0", "made", "cannot be executed", "ZeroDivisionError: division by zero", id="raises"
        ),
        pytest.param("def", "made", "cannot be executed", "SyntaxError", id="syntax"),
        pytest.param("made = 1", "made", "has no feature set `made`", "it has none", id="not a feature set"),
    ],
)
def test_a_file_that_gives_no_feature_set_says_why(tmp_path, text, attribute, sentence, cause):
    file = tmp_path / "features.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(file, attribute)
    assert sentence in refused.value.what and cause in refused.value.cause


def test_an_error_of_the_users_own_names_its_line(tmp_path):
    (tmp_path / "features.py").write_text("a = 1\nb = a / 0\n")
    with pytest.raises(ConfigError, match=r"^features\.py:2: `.*` cannot be executed"):
        load(tmp_path / "features.py", "made")


def test_rows_known_as_they_happen_may_name_their_one_time_in_the_request():
    source = Source("sales", event_ts="at", known_ts="at")
    FeatureSet(
        name="s", label=Label("y", source=source, sql="y"), request=["at", "price"], features=["price"]
    )
