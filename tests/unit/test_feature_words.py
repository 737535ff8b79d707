"""`tidegate features` by its parts: intervals, names, starts, values and lines."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from tidegate.aws.state import ViewState
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate_cli import backfill
from tidegate_cli.backfill import Interval, execution_name
from tidegate_cli.failure import CommandError
from tidegate_cli.feature_values import Value, agree, entity_of, online
from tidegate_cli.feature_views import ViewVersion
from tidegate_cli.feature_words import duration, of_value, of_version

VIEW = ViewPlan(
    name="delays",
    source=SourcePlan(dataset="flights", event_ts="at", known_ts="known"),
    keys=("carrier", "origin"),
    sql="",
    window_seconds=7 * 86400,
    every_seconds=3600,
    ttl_seconds=7200,
    outputs={"mean_delay": "float64"},
    hash="ab" * 32,
)
TICK = 1_357_002_000  # 2013-01-01T01:00:00Z


# the interval


@pytest.mark.parametrize(
    "typed, start, stop",
    [
        ((None, None), "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        (("2013-01-01", None), "2013-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ((None, "2013-01-31"), "1970-01-01T00:00:00Z", "2013-01-31T23:59:59Z"),
        (("2013-01-01T05:00", "2013-01-01T06:00+01:00"), "2013-01-01T05:00:00Z", "2013-01-01T05:00:00Z"),
    ],
    ids=["neither", "from a day", "to the end of a day", "other zones"],
)
def test_what_is_typed_becomes_an_interval_in_utc(typed, start, stop):
    assert Interval.of(*typed) == Interval(start, stop)


@pytest.mark.parametrize(
    "typed, what",
    [
        (("yesterday", None), "`yesterday` is no time"),
        (("2013-02-01", "2013-01-01"), "there is nothing between"),
    ],
    ids=["no time", "ends before it starts"],
)
def test_an_interval_that_is_none_is_refused(typed, what):
    with pytest.raises(CommandError, match=what):
        Interval.of(*typed)


def test_an_execution_is_named_by_its_interval_the_state_of_the_data_and_the_features():
    first = execution_name(Interval.of(None, None), 2**63 - 1, "a" * 64)
    others = {
        execution_name(Interval.of("2013-01-01", None), 2**63 - 1, "a" * 64),
        execution_name(Interval.of(None, None), 7, "a" * 64),
        execution_name(Interval.of(None, None), 2**63 - 1, "b" * 64),
    }
    assert first == execution_name(Interval.of(None, None), 2**63 - 1, "a" * 64)
    assert len(others | {first}) == 4
    assert len(first) <= 78  # StartExecution takes 80, an attempt after failures adds two


# the start


class Executions:
    """Step Functions that has these executions; only what a start asks."""

    def __init__(self, **statuses):
        self.statuses = statuses
        self.started = []
        self.exceptions = SimpleNamespace(ExecutionDoesNotExist=KeyError)

    def describe_execution(self, executionArn):  # noqa: N803  AWS's name
        name = executionArn.rpartition(":")[2]
        return {"executionArn": executionArn, "status": self.statuses[name]}

    def start_execution(self, stateMachineArn, name, input):  # noqa: A002, N803
        self.started.append((name, json.loads(input)))
        return {"executionArn": f"{stateMachineArn.replace('stateMachine', 'execution')}:{name}"}


def asked_of(executions):
    place = SimpleNamespace(
        outputs={"FeaturesMachine": "arn:aws:states:us-east-1:1:stateMachine:features"},
        client=lambda service: executions,
    )
    return backfill.start(place, "b", Interval("s", "t"), "why")


def test_a_backfill_that_nobody_asked_for_is_started_with_its_reason():
    executions = Executions()
    asked = asked_of(executions)
    assert (asked.fresh, asked.arn) == (True, "arn:aws:states:us-east-1:1:execution:features:b")
    assert executions.started == [("b", {"backfill": {"start": "s", "stop": "t", "reason": "why"}})]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_the_same_backfill_is_not_started_twice(status):
    executions = Executions(b=status)
    asked = asked_of(executions)
    assert (asked.fresh, asked.status, executions.started) == (False, status, [])


def test_after_a_failure_it_is_started_under_the_next_name():
    executions = Executions(b="FAILED", **{"b-2": "ABORTED"})
    assert asked_of(executions).fresh
    assert [name for name, _ in executions.started] == ["b-3"]


def test_of_two_commands_at_once_the_slower_follows_the_faster():
    class Faster(Executions):
        def start_execution(self, **_):
            self.statuses["b"] = "RUNNING"
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")

    asked = asked_of(Faster())
    assert (asked.fresh, asked.arn.endswith(":b")) == (False, True)


# values


def item(event_ts, revision=3, value=0.5):
    return {"et": event_ts, "kt": event_ts, "rev": revision, "v": json.dumps({"mean_delay": value})}


@pytest.mark.parametrize(
    "age, state",
    [(-1, "missing"), (0, "usable"), (7200, "usable"), (7201, "stale")],
    ids=["from after the moment", "of the moment", "the last second of the ttl", "a second later"],
)
def test_an_online_value_is_read_as_predict_reads_it(age, state):
    found = online(VIEW, item(TICK), TICK + age)
    assert (found.state, found.outputs) == (state, {"mean_delay": 0.5} if state == "usable" else {})
    assert (found.event_ts, found.revision) == (TICK, 3)


def test_a_value_that_was_not_known_yet_is_missing():
    late = {**item(TICK), "kt": TICK + 60}
    assert [online(VIEW, late, TICK + age).state for age in (59, 60)] == ["missing", "usable"]


def test_an_entity_that_was_never_seen_is_missing():
    assert online(VIEW, None, TICK) == Value(
        state="missing", outputs={}, reason="no row of this entity is online"
    )


def usable(**outputs):
    return Value(state="usable", outputs=outputs)


@pytest.mark.parametrize(
    "one, other, same",
    [
        (usable(a=1.5, b=None), usable(a=1.5, b=None), True),
        (usable(a=1.5), usable(a=1.5000000000000002), False),
        (usable(a=None), usable(a=0.0), False),
        (usable(a=1.5), Value(state="stale", outputs={}), False),
        (Value(state="missing", outputs={}), usable(a=1.5), False),
        (Value(state="stale", outputs={}), Value(state="missing", outputs={}), True),
    ],
    ids=["equal", "one bit", "null and zero", "stale", "missing", "both give a model nothing"],
)
def test_two_stores_agree_when_a_model_would_get_the_same(one, other, same):
    assert agree(one, other) is same


def test_an_entity_needs_all_keys_of_its_view():
    assert entity_of(VIEW, ["UA", "JFK|4"]) == r"delays|UA|JFK\|4"
    with pytest.raises(CommandError, match="`delays` has 2 keys, got 1") as raised:
        entity_of(VIEW, ["UA"])
    assert raised.value.hint == "tidegate features value delays CARRIER ORIGIN"


# lines


def test_durations_are_told_as_features_py_writes_them():
    assert [duration(n) for n in (7 * 86400, 5400, 3600, 90, 86401)] == ["7d", "90m", "1h", "90s", "86401s"]


def test_a_view_that_was_never_computed_is_told_with_what_to_do():
    version = ViewVersion(version=VIEW.version, plan=VIEW, state=None, needed_by=("deployed", "champion 3"))
    assert list(of_version(version)) == [
        "delays@abababababababab   of flights, window 7d every 1h, ttl 2h",
        "  never computed: tidegate features backfill   needed by deployed, champion 3",
    ]


def test_a_computed_view_is_told_with_its_span_and_coverage():
    state = ViewState(
        computed_from=TICK,
        computed_to=TICK + 7200,
        revision=4,
        entities=1200,
        online=1188,
        coverage=0.99,
        recorded_at="",
        needed_at="",
    )
    version = ViewVersion(version="gone@00", plan=None, state=state, needed_by=())
    assert list(of_version(version)) == [
        "gone@00   its definition is not kept",
        (
            "  2013-01-01T01:00:00Z to 2013-01-01T03:00:00Z at revision 4   "
            "1,188 of 1,200 entities online (99.0%)   needed by nobody"
        ),
    ]


def test_a_value_is_told_with_its_times_and_whether_the_stores_agree():
    fresh = online(VIEW, item(TICK), TICK + 60)
    lines = list(of_value(VIEW, ["UA", "JFK"], TICK + 60, fresh, fresh, agreed=True))
    times = "of 2013-01-01T01:00:00Z, known 2013-01-01T01:00:00Z, 60 s old, revision 3"
    assert lines == [
        "value     delays@abababababababab  UA JFK  as of 2013-01-01T01:01:00Z, ttl 2h",
        f"online    mean_delay=0.5   {times}",
        f"offline   mean_delay=0.5   {times}",
        "they agree",
    ]
