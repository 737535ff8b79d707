"""A metric alarm and its datapoints: windows, what settles early, percentiles, expressions, reasons."""

import json
from datetime import UTC, datetime

import pytest

from localcloud.cloudwatch.alarm import MetricAlarm, State, initial_state
from localcloud.cloudwatch.alarm_requests import metric_alarm
from localcloud.cloudwatch.evaluation import evaluate, missed
from localcloud.cloudwatch.store import Datum, Metric, MetricStore

NOON = 1_795_608_000  # 2026-11-25T12:00:00Z
MINUTE = 60


def an_alarm(**settings):
    request = {
        "AlarmName": "watch",
        "Namespace": "Shop",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": MINUTE,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    request = {key: value for key, value in (request | settings).items() if value is not None}
    created = datetime.fromtimestamp(NOON, UTC)
    return MetricAlarm(
        name="watch",
        alarm_arn="arn:aws:cloudwatch:us-east-1:123456789012:alarm:watch",
        settings=metric_alarm(request),
        state=initial_state(created),
        configured=created,
    )


def in_state(alarm, value):
    alarm.state = State(value=value, reason="set", since=alarm.configured)
    return alarm


class Shop:
    """A store and a clock that counts from noon."""

    def __init__(self):
        self.store = MetricStore()

    def put(self, value, *, at, name="Errors", unit="None", resolution=60):
        sample = Datum.of(Metric.of("Shop", name, {}), value, unit, NOON + at).sample
        datum = Datum(
            metric=Metric.of("Shop", name, {}),
            sample=sample,
            unit=unit,
            when=NOON + at,
            resolution=resolution,
        )
        self.store.record(datum, NOON + at)

    def state(self, alarm, *, at):
        return evaluate(alarm, self.store, NOON + at).state


@pytest.fixture
def shop():
    return Shop()


def test_noon_is_noon():
    assert datetime.fromtimestamp(NOON, UTC).isoformat() == "2026-11-25T12:00:00+00:00"


# --- which datapoints count, and when


def test_a_sum_above_its_threshold_alarms_before_its_minute_is_over(shop):
    shop.put(1.0, at=5)
    assert shop.state(an_alarm(), at=6).value == "ALARM"


def test_an_average_waits_for_its_minute(shop):
    alarm = an_alarm(Statistic="Average", Threshold=10)
    shop.put(100.0, at=5)
    assert shop.state(alarm, at=59).value == "INSUFFICIENT_DATA"
    assert shop.state(alarm, at=60).value == "ALARM"


def test_a_sum_that_is_too_low_so_far_waits_for_the_rest(shop):
    alarm = an_alarm(ComparisonOperator="LessThanThreshold", Threshold=10)
    shop.put(4.0, at=5)
    assert shop.state(alarm, at=30).value == "INSUFFICIENT_DATA"
    shop.put(6.0, at=40)
    assert shop.state(alarm, at=41).value == "OK"  # ten already: it can only rise


def test_a_minimum_below_settles_and_a_maximum_below_does_not(shop):
    shop.put(1.0, at=5)
    below = {"ComparisonOperator": "LessThanThreshold", "Threshold": 2}
    assert shop.state(an_alarm(Statistic="Minimum", **below), at=6).value == "ALARM"
    assert shop.state(an_alarm(Statistic="Maximum", **below), at=6).value == "INSUFFICIENT_DATA"


def test_a_sum_with_a_negative_part_settles_nothing(shop):
    shop.put(-1.0, at=4)
    shop.put(5.0, at=5)
    assert shop.state(an_alarm(), at=6).value == "INSUFFICIENT_DATA"


def test_a_long_period_slides_by_the_minute(shop):
    alarm = an_alarm(Period=300, Threshold=5, ComparisonOperator="GreaterThanThreshold", Statistic="Sum")
    shop.put(3.0, at=3 * MINUTE)
    shop.put(3.0, at=6 * MINUTE)
    assert (
        shop.state(alarm, at=7 * MINUTE).value == "ALARM"
    )  # 12:02 to 12:07 holds both, 12:00 to 12:05 does not


def test_an_alarm_below_a_minute_moves_every_ten_seconds(shop):
    alarm = an_alarm(Period=10, Statistic="Average", Threshold=1)
    shop.put(5.0, at=3, resolution=1)
    assert shop.state(alarm, at=9).value == "INSUFFICIENT_DATA"
    assert shop.state(alarm, at=10).value == "ALARM"


def test_two_of_three_need_not_be_neighbours(shop):
    alarm = an_alarm(EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Average", Threshold=5)
    for minute, value in enumerate([9.0, 1.0, 9.0]):
        shop.put(value, at=minute * MINUTE)
    assert shop.state(alarm, at=3 * MINUTE).value == "ALARM"
    assert shop.state(an_alarm(EvaluationPeriods=3, Statistic="Average", Threshold=5), at=180).value == "OK"


@pytest.mark.parametrize(
    "operator, at_threshold",
    [
        ("GreaterThanThreshold", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
    ],
)
def test_the_operators_differ_at_the_threshold(shop, operator, at_threshold):
    shop.put(5.0, at=0)
    alarm = an_alarm(ComparisonOperator=operator, Threshold=5, Statistic="Average")
    assert shop.state(alarm, at=60).value == at_threshold


def test_a_unit_selects_its_datapoints(shop):
    shop.put(100.0, at=0, unit="Milliseconds")
    shop.put(1.0, at=0, unit="Seconds")
    alarm = an_alarm(Unit="Seconds", Statistic="Maximum", Threshold=5)
    assert shop.state(alarm, at=60).value == "OK"


def test_dynamodb_alarms_ignore_missing_data_by_themselves():
    assert an_alarm(Namespace="AWS/DynamoDB").rule.missing == "ignore"
    assert an_alarm(Namespace="AWS/DynamoDB", TreatMissingData="breaching").rule.missing == "breaching"


# --- percentiles and expressions


def test_a_percentile_alarm(shop):
    for value in range(1, 101):
        shop.put(float(value), at=value / 2)
    alarm = an_alarm(Statistic=None, ExtendedStatistic="p90", Threshold=90)
    assert shop.state(alarm, at=60).value == "ALARM"  # 1 + 0.9 * 99 = 90.1
    assert shop.state(an_alarm(Statistic=None, ExtendedStatistic="p90", Threshold=91), at=60).value == "OK"


def test_a_percentile_of_few_values_can_be_told_to_change_nothing(shop):
    alarm = an_alarm(
        Statistic=None, ExtendedStatistic="p90", Threshold=1, EvaluateLowSampleCountPercentile="ignore"
    )
    for _ in range(99):  # p90 takes 10 / (1 - 0.9) = 100 values
        shop.put(5.0, at=1)
    assert shop.state(alarm, at=60).value == "INSUFFICIENT_DATA"
    shop.put(5.0, at=2)
    assert shop.state(alarm, at=60).value == "ALARM"


def rate_alarm(**settings):
    def stat(identity, name):
        metric = {"Namespace": "Shop", "MetricName": name, "Dimensions": []}
        return {
            "Id": identity,
            "MetricStat": {"Metric": metric, "Period": MINUTE, "Stat": "Sum"},
            "ReturnData": False,
        }

    return an_alarm(
        MetricName=None, Namespace=None, Statistic=None, Period=None,
        Metrics=[
            {"Id": "rate", "Expression": "IF(all_ >= 10, 100 * FILL(bad, 0) / all_, 0)", "Label": "Rate"},
            stat("bad", "Errors"),
            stat("all_", "Requests"),
        ],
        **settings,
    )  # fmt: skip


def test_an_expression_is_watched_like_a_metric(shop):
    alarm = rate_alarm(Threshold=5)
    shop.put(20.0, at=0, name="Requests")
    shop.put(2.0, at=1)
    assert shop.state(alarm, at=59).value == "INSUFFICIENT_DATA"  # the minute is not over
    found = shop.state(alarm, at=60)
    assert (found.value, found.data["recentDatapoints"]) == ("ALARM", [10.0])


def test_an_expression_without_datapoints_is_missing_data(shop):
    shop.put(2.0, at=1)  # errors, and no requests to relate them to
    assert shop.state(rate_alarm(Threshold=5), at=60).value == "INSUFFICIENT_DATA"
    assert shop.state(rate_alarm(Threshold=5, TreatMissingData="breaching"), at=60).value == "ALARM"


# --- what it says


def test_the_reason_names_the_datapoint_and_the_threshold(shop):
    shop.put(3.0, at=0)
    found = shop.state(an_alarm(), at=60)
    assert found.reason == (
        "Threshold Crossed: 1 datapoint [3.0 (25/11/26 12:00:00)] was greater than the threshold (0.0)."
    )
    assert json.loads(found.data_text()) == {
        "version": "1.0",
        "queryDate": "2026-11-25T12:01:00.000+0000",
        "startDate": "2026-11-25T12:00:00.000+0000",
        "statistic": "Sum",
        "period": 60,
        "recentDatapoints": [3.0],
        "threshold": 0.0,
        "evaluatedDatapoints": [
            {"timestamp": "2026-11-25T12:00:00.000+0000", "sampleCount": 1.0, "value": 3.0}
        ],
    }


def test_between_ok_and_alarm_the_reason_says_how_many_it_takes(shop):
    alarm = in_state(an_alarm(EvaluationPeriods=3, DatapointsToAlarm=2, Statistic="Average"), "OK")
    for minute, value in enumerate([1.0, 0.0, 2.0]):
        shop.put(value, at=minute * MINUTE)
    assert shop.state(alarm, at=180).reason == (
        "Threshold Crossed: 2 out of the last 3 datapoints "
        "[2.0 (25/11/26 12:02:00), 1.0 (25/11/26 12:00:00)] were"
        " greater than the threshold (0.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    in_state(alarm, "ALARM")
    shop.put(0.0, at=180)
    shop.put(0.0, at=240)
    assert shop.state(alarm, at=300).reason == (
        "Threshold Crossed: 2 out of the last 3 datapoints "
        "[0.0 (25/11/26 12:04:00), 0.0 (25/11/26 12:03:00)] were not"
        " greater than the threshold (0.0) (minimum 2 datapoints for ALARM -> OK transition)."
    )


@pytest.mark.parametrize(
    "missing, value, made", [("notBreaching", "OK", "NonBreaching"), ("breaching", "ALARM", "Breaching")]
)
def test_the_reason_says_how_missing_datapoints_were_treated(shop, missing, value, made):
    found = shop.state(an_alarm(EvaluationPeriods=2, TreatMissingData=missing), at=60)
    assert found.value == value
    assert found.reason == (
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated "
        f"as [{made}]."
    )


def test_the_reason_for_insufficient_data(shop):
    found = shop.state(in_state(an_alarm(), "OK"), at=60)
    assert (found.value, found.reason) == ("INSUFFICIENT_DATA", "Insufficient Data: 1 datapoint was unknown.")


def test_a_state_that_stays_is_the_same_state(shop):
    alarm = in_state(an_alarm(TreatMissingData="notBreaching"), "OK")
    assert shop.state(alarm, at=60) is alarm.state


def test_a_clock_that_jumps_jumps_over_no_datapoint():
    """An average is known when its minute is over, which the jump has left far behind."""
    shop = Shop()
    watch = an_alarm(Statistic="Average", TreatMissingData="ignore")
    watch.evaluated_until = NOON
    shop.put(5, at=10)
    assert missed(watch, shop.store, NOON + 86400) == [NOON + 60, NOON + 120, NOON + 180]
    # at the end of a day nothing of it is left to be seen; at its own minute's end it is
    assert shop.state(watch, at=86400).value == "INSUFFICIENT_DATA"
    assert shop.state(watch, at=60).value == "ALARM"
    watch.evaluated_until = NOON + 86340  # nor is there anything to catch up with a minute later
    assert missed(watch, shop.store, NOON + 86400) == []
