"""The join against two oracles: every pair of label and row in plain Python, and pandas' merge_asof."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_store import point_in_time
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.point_in_time import KnownBeforeEventError, UndatedRowsError, join, join_stream

EPOCH = datetime(2013, 3, 10, 5, tzinfo=UTC)  # the day New York's clocks went forward
TTL = 100
TIME = pa.timestamp("us", tz="UTC")
FLOAT = pa.float64()
MICRO = timedelta(microseconds=1)


def view(*keys, ttl=TTL, defaults=None, **outputs):
    return ViewPlan(
        name="delay",
        source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
        keys=keys,
        sql="select carrier from source",
        window_seconds=600,
        every_seconds=60,
        ttl_seconds=ttl,
        outputs=outputs or {"rate": "float64"},
        defaults=defaults or {},
    )


VIEW = view("carrier")
TEXT = {"carrier": pa.string()}


def at(seconds):
    return EPOCH + timedelta(seconds=seconds)


def features(rows, keys=TEXT, value=FLOAT):
    """(key, ..., event, known, ord, rate) as the rows of the view; seconds, or moments."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(keys) + 4)
    *entity, events, knowns, places, rates = columns
    return pa.table(
        {
            **{name: pa.array(part, keys[name]) for name, part in zip(keys, entity, strict=True)},
            "rate": pa.array(rates, value),
            "event_ts": moments(events),
            "known_ts": moments(knowns),
            "ord": pa.array(places, pa.int64()),
        }
    )


def labels(rows, keys=TEXT):
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(keys) + 1)
    entity = {name: pa.array(part, keys[name]) for name, part in zip(keys, columns[:-1], strict=True)}
    return pa.table({**entity, "moment": moments(columns[-1])})


def moments(values):
    return pa.array([at(v) if isinstance(v, int | float) else v for v in values], TIME)


def joined(label_rows, feature_rows, keys=TEXT, plan=VIEW):
    made = join(labels(label_rows, keys), plan, features(feature_rows, keys), moment="moment")
    assert made.drop_columns(list(plan.outputs)).equals(labels(label_rows, keys))
    return made["rate"].to_pylist()


def oracle(label_rows, feature_rows, ttl=TTL):
    """Every label once; of the rows it may see, the rate of the last by ord. None is nobody's key."""
    answers = []
    for *entity, moment in label_rows:
        seen = [
            (place, rate)
            for *name, event, known, place, rate in feature_rows
            if None not in name
            and name == entity
            and moment is not None
            and moment - ttl <= event <= moment
            and known <= moment
        ]
        answers.append(max(seen, key=lambda row: row[0])[1] if seen else None)
    return answers


def ordered(rows):
    """(key, ..., event, known, rate) with `ord` counted for each entity: by event, by known, as they come."""
    counts = Counter()
    places = {}
    for i in sorted(range(len(rows)), key=lambda i: (rows[i][-3], rows[i][-2], i)):
        places[i] = counts[rows[i][:-3]]
        counts[rows[i][:-3]] += 1
    return [(*row[:-1], places[i], row[-1]) for i, row in enumerate(rows)]


def test_a_value_that_had_not_arrived_yet_is_not_seen():
    late_arrival = [("UA", 10, 10, 1, 0.1), ("UA", 20, 50, 2, 0.9)]
    assert joined([("UA", 49), ("UA", 50)], late_arrival) == [0.1, 0.9]


def test_a_late_arriving_older_value_does_not_replace_a_newer_one():
    assert joined([("UA", 60)], [("UA", 30, 30, 2, 0.3), ("UA", 20, 55, 1, 0.2)]) == [0.3]


def test_of_rows_that_happened_and_were_known_at_one_moment_the_greater_ord_is_seen():
    tie = [("UA", 5, 5, 7, 0.7), ("UA", 5, 5, 8, 0.8), ("UA", 5, 5, 6, 0.6)]
    assert joined([("UA", 9)], tie) == joined([("UA", 9)], tie[::-1]) == [0.8]


def test_a_row_recorded_twice_counts_once_and_labels_stay_as_many():
    twice = [("UA", 5, 5, 7, 0.7)] * 3 + [("UA", 4, 4, 6, 0.6)] * 2
    assert joined([("UA", 9), ("UA", 9), ("UA", 4)], twice) == [0.7, 0.7, 0.6]


