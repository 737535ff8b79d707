"""Lineage both ways: what a prediction is made of names a drop exactly when the drop's impact names it."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.ticks import Interval
from tidegate.ingestion.snapshots import DROP, REPLACES
from tidegate.origins import source_rows
from tidegate.origins.history import History
from tidegate.origins.impact import Impact, Prediction, Run, Touch, Value, values_of

HOUR = 3600
START = datetime(2013, 1, 1, tzinfo=UTC)
T0 = int(START.timestamp())


def view(name, key):
    return ViewPlan(
        name=name,
        source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
        keys=(key,),
        sql="select * from source",
        window_seconds=4 * HOUR,
        every_seconds=HOUR,
        ttl_seconds=HOUR,
        hash=f"{name}0123456789abcdef",
    )


VIEWS = {each.version: each for each in (view("by_carrier", "carrier"), view("by_origin", "origin"))}


def metadata(drops):
    """Iceberg's metadata of a dataset: one state for each (drop, drops whose rows it takes out)."""
    snapshots = []
    for number, (drop_id, replaces) in enumerate(drops, 1):
        summary = {"operation": "append", DROP: drop_id, "added-records": "1", "total-records": str(number)}
        if replaces:
            summary[REPLACES] = ",".join(replaces)
        parent = {"parent-snapshot-id": number - 1} if number > 1 else {}
        times = {"sequence-number": number, "timestamp-ms": number * 1000}
        snapshots.append({"snapshot-id": number, **parent, **times, "summary": summary})
    return {"snapshots": snapshots, "current-snapshot-id": len(drops)}


@st.composite
def worlds(draw):
    """Drops with rows, states, runs and predictions, with values of any tick and state."""
    rows = st.tuples(
        st.sampled_from(["UA", "AA"]), st.sampled_from(["JFK", "EWR"]), st.integers(0, 12), st.integers(0, 6)
    )
    drops, recorded = [], []
    for number in range(draw(st.integers(1, 5))):
        free = [each for each, _ in recorded if not any(each in gone for _, gone in recorded)]
        replaces = draw(st.lists(st.sampled_from(free), max_size=1)) if free else []
        recorded.append((f"drop-{number}", replaces))
        drops.append(draw(st.lists(rows, min_size=1, max_size=6)))
    runs = [
        Run(
            run=f"run-{n}",
            snapshot_id=draw(st.integers(1, len(recorded))),
            views=frozenset(draw(st.lists(st.sampled_from(sorted(VIEWS))))),
        )
        for n in range(2)
    ]
    values = st.builds(
        lambda version, key, tick, revision: Value(
            view=version,
            entity=f"{VIEWS[version].name}|{key[VIEWS[version].keys[0]]}",
            tick=T0 + tick * HOUR,
            revision=revision,
        ),
        st.sampled_from(sorted(VIEWS)),
        st.fixed_dictionaries(
            {"carrier": st.sampled_from(["UA", "AA"]), "origin": st.sampled_from(["JFK", "EWR"])}
        ),
        st.integers(0, 24),
        st.integers(1, len(recorded)),
    )
    predictions = [
        Prediction(
            inference_id=f"p-{n}",
            model=draw(st.sampled_from(["run-0", "run-1"])),
            values=frozenset(draw(st.lists(values, max_size=3))),
        )
        for n in range(3)
    ]
    return recorded, drops, {run.run: run for run in runs}, predictions


def rows_of(drop):
    departed = [START + timedelta(hours=hour) for _, _, hour, _ in drop]
    return pa.table(
        {
            "carrier": [each[0] for each in drop],
            "origin": [each[1] for each in drop],
            "departed": pa.array(departed, pa.timestamp("us", tz="UTC")),
            "landed": pa.array(
                [at + timedelta(hours=each[3]) for at, each in zip(departed, drop, strict=True)],
                pa.timestamp("us", tz="UTC"),
            ),
        }
    )


def why(history, tables, run, prediction):
    """Drops behind a prediction, as `tidegate why` walks: its model's state, and the rows of its values."""
    behind = {state.drop_id for state in history.held(run.snapshot_id)}
    for value in prediction.values:
        if value.view not in run.views:
            continue
        plan, held = VIEWS[value.view], history.held(history.of_revision(value.revision).snapshot_id)
        keys = {plan.keys[0]: value.entity.split("|")[1]}
        for state in held:
            if source_rows.behind(plan, tables[state.drop_id], keys, value.tick) is not None:
                behind.add(state.drop_id)
    return behind


