"""Alarms of anomaly detection: judged on the band of earlier weeks, both ways, told in CloudWatch's words."""

from datetime import UTC, datetime

import pytest

from localcloud.cloudwatch.alarm import MetricAlarm, initial_state
from localcloud.cloudwatch.alarm_requests import metric_alarm
from localcloud.cloudwatch.evaluation import evaluate
from localcloud.cloudwatch.metric_data import get_metric_data
from localcloud.cloudwatch.store import Datum, Metric, MetricStore

NOON = 1_795_608_000  # 2026-11-25T12:00:00Z
PERIOD, DAY, HOUR = 300, 86400, 3600
METRIC = Metric.of("Shop", "Orders", {})
QUERIES = [
    {
        "Id": "m1",
        "MetricStat": {
            "Metric": {"Namespace": "Shop", "MetricName": "Orders"},
            "Period": PERIOD,
            "Stat": "Sum",
        },
        "ReturnData": False,
    },
    {"Id": "orders", "Expression": "FILL(m1, 0)"},
    {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(orders, 3)"},
]


def an_alarm(operator="LessThanLowerOrGreaterThanUpperThreshold"):
    request = {
        "AlarmName": "unusual",
        "Metrics": QUERIES,
        "ThresholdMetricId": "band",
        "ComparisonOperator": operator,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "notBreaching",
    }
    created = datetime.fromtimestamp(NOON, UTC)
    return MetricAlarm(
        name="unusual",
        alarm_arn="arn:aws:cloudwatch:us-east-1:123456789012:alarm:unusual",
        settings=metric_alarm(request),
        state=initial_state(created),
        configured=created,
    )


def sold(store, orders, *, start, end):
    for when in range(start, end, PERIOD):
        if (value := orders(when)) is not None:
            store.record(Datum.of(METRIC, value, "None", when), when)


def by_day(when):
    """100 in five minutes from six to six, nothing at night."""
    return 100.0 if 6 * HOUR <= when % DAY < 18 * HOUR else None


@pytest.fixture
def store():
    """A shop that opened five days ago."""
    made = MetricStore()
    sold(made, by_day, start=NOON - 5 * DAY, end=NOON)
    return made


def test_usual_orders_are_no_alarm(store):
    sold(store, by_day, start=NOON, end=NOON + HOUR)
    assert evaluate(an_alarm(), store, NOON + HOUR).state.value == "OK"


def test_orders_that_stop_at_noon_are_one(store):
    found = evaluate(an_alarm(), store, NOON + 2 * PERIOD).state
    assert found.value == "ALARM"
    # constant at this hour, so the least deviation: 5 % of 100; three of them
    assert found.reason == (
        "Thresholds Crossed: 2 datapoints [0.0 (25/11/26 12:05:00), 0.0 (25/11/26 12:00:00)] were less than "
        "the lower thresholds [85.0, 85.0] or greater than the upper thresholds [115.0, 115.0]."
    )
    assert found.data["recentLowerThresholds"] == [85.0, 85.0]


def test_no_orders_at_night_are_usual_where_a_threshold_would_ring(store):
    sold(store, by_day, start=NOON, end=NOON + 6 * HOUR)
    assert evaluate(an_alarm(), store, NOON + 12 * HOUR).state.value == "OK"


def test_a_rush_is_an_alarm_unless_only_the_lower_end_counts(store):
    sold(store, lambda _: 300.0, start=NOON, end=NOON + 2 * PERIOD)
    assert evaluate(an_alarm(), store, NOON + 2 * PERIOD).state.value == "ALARM"
    below = evaluate(an_alarm("LessThanLowerThreshold"), store, NOON + 2 * PERIOD).state
    assert below.value == "OK"


def test_a_shop_that_opened_an_hour_ago_has_no_band_and_no_alarm():
    young = MetricStore()
    sold(young, by_day, start=NOON - HOUR, end=NOON)
    assert evaluate(an_alarm(), young, NOON + HOUR).state.value == "OK"


def test_the_time_before_the_first_order_is_not_learned_as_zeros():
    young = MetricStore()
    sold(young, lambda _: 100.0, start=NOON - 2 * DAY, end=NOON)
    assert evaluate(an_alarm(), young, NOON).state.value == "OK"


def test_the_band_follows_when_the_model_is_trained_anew(store):
    """Twice the orders from now on: an alarm at first, usual once two weeks know nothing else."""
    double = lambda when: 200.0 if by_day(when) else None  # noqa: E731
    sold(store, double, start=NOON, end=NOON + HOUR)
    assert evaluate(an_alarm(), store, NOON + HOUR).state.value == "ALARM"
    sold(store, double, start=NOON + HOUR, end=NOON + 14 * DAY + HOUR)
    assert evaluate(an_alarm(), store, NOON + 14 * DAY + HOUR).state.value == "OK"


def test_get_metric_data_answers_both_ends(store):
    request = {"StartTime": NOON, "EndTime": NOON + 2 * PERIOD, "MetricDataQueries": QUERIES}
    answer = get_metric_data(store, request, account="123456789012", region="us-east-1")
    band = [result["Values"] for result in answer["MetricDataResults"] if result["Id"] == "band"]
    assert band == [[pytest.approx(115.0)] * 2, [pytest.approx(85.0)] * 2]
