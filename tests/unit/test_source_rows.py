"""Rows behind a value, and values that rows are behind: counted by the features' own computation."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_store.computation import compute
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.ticks import Interval
from tidegate.origins import source_rows

START = datetime(2013, 1, 1, tzinfo=UTC)
HOUR = 3600
T0 = int(START.timestamp())
VIEW = ViewPlan(
    name="flown",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier", "gate"),
    sql="select carrier, gate, count(*) as flights from source group by carrier, gate",
    window_seconds=3 * HOUR,
    every_seconds=HOUR,
    ttl_seconds=HOUR,
    outputs={"flights": "int64"},
)
TIME = pa.timestamp("us", tz="UTC")


def table(rows):
    """Rows of (carrier, gate, minutes of departure, minutes until it was known or None)."""
    moments = [START + timedelta(minutes=m) for _, _, m, _ in rows]
    known = [
        None if k is None else moment + timedelta(minutes=k)
        for moment, (_, _, _, k) in zip(moments, rows, strict=True)
    ]
    return pa.table(
        {
            "carrier": pa.array([row[0] for row in rows], pa.string()),
            "gate": pa.array([row[1] for row in rows], pa.int64()),
            "departed": pa.array(moments, TIME),
            "landed": pa.array(known, TIME),
        }
    )


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["UA", "AA", None]),
        st.sampled_from([1, 2, None]),
        st.integers(0, 600),
        st.one_of(st.none(), st.integers(-30, 400)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=5, deadline=None)
@given(rows=ROWS, cut=st.integers(0, 25))
def test_ticks_and_counts_are_those_of_the_computation(rows, cut):
    whole = table(rows)
    stop = START + timedelta(hours=30)
    computed = compute(VIEW, whole, start=START, stop=stop, revision=1).to_pylist()
    counted = {
        (r["carrier"], r["gate"], int(r["event_ts"].timestamp())): r["flights"]
        for r in computed
        if r["carrier"] is not None and r["gate"] is not None
    }
    chunked = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])  # as several row groups come
    for carrier in ("UA", "AA"):
        for gate in (1, 2):
            for tick in range(T0, T0 + 30 * HOUR, HOUR):
                seen = source_rows.behind(VIEW, chunked, {"carrier": carrier, "gate": gate}, tick)
                assert (seen.rows if seen else None) == counted.get((carrier, gate, tick))
    found = {
        (*entity.split("|")[1:], tick)
        for entity, spans in source_rows.spans(VIEW, chunked).items()
        for span in spans
        for tick in range(span.start, span.stop + 1, HOUR)
    }
    assert found == {(carrier, str(gate), tick) for carrier, gate, tick in counted}


def test_first_and_last_event_are_those_of_the_rows_that_are_seen():
    rows = table([("UA", 1, 10, 0), ("UA", 1, 50, 0), ("UA", 1, 55, 300), ("AA", 1, 20, 0)])
    seen = source_rows.behind(VIEW, rows, {"carrier": "UA", "gate": 1}, T0 + HOUR)
    assert (seen.rows, seen.first_event, seen.last_event) == (2, T0 + 600, T0 + 3000)


def test_an_entity_is_named_by_texts_too_and_what_no_row_has_is_nobodys():
    rows = table([("UA", 1, 0, 0), ("AA", 2, 0, 0), ("UA", None, 0, 0)])
    assert source_rows.equal(rows, {"gate": "1"}).tolist() == [True, False, False]
    assert source_rows.equal(rows, {"carrier": "UA"}).tolist() == [True, False, True]
    assert not source_rows.equal(rows, {"carrier": "B6"}).any()
    assert not source_rows.equal(rows, {"gate": "one"}).any()


def test_only_the_rows_of_a_mask_count():
    rows = table([("UA", 1, 0, 0), ("UA", 1, 300, 0)])
    found = source_rows.spans(VIEW, rows, np.array([False, True]))
    assert found == {"flown|UA|1": (Interval(start=T0 + 5 * HOUR, stop=T0 + 7 * HOUR),)}


def test_ticks_apart_stay_apart_however_many():
    spans = [Interval(start=n * 10 * HOUR, stop=n * 10 * HOUR) for n in range(50)]
    assert source_rows.apart(spans, HOUR) == tuple(spans)
    joined = source_rows.apart([Interval(start=HOUR, stop=HOUR), Interval(start=0, stop=0)], HOUR)
    assert joined == (Interval(start=0, stop=HOUR),)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_column_that_a_file_lacks_makes_no_entity(rows):
    whole = table([("UA", 1, 0, 0)] * 3).slice(0, rows)
    lacking = whole.drop_columns(["gate"]).append_column("gate", pa.nulls(rows))
    assert source_rows.spans(VIEW, lacking) == {}
    assert source_rows.behind(VIEW, lacking, {"carrier": "UA", "gate": 1}, T0) is None
