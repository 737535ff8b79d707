"""Any sequence of drops leaves the newest rows that one backfill of everything would."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_store.computation import Computation
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.ticks import Interval, horizon, to_compute

HOUR = 3600
START = 1_356_998_400  # 2013-01-01T00:00:00Z
NOW = START + 14 * HOUR + 600
TIME = pa.timestamp("us", tz="UTC")
VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select carrier, avg(late) as rate, count(*) as flights from source group by carrier",
    window_seconds=3 * HOUR,
    every_seconds=HOUR,
    ttl_seconds=HOUR,
    outputs={"rate": "float64", "flights": "int64"},
)


def table(flights):
    moments = [[datetime.fromtimestamp(f[i], UTC) for f in flights] for i in (1, 2)]
    return pa.table(
        {
            "carrier": pa.array([f[0] for f in flights], pa.string()),
            "departed": pa.array(moments[0], TIME),
            "landed": pa.array(moments[1], TIME),
            "late": pa.array([f[3] for f in flights], pa.float64()),
        }
    )


def visible(runs):
    """Of each entity and tick the row of the highest revision: what a join or a look-up may see."""
    best = {}
    for row in (row for run in runs for row in run):
        place = row["carrier"], row["event_ts"]
        if place not in best or best[place]["ord"] <= row["ord"]:
            best[place] = row
    return {place: (row["rate"], row["flights"]) for place, row in best.items()}


def computed(flights, intervals, revision):
    if not intervals:
        return []
    source = table(flights)
    with Computation(VIEW, source.schema) as computation:
        computation.load(source.to_batches())
        return [row for batch in computation.rows(intervals, revision) for row in batch.to_pylist()]


def last_tick(flights):
    past = [event for _, event, _, _ in flights if event <= NOW]
    return None if not past else horizon(VIEW, max(past), NOW)


flight = st.tuples(
    st.sampled_from(["UA", "AA"]), st.integers(0, 64), st.integers(0, 12), st.sampled_from([0.1, 0.7, 3.3])
).map(lambda f: (f[0], START + f[1] * 900, START + (f[1] + f[2]) * 900, f[3]))
drops = st.lists(st.tuples(st.lists(flight, min_size=1, max_size=5), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(drops)
def test_any_drops_in_any_order_with_runs_that_fail_equal_one_backfill(given_):
    """Some events are after now; some drops have no run, so that the next one has theirs to do as well."""
    delivered, pending, runs, computed_to = [], [], [], None
    for revision, (flights, runs_now) in enumerate([*given_, ([("UA", START, START, 0.0)], True)], start=1):
        delivered += flights
        pending += [Interval(start=event, stop=event) for _, event, _, _ in flights]
        last = last_tick(delivered)
        if not runs_now or last is None:
            continue
        intervals = to_compute(
            VIEW,
            first_event=min(event for _, event, _, _ in delivered),
            last=last,
            computed_to=computed_to,
            changed=pending,
        )
        runs.append(computed(delivered, intervals, revision))
        pending, computed_to = [], last
    everything = Interval(start=START - HOUR, stop=last_tick(delivered))
    assert visible(runs) == visible([computed(delivered, [everything], 1)])
    newest = max((tick for run in runs for row in run if (tick := row["event_ts"])), default=None)
    assert newest is None or newest <= datetime.fromtimestamp(NOW, UTC)


def test_the_property_is_not_empty():
    """A late drop does change rows that were there: the ticks of its window, and no others."""
    early, late = ("UA", START, START, 1.0), ("UA", START + 900, START + 900, 0.0)
    first = computed([early], [Interval(start=START, stop=START + 5 * HOUR)], 1)
    second = computed(
        [early, late],
        to_compute(
            VIEW,
            first_event=START,
            last=START + 5 * HOUR,
            computed_to=START + 5 * HOUR,
            changed=[Interval(start=late[1], stop=late[1])],
        ),
        2,
    )
    at = lambda hour: ("UA", datetime.fromtimestamp(START, UTC) + timedelta(hours=hour))  # noqa: E731
    assert visible([first]) == {at(0): (1.0, 1), at(1): (1.0, 1), at(2): (1.0, 1)}
    assert visible([first, second]) == {at(0): (1.0, 1), at(1): (0.5, 2), at(2): (0.5, 2), at(3): (0.0, 1)}
