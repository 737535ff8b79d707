"""CloudWatch's metrics over the API: in and out, and from log lines."""

import json
import time
from datetime import timedelta

import pytest
from cloudwatch_account import Account, refused, stat
from moto.cloudwatch.exceptions import InvalidParameterValue

from localcloud import cloudwatch, server
from localcloud.cloudwatch import intake


@pytest.fixture(scope="module")
def account():
    with server.start(names=("events", "cloudwatch")) as running:
        yield Account(running)


@pytest.fixture
def namespace(account):
    return account.unique("Shop")


# --- metrics in and out


def test_what_is_put_is_read_back_with_percentiles_and_math(account, namespace):
    account.put(namespace, None, Values=[1.0, 10.0], Counts=[9, 1], Unit="Count")
    found = account.data(
        stat("p50", namespace, "p50"),
        stat("p99", namespace, "p99"),
        stat("n", namespace, "SampleCount") | {"ReturnData": False},
        {"Id": "share", "Expression": "100 * p50 / n", "Label": "Share ${MAX}"},
    )
    # ten values: p50 lies at position 4.5, p99 at 8.91 between the ninth (1) and the tenth (10)
    assert found["p50"]["Values"] == [1.0]
    assert found["p99"]["Values"] == [pytest.approx(1 + 0.91 * 9)]
    assert (found["share"]["Values"], found["share"]["Label"]) == ([10.0], "Share 10")
    assert "n" not in found


def test_a_query_without_dimensions_finds_no_metric_that_has_some(account, namespace):
    account.put(namespace, 1.0, Dimensions=[{"Name": "Route", "Value": "/buy"}])
    assert account.data(stat("a", namespace))["a"]["Values"] == []


def test_points_come_newest_first_unless_asked_otherwise(account, namespace):
    now = account.now()
    for minutes in (3, 2, 1):
        account.put(namespace, float(minutes), Timestamp=now - timedelta(minutes=minutes))
    assert account.data(stat("a", namespace))["a"]["Values"] == [1, 2, 3]
    assert account.data(stat("a", namespace), ScanBy="TimestampAscending")["a"]["Values"] == [3, 2, 1]


def test_points_come_in_pages(account, namespace):
    now = account.now()
    for minutes in range(1, 6):
        account.put(namespace, float(minutes), Timestamp=now - timedelta(minutes=minutes))
    request = {
        "MetricDataQueries": [stat("a", namespace)],
        "StartTime": now - timedelta(minutes=10),
        "EndTime": now,
        "MaxDatapoints": 2,
    }
    first = account.cw.get_metric_data(**request)
    second = account.cw.get_metric_data(**request, NextToken=first["NextToken"])
    third = account.cw.get_metric_data(**request, NextToken=second["NextToken"])
    pages = [page["MetricDataResults"][0] for page in (first, second, third)]
    assert [(page["Values"], page["StatusCode"]) for page in pages] == [
        ([1, 2], "PartialData"), ([3, 4], "PartialData"), ([5], "Complete"),
    ]  # fmt: skip
    assert "NextToken" not in third


def test_datapoints_lie_on_multiples_of_the_period(account, namespace):
    account.put(namespace, 1.0)
    (when,) = account.data(stat("a", namespace, period=300))["a"]["Timestamps"]
    assert when.timestamp() % 300 == 0


def test_statistics_come_for_each_unit(account, namespace):
    account.put(namespace, 1.0, Unit="Seconds")
    account.put(namespace, 5.0, Unit="Count")
    now = account.now()
    request = {
        "Namespace": namespace,
        "MetricName": "m",
        "StartTime": now - timedelta(minutes=5),
        "EndTime": now + timedelta(minutes=1),
        "Period": 60,
    }
    answer = account.cw.get_metric_statistics(**request, Statistics=["Average", "Maximum"])
    assert {(p["Unit"], p["Average"], p["Maximum"]) for p in answer["Datapoints"]} == {
        ("Seconds", 1.0, 1.0),
        ("Count", 5.0, 5.0),
    }
    answer = account.cw.get_metric_statistics(**request, Unit="Count", ExtendedStatistics=["p90", "tm99"])
    assert [p["ExtendedStatistics"] for p in answer["Datapoints"]] == [{"p90": 5.0, "tm99": 5.0}]


def test_metrics_are_listed_by_what_they_have(account, namespace):
    account.put(namespace, 1.0, Dimensions=[{"Name": "b", "Value": "1"}, {"Name": "a", "Value": "2"}])
    account.put(namespace, 1.0, Dimensions=[{"Name": "b", "Value": "2"}])
    account.put(namespace, 1.0, name="other", Timestamp=account.now() - timedelta(hours=4))

    def names(**filters):
        return [
            (m["MetricName"], [(d["Name"], d["Value"]) for d in m["Dimensions"]])
            for m in account.cw.list_metrics(Namespace=namespace, **filters)["Metrics"]
        ]

    both, single = ("m", [("a", "2"), ("b", "1")]), ("m", [("b", "2")])
    assert names() == [both, single, ("other", [])]
    assert names(Dimensions=[{"Name": "b"}]) == [both, single]
    assert names(Dimensions=[{"Name": "b", "Value": "1"}]) == [both]
    assert names(MetricName="other") == [("other", [])]
    assert names(RecentlyActive="PT3H") == [both, single]