@pytest.mark.parametrize("second", [0, 1, 59, 60, 3600])
def test_the_ttl_and_both_times_include_their_own_microsecond(second):
    row = [("UA", second, second + 10, 1, 0.5)]
    wanted = {
        at(second + 10) - MICRO: None,
        at(second + 10): 0.5,
        at(second + TTL): 0.5,
        at(second + TTL) + MICRO: None,
        at(second + TTL + 1): None,
    }
    assert joined([("UA", moment) for moment in wanted], row) == list(wanted.values())


def test_the_ttl_is_so_many_seconds_on_the_days_when_clocks_change():
    day = view("carrier", ttl=86_400)
    new_york = ZoneInfo("America/New_York")
    for year, month, number, hours in ((2013, 3, 9, 23), (2013, 11, 2, 25)):
        noon = datetime(year, month, number, 12, tzinfo=new_york)
        next_noon = datetime(year, month, number + 1, 12, tzinfo=new_york)
        assert next_noon.astimezone(UTC) - noon.astimezone(UTC) == timedelta(hours=hours)
        found = joined([("UA", next_noon)], [("UA", noon, noon, 1, 0.5)], plan=day)
        assert found == ([0.5] if hours <= 24 else [None])


def test_a_label_without_an_entity_or_a_moment_keeps_its_row():
    wanted = [("AA", 10), (None, 10), ("UA", None), ("UA", 10)]
    assert joined(wanted, [("UA", 1, 1, 1, 0.5), (None, 1, 1, 2, 0.6)]) == [None, None, None, 0.5]


def test_the_newest_value_may_be_null_and_no_older_one_stands_in():
    assert joined([("UA", 9)], [("UA", 1, 1, 1, 0.5), ("UA", 2, 2, 2, None)]) == [None]


def test_a_null_is_replaced_by_a_newer_value_that_comes_in_another_piece(monkeypatch):
    monkeypatch.setattr(point_in_time, "_PIECE_ROWS", 1)
    assert joined([("UA", 9)], [("UA", 1, 1, 1, None), ("UA", 2, 2, 2, 0.5)]) == [0.5]
    assert joined([("UA", 9)], [("UA", 2, 2, 2, 0.5), ("UA", 1, 1, 1, None)]) == [0.5]


@pytest.mark.parametrize(
    ("dtype", "value", "default"),
    [
        ("float64", 0.25, 0.5),
        ("float32", 0.25, 0.5),
        ("int64", 3, 7.0),
        ("int32", 3, 7.0),
        ("bool", False, 1.0),
    ],
)
def test_the_default_stands_in_where_there_is_no_value(dtype, value, default):
    plan = view("carrier", defaults={"rate": default}, rate=dtype)
    kind = pa.from_numpy_dtype(dtype)
    rows = features([("UA", 1, 1, 1, value), ("AA", 1, 1, 1, None)], value=kind)
    made = join(
        labels([("UA", 2), ("AA", 2), ("B6", 2), ("UA", 200), ("UA", 0)]), plan, rows, moment="moment"
    )
    assert made["rate"].to_pylist() == [value, default, default, default, default]
    assert made["rate"].type == kind


@pytest.mark.parametrize("rows", [[], [("B6", 1, 1, 1, 0.5)]])
def test_without_any_row_of_its_entities_every_label_has_none(rows):
    assert joined([("UA", 2), ("AA", 3)], rows) == [None, None]


def test_no_labels_at_all_are_no_rows():
    assert joined([], [("UA", 1, 1, 1, 0.5)]) == []
    assert joined([(None, 1)], [("UA", 1, 1, 1, 0.5)]) == [None]


def test_rows_known_before_they_happened_are_refused_with_their_number():
    early = [("UA", 5, 4, 1, 0.5), ("UA", 6, 6, 2, 0.5), ("ZZ", 9, 8, 3, 0.5)]
    with pytest.raises(KnownBeforeEventError, match="2 rows of view `delay` were known before"):
        joined([("UA", 10)], early)


