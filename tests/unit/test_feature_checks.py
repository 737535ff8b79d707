"""What of a feature set does not fit the contract of its dataset, a sentence each."""

from dataclasses import replace

import pytest

from tidegate.contract.plan import Column, ContractPlan
from tidegate.feature_store.feature_checks import mistakes
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, TransformPlan, ViewPlan

SOURCE = SourcePlan(dataset="flights", event_ts="departed", known_ts="landed")
COLUMNS = {
    "departed": "timestamp",
    "landed": "timestamp",
    "carrier": "string",
    "seats": "integer",
    "delay": "number",
    "big": "boolean",
    "day": "date",
    "noon": "time",
}
CONTRACT = ContractPlan(
    id="c",
    version="1",
    dataset="flights",
    hash="h",
    columns=tuple(Column(name=name, type=kind) for name, kind in COLUMNS.items()),
    rules=(),
)
VIEW = ViewPlan(
    name="delays",
    source=SOURCE,
    keys=("carrier",),
    sql="select carrier, avg(delay) as rate from source group by carrier",
    window_seconds=1,
    every_seconds=1,
    ttl_seconds=1,
    outputs={"rate": "float64"},
)
PLAN = FeatureSetPlan(
    name="f",
    attribute="f",
    hash="",
    source=SOURCE,
    label=LabelPlan(name="late", sql="delay >= 15"),
    request=("departed", "carrier", "seats", "delay", "big", "day"),
    views=(VIEW,),
    transforms=(),
    features=("rate",),
)


def found(plan):
    return list(mistakes(plan, CONTRACT))


def of_view(sql=VIEW.sql, **changed):
    return found(replace(PLAN, views=(replace(VIEW, sql=sql, **changed),)))


def of_transform(*inputs, views=(VIEW,)):
    made = [
        TransformPlan(name=f"t{n}", inputs=each, outputs={f"x{n}": "int64"}) for n, each in enumerate(inputs)
    ]
    return found(replace(PLAN, views=views, transforms=tuple(made)))


def test_what_fits_has_no_mistakes():
    assert found(PLAN) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(
            {"source": replace(SOURCE, dataset="trains")},
            "the features read dataset `trains`, the contract describes `flights`",
            id="dataset",
        ),
        pytest.param(
            {"source": replace(SOURCE, known_ts="seen")},
            "the source's time `seen` is not a column of the contract",
            id="time unknown",
        ),
        pytest.param(
            {"source": replace(SOURCE, known_ts="delay")},
            "the source's time `delay` is a number in the contract",
            id="time is a number",
        ),
        pytest.param(
            {"request": ("departed", "carier")},
            "request column `carier` is not a column of the contract",
            id="request",
        ),
        pytest.param(
            {"request": ("departed", "noon")},
            "request column `noon` is of type time, which no instance holds",
            id="type of a request column",
        ),
    ],
)
def test_columns_that_are_not_there_or_not_of_their_type(changed, expected):
    assert found(replace(PLAN, **changed)) == [expected]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("arrival >= 15", "label `late`: Binder Error"),
        ("delay >= random()", "label `late`: `random` answers differently"),
        (
            "carrier",
            "label `late` is a VARCHAR; for task binary it must be 0, 1 or null; write a condition, such as",
        ),
        ("lead(delay) over (order by departed) > 15", "label `late` looks beyond its row"),
        ("max(delay)", "label `late` looks beyond its row"),
        ("1 as a, 2", "label `late` gives 2 columns, not one"),
        ("delay; select 1", "label `late`: it is 2 statements"),
    ],
)
def test_the_labels_sql(sql, expected):
    [mistake] = found(replace(PLAN, label=LabelPlan(name="late", sql=sql)))
    assert mistake.startswith(expected)


@pytest.mark.parametrize(
    "sql", ["carrier", "case when delay > 60 then 'late' end", "seats", "carrier::enum('a', 'b')", "big"]
)
def test_the_label_of_a_multiclass_names_classes(sql):
    assert list(mistakes(replace(PLAN, label=LabelPlan(name="kind", sql=sql)), CONTRACT, "multiclass")) == []


