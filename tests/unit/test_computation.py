"""What a computation does with rows as they come: in pieces, odd, ambiguous, of another type."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.columns.duck import Room
from tidegate.errors import AmbiguousFeatureError, ViewSqlError
from tidegate.feature_store.computation import Computation, compute
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.ticks import Interval
from tidegate.feature_store.view_sql import columns_read

HOUR = 3600
START = datetime(2013, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier", "origin"),
    sql="select carrier, origin, avg(late) as rate, count(*) as flights from source group by carrier, origin",
    window_seconds=2 * HOUR,
    every_seconds=HOUR,
    ttl_seconds=24 * HOUR,
    outputs={"rate": "float64", "flights": "int64"},
)
ALWAYS = Interval(start=0, stop=2**32)


def at(hours):
    return None if hours is None else START + timedelta(hours=hours)


def rows(*flights, late=None):
    carriers, origins, departed, landed, delays = zip(*flights, strict=True)
    return pa.table(
        {
            "carrier": pa.array(carriers, pa.string()),
            "origin": pa.array(origins, pa.string()),
            "departed": pa.array([at(h) for h in departed], TIME),
            "landed": pa.array([at(h) for h in landed], TIME),
            "late": pa.array(delays, late or pa.float64()),
            "unread": pa.array(["x"] * len(flights), pa.string()),
        }
    )


def run(table, view=VIEW, *, revision=1, size=1000, **shares):
    """Rows, counts and the newest row of each entity."""
    with Computation(view, table.schema, **shares) as computation:
        computation.load(table.to_batches(size))
        found = [row for batch in computation.rows([ALWAYS], revision) for row in batch.to_pylist()]
        return found, computation.counts, computation.newest().to_pylist()


def test_a_part_of_the_key_that_is_missing_makes_no_entity_and_is_counted():
    table = rows(
        ("UA", None, 0.5, 0.9, 1),
        (None, "EWR", 0.5, 0.9, 1),
        (None, None, 0.5, 0.9, 1),
        ("UA", "EWR", 0.5, 0.9, 0),
    )
    found, counts, _ = run(table)
    assert [(r["carrier"], r["origin"], r["flights"]) for r in found] == [("UA", "EWR", 1)] * 2
    assert counts.without_key == 3
    # of several batches one counts
    parts = [run(table, partitions=[i], of=3)[1].without_key for i in range(3)]
    assert sorted(parts) == [0, 0, 3]


def test_a_row_known_before_it_happened_counts_from_when_it_happened():
    table = rows(("UA", "EWR", 1.5, 0.5, 1), ("UA", "EWR", 1.5, None, 0))
    found, counts, _ = run(table)
    # not at tick 1, though "known" at 0:30; a row whose known time is missing is never known
    assert [((r["event_ts"] - START) / timedelta(hours=1), r["rate"]) for r in found] == [(2, 1.0), (3, 1.0)]
    assert counts.known_early == 1


def test_a_row_of_no_time_is_seen_by_no_tick():
    assert run(rows(("UA", "EWR", None, 1, 1)))[0] == []


def test_two_rows_for_one_entity_and_tick_name_view_entity_and_tick():
    view = replace(VIEW, sql="select carrier, origin, late as rate, 1 as flights from source")
    table = rows(("AA", "EWR", 0.5, 0.6, 0), ("UA", "JFK", 0.5, 0.6, 0), ("UA", "JFK", 0.7, 0.8, 1))
    with pytest.raises(AmbiguousFeatureError) as raised:
        run(table, view)
    text = str(raised.value)
    assert "view `delay` has more than one row for carrier 'UA', origin 'JFK' at 2013-01-01T01:00:00Z" in text
    assert "group by carrier, origin" in text


def test_two_rows_are_found_though_a_batch_ends_between_them(monkeypatch):
    monkeypatch.setattr("tidegate.feature_store.computation._ROWS_AT_ONCE", 2048)  # DuckDB's smallest batch
    view = replace(VIEW, sql="select carrier, origin, late as rate, 1 as flights from source")
    flights = [(f"{n:05d}", "EWR", 0.5, 0.6, 0) for n in range(2047)]
    twice = ("02047", "EWR", 0.5, 0.6, 0)
    with pytest.raises(AmbiguousFeatureError, match="carrier '02047'"):
        run(rows(*flights, twice, twice, ("99999", "EWR", 0.5, 0.6, 0)), view)


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (pa.string(), ["a", "b"], "which has late string"),  # avg of texts does not bind
        (pa.list_(pa.float64()), [[1.0], [2.0]], "late list"),
    ],
)
def test_a_source_column_of_another_type_is_named_with_its_view(kind, values, said):
    table = rows(("UA", "EWR", 0.5, 0.6, values[0]), ("UA", "EWR", 0.5, 0.6, values[1]), late=kind)
    with pytest.raises(ViewSqlError) as raised:
        run(table)
    assert "view `delay` cannot be computed" in str(raised.value) and said in str(raised.value)


def test_a_value_that_cannot_be_cast_is_told_as_the_views_own():
    view = replace(VIEW, sql=VIEW.sql.replace("avg(late)", "avg(cast(late as double))"))
    with pytest.raises(ViewSqlError, match=r"view `delay` cannot be computed.*late"):
        run(rows(("UA", "EWR", 0.5, 0.6, "n/a"), late=pa.string()), view)


def test_an_output_that_does_not_fit_its_type_is_refused_and_not_rounded():
    view = replace(VIEW, outputs={"rate": "int64", "flights": "int64"})
    table = rows(("UA", "EWR", 0.5, 0.6, 0), ("UA", "EWR", 0.5, 0.6, 1))
    with pytest.raises(ViewSqlError, match="view `delay`"):
        run(table, view)


@pytest.mark.parametrize("sql", ["'nan'::double", "'-inf'::double", "sum(late) / 0"])
def test_a_value_that_is_not_finite_is_none(sql):
    view = replace(VIEW, sql=VIEW.sql.replace("avg(late)", sql))
    found, _, newest = run(rows(("UA", "EWR", 0.5, 0.9, 1)), view)
    assert [(r["rate"], r["flights"]) for r in (*found, *newest)] == [(None, 1)] * 3


def test_a_column_that_is_gone_is_named():
    table = rows(("UA", "EWR", 0.5, 0.6, 0)).drop_columns(["late"])
    with pytest.raises(ViewSqlError, match='"late" not found'):
        run(table)


TIMES = ["carrier", "origin", "departed", "landed"]
ALL = [*TIMES, "late", "unread"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select carrier, origin, avg(late) as rate from source group by all", [*TIMES, "late"]),
        ("select carrier, origin, count(*) as n from source group by all", TIMES),
        ("select carrier from source join (select 'x' as UNREAD) using (UNREAD)", [*TIMES, "unread"]),
        ("select * from source", ALL),
        ("select carrier, max(columns(*)) from source", ALL),
        ("select a.carrier from source a natural join source b", ALL),
        ("select count(distinct source) as n from source", ALL),
        ("selec nonsense", ALL),
    ],
)
def test_only_columns_that_the_sql_names_are_read_and_all_where_it_may_mean_any(sql, expected):
    assert columns_read(replace(VIEW, sql=sql), ALL) == expected


def test_the_newest_row_of_each_entity_is_kept_whatever_the_pieces(monkeypatch):
    monkeypatch.setattr("tidegate.feature_store.computation._TICKS_AT_ONCE", 1)
    table = rows(("UA", "EWR", 0.5, 0.6, 0), ("UA", "EWR", 9.5, 9.6, 1), ("AA", "EWR", 4.5, 4.6, 1))
    _, _, newest = run(table, revision=3)
    found = {r["carrier"]: ((r["event_ts"] - START) / timedelta(hours=1), r["rate"]) for r in newest}
    assert found == {"UA": (11, 1.0), "AA": (6, 1.0)}


def test_a_row_of_1970_makes_no_ticks_between_it_and_today(monkeypatch):
    asked = []
    ticks = Computation._ticks

    def watched(*arguments):
        for seconds in ticks(*arguments):
            asked.extend(seconds.tolist())
            yield seconds

    monkeypatch.setattr(Computation, "_ticks", watched)
    long_ago = -43 * 365.25 * 24
    found, _, _ = run(rows(("UA", "EWR", long_ago, long_ago, 1), ("UA", "EWR", 0.5, 0.6, 1)))
    # two windows of two ticks each see a row; one more each may be asked
    assert len(found) == 4 and len(asked) <= 6


def test_a_table_larger_than_the_memory_goes_to_the_disk(tmp_path):
    count = 250_000
    texts = pa.array([f"carrier {n % 40000:08d} of a long name, so that rows are wide" for n in range(count)])
    moments = pa.array((np.arange(count) * 17 % 86400 + int(START.timestamp())) * 1_000_000).cast(TIME)
    table = pa.table(
        {
            "carrier": texts,
            "origin": texts,
            "departed": moments,
            "landed": moments,
            "late": np.arange(count) % 3 / 2,
        }
    )
    with Computation(VIEW, table.schema, room=Room(40, tmp_path)) as computation:
        computation.load(table.to_batches(50_000))
        spilled = sum(file.stat().st_size for file in tmp_path.rglob("*"))
        seen = sum(
            flights for batch in computation.rows([ALWAYS], 1) for flights in batch["flights"].to_pylist()
        )
    assert spilled > 0
    assert seen == 2 * count  # a window of two hours: every row is seen by two ticks


flights = st.lists(
    st.tuples(
        st.sampled_from(["UA", "AA", "B6"]),
        st.sampled_from(["EWR", "JFK", "a|b", "a\\"]),
        st.integers(0, 16),
        st.integers(-2, 12),
        st.floats(-1e9, 1e9, allow_nan=False),
    ).map(lambda f: (f[0], f[1], f[2] / 4, f[2] / 4 + f[3] / 4, f[4])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=8, deadline=None)
@given(flights, st.integers(2, 4), st.integers(1, 7), st.randoms(use_true_random=False))
def test_values_are_the_same_to_the_last_bit_whatever_the_shares_pieces_and_order(given_, of, size, random):
    whole, _, newest = run(rows(*given_))
    shuffled = random.sample(given_, len(given_))
    parts, newest_parts = [], []
    for i in range(of):
        found, _, last = run(rows(*shuffled), partitions=[i], of=of, size=size)
        parts += found
        newest_parts += last
    key = lambda r: (r["carrier"], r["origin"], r["event_ts"])  # noqa: E731
    assert sorted(parts, key=key) == sorted(whole, key=key)
    assert sorted(newest_parts, key=key) == sorted(newest, key=key)


def test_a_batch_of_several_shares_is_what_each_computes():
    table = rows(*((f"C{n}", "EWR", n / 10, n / 10, n) for n in range(40)))
    key = lambda r: (r["carrier"], r["event_ts"])  # noqa: E731
    each = [run(table, partitions=[i], of=4)[0] for i in range(4)]
    assert all(each)  # every share has entities
    assert run(table, partitions=[1, 3], of=4)[0] == sorted(each[1] + each[3], key=key)


@settings(max_examples=10, deadline=None)
@given(flights)
def test_ticks_computed_apart_are_those_computed_together(given_):
    table = rows(*given_)
    whole = compute(VIEW, table, start=at(0), stop=at(9), revision=1).to_pylist()
    apart = [
        row
        for first, last in ((0, 1), (2, 2), (3, 9))
        for row in compute(VIEW, table, start=at(first), stop=at(last), revision=1).to_pylist()
    ]
    key = lambda r: (r["carrier"], r["origin"], r["event_ts"])  # noqa: E731
    assert sorted(apart, key=key) == sorted(whole, key=key)