@pytest.mark.parametrize("row", [("UA", None, 4, 1, 0.5), ("UA", 4, None, 1, 0.5), ("UA", 4, 4, None, 0.5)])
def test_a_row_without_a_time_or_an_ord_is_refused(row):
    with pytest.raises(UndatedRowsError, match="rows of view `delay` lack 1 times"):
        joined([("UA", 10)], [("UA", 1, 1, 1, 0.5), row])


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        pytest.param(pa.int64(), [3, -4, 5], id="dense integers"),
        pytest.param(pa.int64(), [-(2**63), 0, 2**63 - 1], id="integers far apart"),
        pytest.param(pa.int32(), [2**31 - 1, -(2**31), 7], id="narrow integers"),
        pytest.param(pa.uint64(), [2**64 - 1, 0, 7], id="unsigned integers"),
        pytest.param(pa.large_string(), ["a", "", "ä"], id="texts"),
        pytest.param(pa.dictionary(pa.int32(), pa.string()), ["a", "b", "c"], id="encoded texts"),
        pytest.param(
            pa.date32(), [datetime(2013, 1, day, tzinfo=UTC).date() for day in (1, 2, 9)], id="dates"
        ),
        pytest.param(pa.bool_(), [True, False, None], id="booleans"),
    ],
)
def test_entities_may_be_of_any_type(kind, ids):
    keys = {"id": kind}
    rows = [(each, 1, 1, 1, float(i)) for i, each in enumerate(ids)]
    wanted = [None if each is None else float(i) for i, each in enumerate(ids)]
    assert joined([(each, 2) for each in ids], rows, keys, view("id")) == wanted
    assert joined([(ids[1], 2)], rows, keys, view("id")) == [1.0]  # rows of entities that no label has


def test_entities_just_beside_those_of_the_labels_are_nobodys():
    keys = {"id": pa.int64()}
    rows = [(number, 1, 1, 1, float(number)) for number in range(10, 20)]
    assert joined([(13, 2), (14, 2), (16, 2)], rows, keys, view("id")) == [13.0, 14.0, 16.0]


def test_with_two_keys_half_an_entity_is_nobody():
    rows = [
        ("UA", 1, 1, 1, 1, 0.1),
        ("UA", None, 1, 1, 1, 0.2),
        ("AA", 2, 1, 1, 1, 0.3),
        (None, 2, 1, 1, 1, 0.4),
    ]
    pairs = [(carrier, number) for carrier in ("UA", "AA", None) for number in (1, 2, 3, None)]
    found = joined([(*pair, 2) for pair in pairs], rows, PAIR, view(*PAIR))
    assert dict(zip(pairs, found, strict=True)) == {**dict.fromkeys(pairs), ("UA", 1): 0.1, ("AA", 2): 0.3}


def test_labels_may_be_millennia_apart():
    early, late = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    names = [f"C{i}" for i in range(60)]
    rows = [(name, moment, moment, i, float(i)) for name in names for i, moment in enumerate((early, late))]
    wanted = [(name, moment + timedelta(seconds=1)) for moment in (late, early) for name in names]
    assert joined(wanted, rows) == [1.0] * 60 + [0.0] * 60


def test_the_same_entity_in_another_type_is_the_same_and_what_is_no_number_is_refused():
    wanted = labels([(7, 2), (8, 2)], {"id": pa.int64()})
    for kind, seven in ((pa.int16(), 7), (pa.string(), "7")):
        rows = features([(seven, 1, 1, 1, 0.5)], {"id": kind})
        assert join(wanted, view("id"), rows, moment="moment")["rate"].to_pylist() == [0.5, None]
    with pytest.raises(pa.ArrowInvalid, match="seven"):
        join(wanted, view("id"), features([("seven", 1, 1, 1, 0.5)], {"id": pa.string()}), moment="moment")


instants = st.integers(0, 300)
delays = st.sampled_from([0, 0, 5, 60, 200])
rates = st.one_of(st.none(), st.floats(0, 1, width=32))
carriers = st.sampled_from(["UA", "AA", None])
numbers = st.sampled_from([1, 2, None])
KINDS = {"text": (TEXT, carriers, "OO"), "number": ({"id": pa.int64()}, numbers, 9)}
PAIR = {"carrier": pa.string(), "id": pa.int64()}


def rows_of(*entity):
    drawn = st.tuples(*entity, instants, delays, rates)
    rows = st.lists(drawn.map(lambda row: (*row[:-2], row[-3] + row[-2], row[-1])), max_size=40)
    twice = st.lists(st.integers(0, 39), max_size=5)  # rows that are recorded a second time, elsewhere
    return st.tuples(rows.map(ordered), twice).map(
        lambda made: made[0] + [r for i in made[1] for r in made[0][i : i + 1]]
    )


def labels_of(*entity):
    return st.lists(st.tuples(*entity, st.one_of(st.none(), instants)), max_size=30)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_equals_every_pair_looked_at(kind, data):
    keys, entity, stranger = KINDS[kind]
    wanted = data.draw(labels_of(st.one_of(entity, st.just(stranger))))
    rows = data.draw(rows_of(entity))
    assert joined(wanted, rows, keys, view(*keys)) == oracle(wanted, rows)