def by_hand(recorded, drops, run, prediction):
    """The same by its definition: which drops were there, and which rows a tick sees."""

    def held(state):
        there = []
        for drop_id, replaces in recorded[:state]:
            there = [each for each in there if each not in replaces] + [drop_id]
        return there

    behind = set(held(run.snapshot_id))
    for value in prediction.values:
        if value.view not in run.views:
            continue
        column = 0 if VIEWS[value.view].keys == ("carrier",) else 1
        hour = (value.tick - T0) // HOUR
        for drop_id in held(value.revision):
            for row in drops[int(drop_id.removeprefix("drop-"))]:
                mine = row[column] == value.entity.split("|")[1]
                if mine and row[2] + row[3] <= hour < row[2] + 4:
                    behind.add(drop_id)
    return behind


@settings(max_examples=40, deadline=None)
@given(world=worlds())
def test_why_and_impact_are_inverse_of_each_other(world):
    recorded, drops, runs, predictions = world
    history = History.of("flights", metadata(recorded))
    tables = {f"drop-{n}": rows_of(drop) for n, drop in enumerate(drops)}
    impacts = {}
    for drop_id, rows in tables.items():
        first, gone = history.span(drop_id)
        spans = {version: source_rows.spans(plan, rows) for version, plan in VIEWS.items()}
        touch = Touch(drop_id=drop_id, rows=rows.num_rows, first=first, gone=gone, views=spans)
        impacts[drop_id] = Impact(history, [touch])
    for prediction in predictions:
        run = runs[prediction.model]
        touched = {d for d, impact in impacts.items() if impact.of_prediction(prediction, run)}
        assert touched == why(history, tables, run, prediction)
        assert touched == by_hand(recorded, drops, run, prediction)


@settings(max_examples=15, deadline=None)
@given(world=worlds(), carrier=st.sampled_from(["UA", "AA"]))
def test_an_entitys_impact_is_that_of_its_rows_in_all_drops(world, carrier):
    recorded, drops, runs, predictions = world
    history = History.of("flights", metadata(recorded))
    touches = []
    for number, drop in enumerate(drops):
        rows = rows_of(drop)
        mine = source_rows.equal(rows, {"carrier": carrier})
        first, gone = history.span(f"drop-{number}")
        spans = {version: source_rows.spans(plan, rows, mine) for version, plan in VIEWS.items()}
        count = int(mine.sum())
        touches.append(Touch(drop_id=f"drop-{number}", rows=count, first=first, gone=gone, views=spans))
    only = [[row for row in drop if row[0] == carrier] for drop in drops]
    there = {f"drop-{n}" for n, rows in enumerate(only) if rows}
    for prediction in predictions:
        run = runs[prediction.model]
        found = bool(Impact(history, touches).of_prediction(prediction, run))
        trained = {state.drop_id for state in history.held(run.snapshot_id)} & there
        values = by_hand(recorded, only, Run(run="", snapshot_id=0, views=run.views), prediction)
        assert found == bool(trained or values)


def test_a_value_of_no_known_revision_may_be_of_any_state():
    spans = {"v@1": {"v|UA": [Interval(start=0, stop=HOUR)]}}
    touch = Touch(drop_id="d", rows=1, first=5, gone=6, views=spans)
    told = {"view": "v@1", "entity": "v|UA", "tick": 0}
    assert touch.is_behind(Value(**told, revision=-1))
    assert touch.is_behind(Value(**told, revision=5))
    assert not touch.is_behind(Value(**told, revision=6))
    assert not touch.is_behind(Value(**told | {"entity": "v|AA"}, revision=5))


def test_values_are_counted_as_far_as_they_were_computed():
    spans = {"a": [Interval(start=0, stop=3 * HOUR)], "b": [Interval(start=5 * HOUR, stop=6 * HOUR)]}
    assert values_of(spans, HOUR, None) == 6
    assert values_of(spans, HOUR, 2 * HOUR) == 3


def test_a_state_without_a_parent_that_is_there_ends_the_line():
    document = metadata([("drop-0", []), ("drop-1", []), ("drop-2", ["drop-1"])])
    del document["snapshots"][0]  # expired
    history = History.of("flights", document)
    assert [state.drop_id for state in history.held(3)] == ["drop-2"]
    assert history.span("drop-1") == (2, 3)
    assert history.span("drop-0") is None
    assert History.of("flights", {"snapshots": [], "current-snapshot-id": -1}).held(None) == ()
