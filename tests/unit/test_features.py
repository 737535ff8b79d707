"""Definitions: what they compile to, and every refusal with its sentence."""

from pathlib import Path

import numpy as np
import pytest

from tidegate.errors import ConfigError
from tidegate.features import (
    Entity,
    FeatureSet,
    Label,
    Source,
    aggregate,
    compile_feature_set,
    load,
    transform,
)

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
    ],
)
def test_a_feature_set_is_refused_with_its_reason(changed, sentence):
    with pytest.raises(ConfigError) as refused:
        feature_set(**changed)
    assert sentence in refused.value.what


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
            "h = lambda a: a\n@mark\ndef f(a):\n    return (h(a),)", "is not a plain function", id="lambda"
        ),
    ],
)
def test_a_transform_that_could_answer_differently_tomorrow_is_refused(tmp_path, body, cause):
    with pytest.raises(ConfigError) as refused:
        define(tmp_path, body)
    assert refused.value.what == "transform `f` is not pure"
    assert cause in refused.value.cause


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


def test_rows_known_as_they_happen_may_name_their_one_time_in_the_request():
    source = Source("sales", event_ts="at", known_ts="at")
    FeatureSet(
        name="s", label=Label("y", source=source, sql="y"), request=["at", "price"], features=["price"]
    )