@settings(max_examples=80, deadline=None)
@given(labels_of(carriers, numbers), rows_of(carriers, numbers))
def test_with_two_keys_equals_every_pair_looked_at(wanted, rows):
    assert joined(wanted, rows, PAIR, view(*PAIR)) == oracle(wanted, rows)


@settings(max_examples=60, deadline=None)
@given(labels_of(carriers), rows_of(carriers), st.randoms(use_true_random=False), st.integers(1, 9))
def test_the_order_of_rows_and_how_they_come_in_batches_changes_nothing(wanted, rows, chance, size):
    shuffled = chance.sample(rows, len(rows))
    batches = features(shuffled).to_batches(max_chunksize=size)
    made = join_stream(labels(wanted), VIEW, batches, moment="moment")
    assert made["rate"].to_pylist() == oracle(wanted, rows)


def test_many_pieces_of_rows_give_what_one_gives(monkeypatch):
    wanted, rows = busy(labels_each=200, rows_each=300)
    whole = joined(wanted, rows)
    monkeypatch.setattr(point_in_time, "_PIECE_ROWS", 7)
    assert joined(wanted, rows) == whole == oracle(wanted, rows)


def busy(*, labels_each, rows_each, entities=("UA", "AA"), seconds=900):
    """Few entities with many labels and rows, some late, some old."""
    draw = random.Random(1)  # noqa: S311
    rows = ordered(
        [
            (entity, event, event + draw.choice([0, 0, 3, 90]), draw.random())
            for entity in entities
            for event in (draw.randrange(seconds) for _ in range(rows_each))
        ]
    )
    wanted = [(entity, draw.randrange(seconds + 2 * TTL)) for entity in entities for _ in range(labels_each)]
    draw.shuffle(rows)
    return wanted, rows


@pytest.mark.parametrize("known_late", [False, True])
def test_a_hot_entity_among_cold_ones_equals_pandas(known_late):
    """10^5 rows of one entity within the TTL of 2,000 labels, which to look at in pairs were 2 * 10^8."""
    wanted, rows = busy(labels_each=2000, rows_each=100_000, entities=("hot",), seconds=TTL)
    cold_wanted, cold_rows = busy(labels_each=1, rows_each=3, entities=[f"C{i}" for i in range(500)])
    rows = ordered([(*row[:3], row[4]) for row in rows + cold_rows])
    if not known_late:
        rows = [(entity, event, event, place, rate) for entity, event, _, place, rate in rows]
    wanted += cold_wanted
    assert joined(wanted, rows) == merged(wanted, rows)


def merged(wanted, rows):
    """The same by pandas: the greatest ord known at each instant, carried to each label, then its age."""
    names = ["carrier", "event", "known", "ord", "rate"]
    frame = pd.DataFrame(rows, columns=names).sort_values(["known", "ord"], kind="stable")
    frame["top"] = frame.groupby("carrier")["ord"].cummax()
    asked = (
        pd.DataFrame(wanted, columns=["carrier", "moment"]).reset_index().sort_values("moment", kind="stable")
    )
    top = pd.merge_asof(
        asked, frame[["carrier", "known", "top"]], left_on="moment", right_on="known", by="carrier"
    )
    values = frame.drop(columns="top").rename(columns={"ord": "top"})[["carrier", "top", "event", "rate"]]
    found = top.merge(values, on=["carrier", "top"], how="left").sort_values("index")
    fresh = found["moment"] - found["event"] <= TTL
    return [rate if ok else None for rate, ok in zip(found["rate"], fresh, strict=True)]


def test_several_views_are_joined_one_after_the_other():
    first = view("carrier", defaults={"rate": 9.0})
    second = view("id", ttl=10, count="int64")
    wanted = labels([("UA", 1, 20), ("AA", 2, 20), ("UA", 2, 30)], PAIR)
    counts = features([(1, 10, 10, 1, 5), (2, 19, 19, 2, 6)], {"id": pa.int64()}, pa.int64())
    made = join(wanted, first, features([("UA", 1, 25, 1, 0.5)]), moment="moment")
    made = join(made, second, counts.rename_columns({"rate": "count"}), moment="moment")
    assert made["rate"].to_pylist() == [9.0, 9.0, 0.5]
    assert made["count"].to_pylist() == [5, 6, None]  # at 30 the row of 19 is one second too old
