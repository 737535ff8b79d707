from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_plan import SourcePlan, ViewPlan
from tidegate.point_in_time import KnownBeforeEventError, join

EPOCH = datetime(2013, 3, 10, 5, tzinfo=UTC)  # the day New York's clocks went forward
TTL = 100
VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select carrier from source",
    window_seconds=600,
    every_seconds=60,
    ttl_seconds=TTL,
    outputs={"rate": "float64"},
)
TIME = pa.timestamp("us", tz="UTC")


def at(seconds):
    return EPOCH + timedelta(seconds=seconds)


def features(rows):
    """(carrier, event second, known second, rate) as the rows of the view."""
    carriers, events, knowns, rates = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "carrier": pa.array(carriers, pa.string()),
            "rate": pa.array(rates, pa.float64()),
            "event_ts": pa.array([at(s) for s in events], TIME),
            "known_ts": pa.array([at(s) for s in knowns], TIME),
        }
    )


def labels(rows):
    carriers, moments = zip(*rows, strict=True) if rows else ((), ())
    return pa.table(
        {"carrier": pa.array(carriers, pa.string()), "moment": pa.array([at(s) for s in moments], TIME)}
    )


def joined(label_rows, feature_rows):
    return join(labels(label_rows), VIEW, features(feature_rows), moment="moment")["rate"].to_pylist()


def oracle(label_rows, feature_rows):
    """Every label once; of the rows it may see, the last by (event, known, position)."""
    answers = []
    for carrier, moment in label_rows:
        seen = [
            (event, known, position, rate)
            for position, (name, event, known, rate) in enumerate(feature_rows)
            if name == carrier and moment - TTL <= event <= moment and known <= moment
        ]
        answers.append(max(seen)[3] if seen else None)
    return answers


def test_a_value_that_had_not_arrived_yet_is_not_seen():
    late_arrival = [("UA", 10, 10, 0.1), ("UA", 20, 50, 0.9)]
    assert joined([("UA", 49), ("UA", 50)], late_arrival) == [0.1, 0.9]


def test_a_late_arriving_older_value_does_not_replace_a_newer_one():
    assert joined([("UA", 60)], [("UA", 30, 30, 0.3), ("UA", 20, 55, 0.2)]) == [0.3]


def test_the_ttl_includes_its_own_second():
    assert joined([("UA", 100), ("UA", 101)], [("UA", 0, 0, 0.5)]) == [0.5, None]


def test_a_label_without_an_entity_keeps_its_row():
    assert joined([("AA", 10), (None, 10), ("UA", 10)], [("UA", 1, 1, 0.5)]) == [None, None, 0.5]


def test_a_row_known_before_it_happened_is_refused():
    with pytest.raises(KnownBeforeEventError, match="1 rows"):
        joined([("UA", 10)], [("UA", 5, 4, 0.5)])


instants = st.integers(0, 300)
carriers = st.sampled_from(["UA", "AA", "B6"])
feature_rows = st.lists(
    st.tuples(carriers, instants, st.sampled_from([0, 0, 5, 60, 200]), st.floats(0, 1, width=32)).map(
        lambda row: (row[0], row[1], row[1] + row[2], row[3])
    ),
    max_size=40,
)
label_rows = st.lists(st.tuples(st.one_of(carriers, st.just("OO")), instants), max_size=30)


@settings(max_examples=60, deadline=None)
@given(label_rows, feature_rows)
def test_equals_a_brute_force_oracle_with_ties_late_arrivals_and_no_match(wanted, known):
    assert joined(wanted, known) == oracle(wanted, known)