@pytest.mark.parametrize(
    "member, code, words",
    [
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterValue", "must be of the same size"),
        ({}, "InvalidParameterCombination", "At least one of"),
        ({"Value": 2.0**361}, "InvalidParameterValue", "is invalid"),
        ({"Values": [float(n) for n in range(151)]}, "InvalidParameterValue", "greater than 150"),
    ],
)
def test_bad_data_is_refused(account, namespace, member, code, words):
    error = refused(
        account.cw.put_metric_data, Namespace=namespace, MetricData=[{"MetricName": "m", **member}]
    )
    assert error["Code"] == code
    assert words in error["Message"]


def test_not_a_number_is_refused():
    with pytest.raises(InvalidParameterValue) as error:
        intake.read("Shop", [{"MetricName": "m", "Value": float("nan")}], now=0.0)
    assert error.value.message == "The value NaN for parameter MetricData.member.1.Value is invalid."


@pytest.mark.parametrize("hours", [-24 * 14 - 1, 3])
def test_data_from_another_time_is_refused(account, namespace, hours):
    member = {
        "MetricName": "m",
        "Value": 1.0,
        "Timestamp": account.now() + timedelta(hours=hours),
    }
    error = refused(account.cw.put_metric_data, Namespace=namespace, MetricData=[member])
    assert error["Code"] == "InvalidParameterValue"


def test_one_bad_member_keeps_the_whole_request_out(account, namespace):
    members = [{"MetricName": "m", "Value": 1.0}, {"MetricName": "m"}]
    refused(account.cw.put_metric_data, Namespace=namespace, MetricData=members)
    assert account.data(stat("a", namespace))["a"]["Values"] == []


def test_namespaces_of_aws_are_aws_s(account):
    error = refused(
        account.cw.put_metric_data, Namespace="AWS/Shop", MetricData=[{"MetricName": "m", "Value": 1.0}]
    )
    assert error["Message"] == "The value AWS/Shop for parameter Namespace is invalid."
    cloudwatch.record("AWS/Shop", "m", {}, 2.0, "Count")  # a service of this cloud may
    assert account.data(stat("a", "AWS/Shop"))["a"]["Values"] == [2.0]


@pytest.mark.parametrize(
    "query",
    [
        {"Id": "a", "Expression": "nosuch + 1"},
        {"Id": "a", "Expression": "1 + 1"},
        {"Id": "a", "Expression": "a + 1"},
        {"Id": "a", "Expression": "SELECT AVG(m) FROM Shop"},
        {"Id": "a"},
    ],
)
def test_a_query_that_has_no_answer_is_refused(account, query):
    now = account.now()
    error = refused(
        account.cw.get_metric_data, MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now
    )
    assert error["Code"] == "ValidationError"


def test_more_statistics_than_the_api_gives_are_refused(account, namespace):
    now = account.now()
    error = refused(
        account.cw.get_metric_statistics,
        Namespace=namespace, MetricName="m", Statistics=["Sum"], Period=60,
        StartTime=now - timedelta(minutes=1441), EndTime=now,
    )  # fmt: skip
    assert error["Code"] == "InvalidParameterCombination"
    assert error["Message"].startswith("You have requested up to 1,441 datapoints, which exceeds the limit")


# --- metrics from log lines


@pytest.fixture
def log(account):
    """Write lines to a new log group: (group, write)."""
    group = account.unique("/shop/api")
    account.logs.create_log_group(logGroupName=group)
    account.logs.create_log_stream(logGroupName=group, logStreamName="s")

    def write(*lines):
        events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        account.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    return group, write


def test_embedded_metrics_are_taken_from_log_lines(account, namespace, log):
    directive = {
        "Namespace": namespace,
        "Dimensions": [["Route"]],
        "Metrics": [{"Name": "m", "Unit": "Milliseconds"}],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    log[1]("START", json.dumps({"_aws": metadata, "Route": "/buy", "m": [10, 30]}))
    query = stat("a", namespace, "Average", Dimensions=[{"Name": "Route", "Value": "/buy"}])
    assert account.data(query)["a"]["Values"] == [20.0]


def test_a_broken_embedded_metric_is_counted(account, log):
    group, write = log
    write('{"_aws": {"Timestamp": 1}}')
    metric = {"MetricName": "EMFValidationErrors", "Dimensions": [{"Name": "LogGroupName", "Value": group}]}
    assert account.data(stat("a", "AWS/Logs", **metric))["a"]["Values"] == [1.0]


def test_a_metric_filter_counts_and_measures(account, namespace, log):
    group, write = log

    def filter_for(name, pattern, **transformation):
        transformation = {"metricNamespace": namespace, "metricName": name} | transformation
        account.logs.put_metric_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=pattern,
            metricTransformations=[transformation],
        )

    filter_for("errors", '{ $.level = "ERROR" }', metricValue="1", defaultValue=0, unit="Count")
    filter_for("took", "{ $.ms >= 0 }", metricValue="$.ms", dimensions={"Route": "$.route"})
    write('{"level": "ERROR", "ms": 7, "route": "/buy"}', '{"level": "INFO"}', "plain")
    found = account.data(
        stat("errors", namespace, MetricName="errors"),
        stat("lines", namespace, "SampleCount", MetricName="errors"),
        stat("took", namespace, MetricName="took", Dimensions=[{"Name": "Route", "Value": "/buy"}]),
    )
    assert [found[name]["Values"] for name in ("errors", "lines", "took")] == [[1.0], [3.0], [7.0]]