@pytest.mark.parametrize(
    ("task", "sql", "expected"),
    [
        (
            "multiclass",
            "day",
            "label `y` is a DATE; for task multiclass it must be the name of a class, or null",
        ),
        ("regression", "carrier", "label `y` is a VARCHAR; for task regression it must be a number, or null"),
    ],
)
def test_a_label_of_another_type_is_told_what_its_task_wants(task, sql, expected):
    assert list(mistakes(replace(PLAN, label=LabelPlan(name="y", sql=sql)), CONTRACT, task)) == [expected]


@pytest.mark.parametrize("sql", ["delay >= 15", "1", "seats % 2", "case when delay > 1 then 1.0 else 0 end"])
def test_labels_that_give_numbers(sql):
    assert found(replace(PLAN, label=LabelPlan(name="late", sql=sql))) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"sql": "select carrier, avg(late) as rate from source group by 1"}, ": Binder Error"),
        ({"sql": "select carrier, now() as rate from source"}, ": `now` answers differently"),
        ({"sql": "select carrier, first(delay) as rate from source group by 1"}, ": `first` without"),
        ({"sql": "select avg(delay) as rate from source"}, " gives rate; its keys and outputs are"),
        ({"sql": "select carrier, 1 as other from source"}, " gives carrier, other; its"),
        ({"sql": "select carrier, carrier, 1.0 as rate from source"}, " gives carrier, carrier_1, rate; its"),
        ({"sql": "select carrier, max(carrier) as rate from source group by 1"}, " gives `rate` as VARCHAR"),
        (
            {"sql": "select carrier, max(departed) as rate from source group by 1"},
            " gives `rate` as TIMESTAMP",
        ),
        ({"outputs": {"rate": "int64"}}, " gives `rate` as DOUBLE, which does not fit int64: cast it"),
        ({"outputs": {"rate": "bool"}}, " gives `rate` as DOUBLE, which does not fit bool"),
        (
            {
                "sql": "select carrier, count(*) as rate from source group by 1",
                "outputs": {"rate": "int32"},
            },
            " gives `rate` as BIGINT, which does not fit int32",
        ),
        (
            {"sql": "select len(carrier) as carrier, 1.0 as rate from source"},
            " gives its key `carrier` as BIGINT, a request has it as VARCHAR",
        ),
        ({"keys": ("tail",)}, ": its key `tail` is not a column of the contract"),
        ({"keys": ("delay",)}, ": its key `delay` is a number; an entity is told by"),
    ],
)
def test_a_views_sql(changed, expected):
    assert of_view(**changed)[0].startswith(f"aggregate `delays`{expected}")


@pytest.mark.parametrize(
    ("expression", "dtype"),
    [
        ("count(*)", "int64"),
        ("count(*)", "float64"),
        ("sum(seats)", "int64"),  # HUGEINT
        ("sum(delay)", "float32"),
        ("avg((delay > 15)::int)", "float64"),
        ("sum(delay::decimal(9, 2))", "float64"),
        ("sum(delay::decimal(9, 0))", "int64"),
        ("bool_or(big)", "bool"),
        ("bool_or(big)", "float64"),
        ("max(seats)::int", "int32"),
    ],
)
def test_outputs_of_types_that_fit(expression, dtype):
    sql = f"select carrier, {expression} as rate from source group by carrier"  # noqa: S608
    assert of_view(sql, outputs={"rate": dtype}) == []


@pytest.mark.parametrize("key", ["carrier", "seats", "big", "day"])
def test_keys_of_types_that_tell_entities(key):
    sql = f'select "{key}", count(*) as rate from source group by 1'  # noqa: S608
    assert of_view(sql, keys=(key,)) == []


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        ("carrier", {"string"}),
        ("departed", {"timestamp"}),
        ("day", {"timestamp"}),
        ("delay", {"float64", "float32"}),
        ("seats", {"int64", "int32", "float64", "float32"}),
        ("big", {"bool", "int64", "int32", "float64", "float32"}),
        ("rate", {"float64", "float32"}),  # what the view gives
    ],
)
def test_dtypes_that_a_transform_may_declare(name, dtypes):
    every = ("float64", "float32", "int64", "int32", "bool", "string", "timestamp")
    assert {dtype for dtype in every if not of_transform({name: dtype})} == dtypes


def test_what_a_transform_makes_has_its_dtype_for_the_next():
    assert of_transform({"seats": "int64"}, {"x0": "int32"}) == []
    assert of_transform({"seats": "int64"}, {"x0": "string"}) == [
        "transform `t1` takes `x0` as string, it is a int64: declare int64 or int32 or float64 or float32"
    ]
