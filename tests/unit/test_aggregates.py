from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_store.aggregates import newest, order_of, partition_of
from tidegate.feature_store.computation import compute
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan

HOUR = 3600
START = datetime(2013, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
SOURCE = SourcePlan(dataset="flights", event_ts="departed", known_ts="landed")
VIEW = ViewPlan(
    name="delay",
    source=SOURCE,
    keys=("carrier",),
    sql="select carrier, avg(late) as rate, count(*) as flights from source group by carrier",
    window_seconds=2 * HOUR,
    every_seconds=HOUR,
    ttl_seconds=24 * HOUR,
    outputs={"rate": "float64", "flights": "int64"},
)


def at(hours):
    return START + timedelta(hours=hours)


def rows(*flights):
    carriers, departed, landed, late = zip(*flights, strict=True)
    return pa.table(
        {
            "carrier": pa.array(carriers, pa.string()),
            "departed": pa.array([at(h) for h in departed], TIME),
            "landed": pa.array([at(h) for h in landed], TIME),
            "late": pa.array(late, pa.float64()),
        }
    )


def computed(table, stop=4, **partition):
    found = compute(VIEW, table, start=at(0), stop=at(stop), revision=1, **partition).to_pylist()
    return [
        (r["carrier"], (r["event_ts"] - START) / timedelta(hours=1), r["rate"], r["flights"]) for r in found
    ]


def test_a_tick_sees_only_flights_that_had_landed_by_then():
    # departs at 0:30, lands at 2:30: unknown at 1 and 2, and at 3 it has left the window (1, 3]
    assert computed(rows(("UA", 0.5, 2.5, 1), ("UA", 1.5, 1.9, 0))) == [("UA", 2, 0.0, 1), ("UA", 3, 0.0, 1)]


def test_the_window_is_open_at_its_old_end_and_closed_at_the_tick():
    # departed and landed at 1:00: in (0, 2] and (-1, 1], and no longer in (1, 3]
    assert computed(rows(("UA", 1, 1, 1))) == [("UA", 1, 1.0, 1), ("UA", 2, 1.0, 1)]


def test_a_row_is_known_at_its_tick():
    table = compute(VIEW, rows(("UA", 0.5, 0.9, 1)), start=at(0), stop=at(2), revision=1)
    assert table["known_ts"].to_pylist() == table["event_ts"].to_pylist()


def test_the_order_of_rows_is_that_of_tick_and_revision():
    # 2013-01-01T00:00:00Z is second 1356998400; 1356998400 * 2147483648 + 5 by bc
    assert order_of(1356998400, 5) == 2_914_131_874_362_163_205
    table = compute(VIEW, rows(("UA", 0.5, 0.9, 1)), start=at(0), stop=at(1), revision=5)
    assert table["ord"].to_pylist() == [order_of(1356998400 + HOUR, 5)]
    places = [(-1, 2**31 - 1), (0, 0), (0, 1), (0, 2**31 - 1), (1, 0), (2**32, 0)]
    assert sorted(places) == sorted(places, key=lambda place: order_of(*place))
    assert order_of(*places[0]) >= -(2**63) and order_of(2**32 - 1, 2**31 - 1) == 2**63 - 1


@pytest.mark.parametrize("revision", [-1, 2**31])
def test_a_revision_that_does_not_fit_is_refused(revision):
    with pytest.raises(ValueError, match="does not fit 31 bits"):
        order_of(0, revision)


def test_of_two_rows_of_one_tick_the_newest_is_of_the_higher_revision():
    earlier, later = (
        compute(VIEW, rows(("UA", 0.5, 0.9, late)), start=at(0), stop=at(1), revision=revision)
        for revision, late in ((3, 0), (4, 1))
    )
    for table in (pa.concat_tables([earlier, later]), pa.concat_tables([later, earlier])):
        [value] = newest(VIEW, table)
        assert (value.revision, value.outputs["rate"]) == (4, 1.0)


def test_a_flight_without_carrier_belongs_to_no_entity():
    assert computed(rows((None, 0.5, 0.9, 1), ("UA", 0.5, 0.9, 0)), stop=1) == [("UA", 1, 0.0, 1)]


flights = st.lists(
    st.tuples(
        st.sampled_from(["UA", "AA", "B6", "DL", "EV"]),
        st.integers(0, 16),
        st.integers(0, 12),
        st.sampled_from([0, 1]),
    ).map(lambda f: (f[0], f[1] / 4, f[1] / 4 + f[2] / 4, f[3])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(flights, st.integers(1, 4))
def test_the_partitions_together_are_the_whole(all_flights, partitions):
    whole = computed(rows(*all_flights))
    parts = [
        row for i in range(partitions) for row in computed(rows(*all_flights), index=i, partitions=partitions)
    ]
    assert sorted(parts) == sorted(whole)


@settings(max_examples=25, deadline=None)
@given(flights)
def test_equals_counting_by_hand(all_flights):
    expected = []
    for tick in range(5):
        for carrier in sorted({f[0] for f in all_flights}):
            late = [f[3] for f in all_flights if f[0] == carrier and tick - 2 < f[1] <= tick and f[2] <= tick]
            if late:
                expected.append((carrier, tick, pytest.approx(sum(late) / len(late)), len(late)))
    assert sorted(computed(rows(*all_flights))) == sorted(expected, key=lambda r: (r[0], r[1]))


def test_partitioning_does_not_depend_on_the_process():
    # blake2b with an 8-byte digest of "delay|UA", big-endian, modulo 4: computed with coreutils' b2sum -l 64
    assert partition_of("delay|UA", 4) == int("55f8fa9c487b1263", 16) % 4


def test_the_newest_value_of_an_entity_may_be_missing_and_is_not_an_older_one():
    table = pa.table(
        {
            "carrier": ["UA", "AA", "UA"],
            "rate": pa.array([0.5, 0.1, None], pa.float64()),
            "flights": [2, 1, 3],
            "event_ts": pa.array([at(1), at(1), at(2)], TIME),
            "known_ts": pa.array([at(1), at(1), at(2)], TIME),
            "ord": [order_of(int(at(hour).timestamp()), 7) for hour in (1, 1, 2)],
        }
    )
    found = {value.entity: (value.outputs, value.event_ts, value.revision) for value in newest(VIEW, table)}
    assert found == {
        "delay|UA": ({"rate": None, "flights": 3}, at(2).timestamp(), 7),
        "delay|AA": ({"rate": 0.1, "flights": 1}, at(1).timestamp(), 7),
    }
