"""The offline store asked as of a moment: keys of every kind, states that are many or gone."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from tidegate.aws import offline
from tidegate.aws.offline import Question, ask
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = 3600
VIEW = ViewPlan(
    name="route",
    source=SourcePlan(dataset="flights", event_ts="at", known_ts="known"),
    keys=("airline", "gate"),
    sql="",
    window_seconds=HOUR,
    every_seconds=HOUR,
    ttl_seconds=2 * HOUR,
    outputs={"flights": "int64", "late": "bool"},
    defaults={"flights": 0.0},
    hash="a" * 64,
)
NOTHING = {"flights": None, "late": None}


@pytest.fixture
def record(catalog):
    """Commit rows (airline, gate, flights, late, hours after noon) and return when that was."""

    def commit(*rows, revision=1):
        airline, gate, flights, late, hours = zip(*rows, strict=True)
        times = [NOON + timedelta(hours=each) for each in hours]
        table = pa.table(
            {
                "airline": pa.array(airline, pa.string()),
                "gate": pa.array(gate, pa.int64()),
                "flights": pa.array(flights, pa.int64()),
                "late": pa.array(late, pa.bool_()),
                "event_ts": pa.array(times, pa.timestamp("us", tz="UTC")),
                "known_ts": pa.array(times, pa.timestamp("us", tz="UTC")),
                "ord": pa.array([int(t.timestamp()) << 31 | revision for t in times], pa.int64()),
                "feature_hash": pa.array([VIEW.hash] * len(rows), pa.string()),
            }
        )
        return catalog.append(VIEW.table, table, key=f"{rows}{revision}").committed_at

    return commit


def question(at, airline="UA", gate=7, hours=1.0, newer=None):
    told = None if newer is None else (NOON + timedelta(hours=newer)).timestamp()
    moment = NOON.timestamp() + hours * HOUR
    return Question(at=at, moment=moment, keys={"airline": airline, "gate": gate}, newer=told)


def asked(catalog, *questions, propagation=0):
    return ask(catalog, VIEW, questions, propagation=timedelta(seconds=propagation))


def test_each_row_is_answered_by_its_own_entity_and_moment(catalog, record):
    at = record(("UA", 7, 3, True, 0), ("UA", 8, 4, False, 0), ("AA", 7, 5, None, 0), ("UA", 7, 6, True, 1.5))
    at += timedelta(seconds=10)
    answers = asked(
        catalog,
        question(at),
        question(at, gate=8),
        question(at, airline="AA"),
        question(at, airline="AA", gate=8),  # each key is somebody's, both together are nobody's
        question(at, hours=1.5),
        question(at, hours=-0.5),
        question(at, gate=8, hours=2),
        question(at, gate=8, hours=2.001),  # too old
    )
    assert [answer.candidates for answer in answers] == [
        ({"flights": 3, "late": True},),
        ({"flights": 4, "late": False},),
        ({"flights": 5, "late": None},),
        (NOTHING,),  # a default is no value of the store
        ({"flights": 6, "late": True},),
        (NOTHING,),
        ({"flights": 4, "late": False},),
        (NOTHING,),
    ]


def test_a_key_that_is_missing_or_of_another_type_is_no_entitys(catalog, record):
    at = record(("UA", 7, 3, True, 0)) + timedelta(seconds=10)
    keys = [{"gate": None}, {"airline": None}, {"gate": "seven"}, {"airline": 7}, {"gate": 2**70}]
    answers = asked(catalog, question(at), *(question(at, **each) for each in keys))
    assert [answer.candidates[0]["flights"] for answer in answers] == [3, *[None] * 5]


def test_a_later_revision_of_a_tick_is_a_state_of_its_own(catalog, record):
    first = record(("UA", 7, 3, True, 0))
    second = record(("UA", 7, 9, True, 0), revision=2)
    at = second + timedelta(seconds=30)
    before, after = {"flights": 3, "late": True}, {"flights": 9, "late": True}
    [alone] = asked(catalog, question(at), propagation=0)
    [both] = asked(catalog, question(at), propagation=30 + (second - first).total_seconds() / 2)
    [all_three] = asked(catalog, question(at), propagation=HOUR)
    assert alone.candidates == (after,)
    assert both.candidates == (after, before)
    assert all_three.candidates == (after, before, NOTHING)  # and the table before its first state


def test_a_newer_row_is_believed_only_when_it_is_there_to_the_second(catalog, record):
    at = record(("UA", 7, 3, True, 0), ("UA", 7, 6, True, 5), ("AA", 7, 6, True, 6)) + timedelta(seconds=10)
    told = [question(at, newer=5), question(at, newer=6), question(at, newer=5.5), question(at)]
    assert [answer.holds_newer for answer in asked(catalog, *told)] == [True, False, False, False]


def test_states_beyond_what_one_measurement_reads_are_told_as_unknown(catalog, record, monkeypatch):
    monkeypatch.setattr(offline, "MAX_STATES", 1)
    record(("UA", 7, 3, True, 0))
    second = record(("UA", 7, 9, True, 0), revision=2)
    # captures tell whole seconds, so a state counts from two seconds before its commit
    old, new = (second + timedelta(seconds=seconds) for seconds in (-2.001, 10))
    [old, new] = asked(catalog, question(old), question(new))
    assert new.candidates == ({"flights": 9, "late": True},)
    assert old is None


def test_a_table_that_is_not_there_has_no_rows(catalog):
    assert [answer.candidates for answer in asked(catalog, question(NOON))] == [(NOTHING,)]
