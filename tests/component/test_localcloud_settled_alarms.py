"""Alarms are not judged again and again while nothing moves: they say what judging would have said."""

import math
import random

import pytest

from localcloud import cloud, server, timers
from localcloud.cloudwatch.alarms import Alarms
from localcloud.cloudwatch.store import Datum, Metric, MetricStore
from localcloud.events import ticker

MINUTE = 60
ERRORS, CALLS = Metric.of("Shop", "Errors", {}), Metric.of("Shop", "Calls", {})
RATE = [
    {"Id": "rate", "Expression": "100 * errors / calls", "ReturnData": True},
    *(
        {
            "Id": name.lower(),
            "ReturnData": False,
            "MetricStat": {
                "Metric": {"Namespace": "Shop", "MetricName": name, "Dimensions": []},
                "Period": 5 * MINUTE,
                "Stat": "Sum",
            },
        }
        for name in ("Errors", "Calls")
    ),
]


@pytest.fixture(scope="module", autouse=True)
def running():
    with server.start(names=("events", "cloudwatch")) as started:
        yield started


def with_alarms(store):
    alarms = Alarms(store)
    common = {"Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    plain = {"Namespace": "Shop", "MetricName": "Errors", "Statistic": "Sum", "Period": MINUTE}
    for missing in ("missing", "ignore", "breaching", "notBreaching"):
        for periods, enough in ((1, 1), (3, 2), (5, 5)):
            counts = {"EvaluationPeriods": periods, "DatapointsToAlarm": enough, "TreatMissingData": missing}
            alarms.put_metric_alarm(
                {"AlarmName": f"{missing}-{periods}", **plain, "Period": 5 * MINUTE, **counts, **common}
            )
    alarms.put_metric_alarm(
        {"AlarmName": "rate", "Metrics": RATE, "EvaluationPeriods": 2, "DatapointsToAlarm": 1, **common}
    )
    alarms.put_metric_alarm({"AlarmName": "quick", **plain, "Period": 10, "EvaluationPeriods": 2, **common})
    return alarms


def states(alarms):
    return {name: alarm.state.value for name, alarm in alarms.by_name.items()}


def unsettle(alarms):
    """Make them look at the next step, whatever they expect of it."""
    for alarm in alarms.by_name.values():
        alarm.looks_at = alarm.evaluated_until + alarm.step


def at_rest():
    """Alarms over nothing, and their store, once they have been judged twice."""
    store = MetricStore()
    alarms = with_alarms(store)
    for _ in range(2):
        cloud.current().clock.advance(MINUTE)
        alarms.evaluate()
    assert "notBreaching-1" in settled(alarms)
    return alarms, store


def settled(alarms):
    return [name for name, alarm in alarms.by_name.items() if alarm.looks_at == math.inf]


@pytest.mark.parametrize("seed", range(3))
def test_an_alarm_that_rests_says_what_one_says_that_is_always_judged(seed):
    draw = random.Random(seed)  # noqa: S311
    clock, store = cloud.current().clock, MetricStore()
    resting, judged = with_alarms(store), with_alarms(store)
    rested = 0
    for _ in range(150):
        clock.advance(draw.choice([7, 30, MINUTE, 5 * MINUTE, 20 * MINUTE]))
        now = clock.time()
        if draw.random() < 0.2:
            metric = draw.choice([ERRORS, CALLS])
            # late data, and data of a time that is still to come
            when = now + draw.choice([0, 0, -3 * MINUTE, 12 * MINUTE, 55 * MINUTE])
            store.record(Datum.of(metric, draw.choice([0.0, 1.0, 3.0]), "None", when), now)
            for alarms in (resting, judged):
                alarms.data_came({metric})
        if draw.random() < 0.05:
            name = draw.choice(sorted(resting.by_name))
            for alarms in (resting, judged):
                alarms.set_state(name, "ALARM", "set by hand", None)
        rested += len(settled(resting))
        resting.evaluate()
        unsettle(judged)
        judged.evaluate()
        assert states(resting) == states(judged)
    assert rested > 100


@pytest.mark.parametrize("seed", range(3))
def test_an_alarm_that_looks_only_when_it_is_due_says_what_one_says_that_looks_at_each_step(seed):
    draw = random.Random(seed)  # noqa: S311
    clock, store = cloud.current().clock, MetricStore()
    due, judged = with_alarms(store), with_alarms(store)
    looks, steps, due_at = 0, 900, 0.0
    for _ in range(steps):
        clock.advance(10)
        now = clock.time()
        if came := draw.random() < 0.01:
            when = now + draw.choice([0, 0, -3 * MINUTE, 12 * MINUTE, 55 * MINUTE])
            store.record(Datum.of(ERRORS, draw.choice([0.0, 1.0, 3.0]), "None", when), now)
            for alarms in (due, judged):
                alarms.data_came({ERRORS})
        unsettle(judged)
        judged.evaluate()
        if came or not due.idle() or due_at <= now:
            looks += 1
            due.evaluate()
        due_at = due.next_due(now) or math.inf
        assert states(due) == states(judged)
    assert 0 < looks < steps / 2


def test_data_that_is_to_come_wakes_an_alarm_when_its_window_gets_there():
    alarms, store = at_rest()
    now = cloud.current().clock.time()
    store.record(Datum.of(ERRORS, 5.0, "None", now + 30 * MINUTE), now)
    alarms.data_came({ERRORS})
    alarms.evaluate()
    assert alarms.by_name["notBreaching-1"].state.value == "OK"
    cloud.current().clock.advance(32 * MINUTE)
    alarms.evaluate()
    assert alarms.by_name["notBreaching-1"].state.value == "ALARM"


def test_a_state_that_is_set_holds_until_the_next_look_only():
    alarms, _ = at_rest()
    alarms.set_state("notBreaching-1", "ALARM", "by hand", None)
    cloud.current().clock.advance(MINUTE)
    alarms.evaluate()
    assert alarms.by_name["notBreaching-1"].state.value == "OK"


def test_who_lets_time_pass_waits_for_no_second_of_real_time_until_alarms_are_looked_at(running):
    ticker._ticker.stop()
    cloudwatch = running.cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="hot",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Maximum",
        Period=MINUTE,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Errors", "Value": 2.0}])
    running.cloud.clock.advance(MINUTE)
    timers.rest(running.cloud, patience_seconds=60)
    assert cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"] == "ALARM"
