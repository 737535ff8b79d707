"""Labelled rows and their split, worked by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from tidegate.errors import ConfigError, InsufficientDataError
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, ViewPlan
from tidegate.training.training_set import labelled, split

START = datetime(2013, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
VIEW = ViewPlan(
    name="delays",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select carrier, 0 as rate from source group by carrier",
    window_seconds=3600,
    every_seconds=3600,
    ttl_seconds=7200,
    outputs={"rate": "float64"},
)


ONCE_LANDED = "case when delay >= 15 then 1 when delay < 15 then 0 end"


def at(hours):
    return START + timedelta(hours=hours)


def plan(sql="case when delay >= 15 then 1 else 0 end", *, event_ts="departed", views=(VIEW,)):
    return FeatureSetPlan(
        name="flights",
        attribute="flights",
        hash="",
        source=SourcePlan(dataset="flights", event_ts=event_ts, known_ts="landed"),
        label=LabelPlan(name="late", sql=sql),
        request=(event_ts, "carrier"),
        views=views,
        transforms=(),
        features=("carrier",),
    )


def flights(*rows, event_ts="departed"):
    departed, carriers, delays = zip(*rows, strict=True)
    return pa.table(
        {
            event_ts: pa.array([at(h) for h in departed], TIME),
            "carrier": pa.array(carriers, pa.string()),
            "delay": pa.array(delays, pa.float64()),
            "landed": pa.array([at(h + 2) for h in departed], TIME),
        }
    )


def view_rows(*rows):
    carriers, ticks, rates = zip(*rows, strict=True)
    times = pa.array([at(h) for h in ticks], TIME)
    return pa.table(
        {
            "carrier": pa.array(carriers, pa.string()),
            "rate": pa.array(rates, pa.float64()),
            "event_ts": times,
            "known_ts": times,
            "ord": pa.array([int(h * 3600) for h in ticks], pa.int64()),
        }
    )


def held(**tables):
    """Gives the rows of each view as they are."""
    return lambda view, _: tables[view.name].to_batches()


def test_each_flight_is_labelled_and_sees_the_rate_of_its_moment():
    made = labelled(
        plan(),
        flights((5, "UA", 20), (1, "UA", 15), (1.5, "AA", 14), (4, "UA", 0)),
        held(delays=view_rows(("UA", 1, 0.1), ("UA", 5, 0.5), ("AA", 2, 0.9))),
    )
    assert made.column_names == ["departed", "carrier", "rate", "label", "event_ts", "label_known_ts"]
    assert made["event_ts"].to_pylist() == [at(1), at(1.5), at(4), at(5)]
    assert made["departed"].to_pylist() == made["event_ts"].to_pylist()
    assert made["label"].to_pylist() == [1, 0, 0, 1]
    # AA's rate comes at 2, after its flight; UA's of 1:00 is older than two hours at 4:00
    assert made["rate"].to_pylist() == [0.1, None, None, 0.5]


def test_the_order_of_delivery_changes_nothing():
    rows = [(1, "UA", 20), (1, "AA", 0), (1, "UA", 20), (0, None, 3)]
    views = held(delays=view_rows(("UA", 1, 0.1), ("AA", 0, 0.2)))
    assert labelled(plan(), flights(*rows), views).equals(labelled(plan(), flights(*rows[::-1]), views))


def test_each_view_is_asked_for_what_its_labels_may_see_and_its_default_stands_in():
    week = replace(VIEW, name="weekly", ttl_seconds=7 * 86_400, outputs={"share": "float64"})
    rough = replace(VIEW, defaults={"rate": 0.5})
    asked = {}

    def rows(view, period):
        asked[view.name] = period
        [column] = view.outputs
        return view_rows(("UA", 1, 0.1)).rename_columns({"rate": column}).to_batches()

    made = labelled(
        plan(ONCE_LANDED, views=(rough, week)), flights((2, "UA", 20), (30, "UA", None), (9, "UA", 0)), rows
    )
    assert asked == {"delays": (at(0), at(9)), "weekly": (at(2 - 7 * 24), at(9))}
    assert made["rate"].to_pylist() == [0.1, 0.5]
    assert made["share"].to_pylist() == [0.1, 0.1]
    assert made.column_names == [
        "departed",
        "carrier",
        "rate",
        "share",
        "label",
        "event_ts",
        "label_known_ts",
    ]


def test_a_stream_of_the_sources_rows_gives_what_their_table_gives():
    rows = flights((5, "UA", 20), (1, "UA", 15), (1.5, "AA", 14), (4, "UA", 0))
    views = held(delays=view_rows(("UA", 1, 0.1), ("UA", 5, 0.5), ("AA", 2, 0.9)))
    stream = pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=1))
    assert labelled(plan(), stream, views).equals(labelled(plan(), rows, views))


def test_without_any_outcome_no_view_is_read():
    made = labelled(plan(ONCE_LANDED), flights((0, "UA", None)), lambda *_: pytest.fail("was asked"))
    assert (made.num_rows, made["rate"].type) == (0, pa.float64())


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("delay >= 15", id="boolean"),
        pytest.param("case when delay >= 15 then 1.0 when delay < 15 then 0.0 end", id="decimal"),
        pytest.param("cast(delay >= 15 as double)", id="double"),
        pytest.param("cast(delay >= 15 as hugeint)", id="hugeint"),
    ],
)
def test_a_label_of_any_numeric_type_counts_and_one_without_outcome_is_left_out(sql):
    made = labelled(plan(sql, views=()), flights((0, "UA", 20), (1, "UA", None), (2, "UA", 1)), held())
    assert made["label"].to_pylist() == [1, 0]
    assert made["label_known_ts"].to_pylist() == [at(2), at(4)]
    assert made["label"].type == pa.int8()
    assert made["event_ts"].to_pylist() == [at(0), at(2)]


def test_a_label_that_is_neither_0_nor_1_is_refused_with_its_values():
    with pytest.raises(ConfigError, match=r"label `late` is 20\.0, 7\.0 in some rows") as refused:
        labelled(plan("delay", views=()), flights((0, "UA", 20), (1, "UA", 7), (2, "UA", 1)), held())
    assert refused.value.cause.endswith(": delay")


@pytest.mark.parametrize(
    ("sql", "task", "labels", "kind"),
    [
        (
            "case when delay >= 15 then 'late' when delay < 15 then 'fine' end",
            "multiclass",
            ["late", "fine"],
            pa.string(),
        ),
        ("case when delay > 9 then 7 when delay < 9 then 3 end", "multiclass", ["7", "3"], pa.string()),
        ("delay", "regression", [20.0, 1.0], pa.float64()),
        ("cast(delay as decimal(6, 2))", "regression", [20.0, 1.0], pa.float64()),
    ],
)
def test_a_label_is_a_class_or_a_number_where_the_task_says_so(sql, task, labels, kind):
    made = labelled(plan(sql, views=()), flights((0, "UA", 20), (1, "UA", None), (2, "UA", 1)), held(), task)
    assert (made["label"].to_pylist(), made["label"].type) == (labels, kind)


@pytest.mark.parametrize(
    ("sql", "task", "what"),
    [
        ("'late'", "regression", "is late in some rows"),
        ("'late'", "binary", "is late in some rows"),
        ("case when delay > 5 then 1e999 else delay end", "regression", "is inf in some rows"),
        ("case when delay > 5 then '' else 'fine' end", "multiclass", "is  in some rows"),
    ],
)
def test_what_is_no_label_of_the_task_is_refused(sql, task, what):
    with pytest.raises(ConfigError, match=what) as refused:
        labelled(plan(sql, views=()), flights((0, "UA", 20), (2, "UA", 1)), held(), task)
    assert f"for task {task} its SQL must give" in refused.value.cause


def test_the_sources_own_moment_may_be_called_event_ts():
    rows = flights((1, "UA", 20), (0, "UA", 1), event_ts="event_ts")
    made = labelled(plan(event_ts="event_ts"), rows, held(delays=view_rows(("UA", 0, 0.1))))
    assert made.column_names == ["event_ts", "carrier", "rate", "label", "label_known_ts"]
    assert made.to_pydict()["label"] == [0, 1]


def hourly(count, label=lambda hour: hour % 2, delay=lambda hour: 0):
    hours = range(count)
    return pa.table(
        {
            "event_ts": pa.array([at(h) for h in hours], TIME),
            "label": pa.array([label(h) for h in hours], pa.int8()),
            "label_known_ts": pa.array([at(h + delay(h)) for h in hours], TIME),
        }
    )


def hours_of(table):
    return [int((moment - START) / timedelta(hours=1)) for moment in table["event_ts"].to_pylist()]


def test_the_newest_days_are_for_testing_and_a_gap_before_them_for_nothing():
    # 0..99, last 99: test is (99 - 24, 99], training is before 75 - 12 = 63
    parts = split(hourly(100), test_days=1, gap_hours=12, minimum_rows=50)
    assert hours_of(parts.test) == list(range(76, 100))
    assert hours_of(parts.train) == list(range(63))


def test_without_a_gap_no_row_is_in_both():
    parts = split(hourly(100), test_days=1, gap_hours=0, minimum_rows=50)
    assert (max(hours_of(parts.train)), min(hours_of(parts.test))) == (74, 76)


def test_the_gap_is_raised_to_what_labels_take_to_become_known():
    # test begins after 75; labels take 30 hours, so training ends before 45
    parts = split(hourly(100, delay=lambda hour: 30), test_days=1, gap_hours=12, minimum_rows=40)
    assert (max(hours_of(parts.train)), min(hours_of(parts.test))) == (44, 76)


def test_one_late_label_is_left_out_and_does_not_move_the_gap():
    late = split(
        hourly(200, delay=lambda h: 500 if h == 7 else 1), test_days=1, gap_hours=12, minimum_rows=50
    )
    assert set(range(163)) - set(hours_of(late.train)) == {7}


def test_exactly_the_minimum_is_enough_and_one_less_is_not():
    assert split(hourly(100), test_days=1, gap_hours=12, minimum_rows=63).train.num_rows == 63
    with pytest.raises(InsufficientDataError, match="63 rows to train on, at least 64 are needed") as refused:
        split(hourly(100), test_days=1, gap_hours=12, minimum_rows=64)
    assert refused.value.cause == "the newest 1 days are for testing, 12 hours before them unused"


def test_no_rows_at_all_say_so():
    with pytest.raises(InsufficientDataError, match="no labelled rows"):
        split(hourly(0), test_days=1, gap_hours=0, minimum_rows=1)


@pytest.mark.parametrize(
    ("label", "part"),
    [(lambda hour: int(hour > 70), "training"), (lambda hour: hour % 2 if hour < 70 else 1, "test")],
)
def test_one_class_is_refused_in_either_part(label, part):
    with pytest.raises(InsufficientDataError, match=f"the {part} rows have 1 of 2 classes"):
        split(hourly(100, label), test_days=1, gap_hours=12, minimum_rows=50)


@pytest.mark.parametrize(
    ("task", "kind", "label", "what"),
    [
        ("regression", pa.float64(), 1.5, "the training rows have one label"),
        ("multiclass", pa.string(), "late", "the training rows have 1 class"),
    ],
)
def test_labels_that_do_not_differ_are_refused_for_every_task(task, kind, label, what):
    rows = hourly(100)
    rows = rows.set_column(1, "label", pa.array([label] * 100, kind))
    with pytest.raises(InsufficientDataError, match=what):
        split(rows, test_days=1, gap_hours=12, minimum_rows=50, task=task)
