"""CloudWatch's alarms over the API: judged by themselves, acting, suppressed, told and remembered."""

import json

import pytest
from botocore.exceptions import ClientError
from cloudwatch_account import Account, refused, settle, stat, wait_for

from localcloud import cloudwatch, server


@pytest.fixture(scope="module")
def account():
    with server.start(names=("events", "cloudwatch")) as running:
        yield Account(running)


@pytest.fixture
def namespace(account):
    return account.unique("Shop")


# --- alarms


def test_a_datapoint_wakes_an_alarm_within_seconds(account, namespace):
    name = account.alarm(namespace)
    account.put(namespace, 1.0)
    wait_for(lambda: account.state(name) == "ALARM")  # by the ticker: nobody called evaluate


def test_an_alarm_follows_its_metric_and_tells_its_topic(account, namespace):
    topic, read = account.topic()
    name = account.alarm(namespace, AlarmActions=[topic], OKActions=[topic], AlarmDescription="too many")
    settle()
    account.put(namespace, 2.0)
    settle()
    account.cloud.clock.advance(600)
    settle()
    messages = sorted(read(3), key=lambda message: message["StateChangeTime"])
    assert [(m["OldStateValue"], m["NewStateValue"]) for m in messages] == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "OK"),
    ]
    assert {(m["AlarmName"], m["AlarmDescription"], m["Region"]) for m in messages} == {
        (name, "too many", "US East (N. Virginia)")
    }
    assert account.described(name)["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )


def test_a_change_is_an_event_on_the_default_bus(account, namespace):
    url, rule = account.queue(account.unique("events")), account.unique("rule")
    name = account.alarm(namespace, Dimensions=[{"Name": "Route", "Value": "/buy"}], Unit="Count")
    settle()
    events = account.cloud.client("events")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": account.cloud.arn("sqs", url.split("/")[-1])}])
    account.put(namespace, 2.0, Dimensions=[{"Name": "Route", "Value": "/buy"}], Unit="Count")
    settle()
    (event,) = account.read(url, 1)
    detail = event["detail"]
    assert (event["detail-type"], event["resources"]) == (
        "CloudWatch Alarm State Change",
        [account.cloud.arn("cloudwatch", f"alarm:{name}")],
    )
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [2.0]
    (metric,) = detail["configuration"]["metrics"]
    assert metric["returnData"] is True
    assert metric["metricStat"] == {
        "metric": {"namespace": namespace, "name": "m", "dimensions": {"Route": "/buy"}},
        "period": 60,
        "stat": "Sum",
        "unit": "Count",
    }


def test_an_alarm_invokes_its_function(account, namespace, monkeypatch):
    calls = []

    class Functions:
        def invoke(self, **call):
            calls.append(call)

    real = account.cloud.client
    monkeypatch.setattr(account.cloud, "client", lambda name: Functions() if name == "lambda" else real(name))
    function = account.cloud.arn("lambda", "function:on-alarm")
    name = account.alarm(namespace, AlarmActions=[function], AlarmDescription="too many")
    settle()
    account.put(namespace, 2.0)
    settle()
    (call,) = calls
    assert (call["FunctionName"], call["InvocationType"]) == (function, "Event")
    event = json.loads(call["Payload"])
    assert (event["source"], event["accountId"], event["region"]) == (
        "aws.cloudwatch",
        account.cloud.account,
        "us-east-1",
    )
    assert event["alarmArn"] == account.cloud.arn("cloudwatch", f"alarm:{name}")
    alarm = event["alarmData"]
    assert (alarm["previousState"]["value"], alarm["state"]["value"]) == ("OK", "ALARM")
    assert alarm["configuration"]["description"] == "too many"


def test_a_disabled_alarm_changes_and_stays_silent(account, namespace):
    topic, read = account.topic()
    name = account.alarm(namespace, AlarmActions=[topic])
    settle()
    account.cw.disable_alarm_actions(AlarmNames=[name])
    account.put(namespace, 2.0)
    settle()
    assert account.state(name) == "ALARM"
    account.cw.enable_alarm_actions(AlarmNames=[name])
    account.cw.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="back")
    account.cw.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    assert [message["NewStateReason"] for message in read(1)] == ["by hand"]


def test_a_state_set_by_hand_is_overwritten_at_the_next_evaluation(account, namespace):
    name = account.alarm(namespace)
    settle()
    account.cw.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="drill", StateReasonData='{"by": "hand"}'
    )
    assert json.loads(account.described(name)["StateReasonData"]) == {"by": "hand"}
    account.cloud.clock.advance(60)
    settle()
    assert account.state(name) == "OK"


def test_putting_an_alarm_again_keeps_its_state_and_changes_its_settings(account, namespace):
    name = account.alarm(namespace)
    account.put(namespace, 5.0)
    settle()
    account.alarm(namespace, AlarmName=name, Threshold=1)
    assert (account.state(name), account.described(name)["Threshold"]) == ("ALARM", 1.0)
    account.alarm(namespace, AlarmName=name, Threshold=100)
    account.cloud.clock.advance(60)
    settle()
    assert account.state(name) == "OK"


def test_an_action_that_cannot_be_done_is_in_the_history(account, namespace):
    nowhere = account.cloud.arn("sns", account.unique("nowhere"))
    name = account.alarm(namespace, AlarmActions=[nowhere, "arn:aws:automate:us-east-1:ec2:stop"])
    account.put(namespace, 5.0)
    settle()
    items = account.cw.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [item["HistoryItemType"] for item in items] == [
        "Action",
        "Action",
        "StateUpdate",
        "ConfigurationUpdate",
    ]
    assert all(item["HistorySummary"].startswith("Failed to execute action") for item in items[:2])
    update = json.loads(items[2]["HistoryData"])
    assert (update["oldState"]["stateValue"], update["newState"]["stateValue"]) == (
        "INSUFFICIENT_DATA",
        "ALARM",
    )
    only = account.cw.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    assert [item["HistorySummary"] for item in only["AlarmHistoryItems"]] == [
        "Alarm updated from INSUFFICIENT_DATA to ALARM"
    ]


def test_alarms_are_found_by_name_state_action_and_metric(account, namespace):
    topic, _ = account.topic()
    first = account.alarm(namespace, AlarmActions=[topic])
    second = account.alarm(namespace, Dimensions=[{"Name": "Route", "Value": "/buy"}])
    settle()
    account.put(namespace, 1.0)
    settle()

    def names(**filters):
        return {alarm["AlarmName"] for alarm in account.cw.describe_alarms(**filters)["MetricAlarms"]}

    assert names(AlarmNames=[first, second], StateValue="ALARM") == {first}
    assert names(ActionPrefix=topic) == {first}
    assert names(AlarmNamePrefix=second) == {second}
    metric = {"Namespace": namespace, "MetricName": "m"}
    found = account.cw.describe_alarms_for_metric(**metric)["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == [first]


def test_alarms_come_in_pages(account, namespace):
    prefix = account.unique("many")
    for number in range(3):
        account.alarm(namespace, AlarmName=f"{prefix}-{number}")
    pages = account.cw.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["MetricAlarms"]) for page in pages] == [2, 1]


def test_a_deleted_alarm_is_gone(account, namespace):
    name = account.alarm(namespace)
    account.cw.delete_alarms(AlarmNames=[name, "never-there"])
    assert account.cw.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    error = refused(account.cw.set_alarm_state, AlarmName=name, StateValue="OK", StateReason="x")
    assert error["Code"] == "ResourceNotFound"


WATCHED = stat("m1", "Shop", period=300)
OF_NOTHING = {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, m1)"}
BANDED = {
    **dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period", "Threshold")),
    "Metrics": [WATCHED, {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}],
    "ThresholdMetricId": "band",
    "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
}


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"Statistic": None}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of Statistic and ExtendedStatistic"),
        ({"Statistic": None, "ExtendedStatistic": "q99"}, "q99"),
        ({"Period": 45}, "10, 20, 30 or a multiple of 60"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "7 day(s)"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "1 day(s)"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"TreatMissingData": "perhaps"}, "Option perhaps is not supported"),
        ({"Threshold": None}, "Threshold"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "an alarm without ThresholdMetricId"),
        ({"ThresholdMetricId": "band"}, "an alarm with ThresholdMetricId"),
        (BANDED | {"Threshold": 1}, "cannot be combined with ThresholdMetricId"),
        (BANDED | {"ThresholdMetricId": "m1"}, "not the id of an ANOMALY_DETECTION_BAND"),
        (BANDED | {"Metrics": [WATCHED, OF_NOTHING]}, "takes a time series and a number"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "wall clock windows"),
    ],
)
def test_an_alarm_that_would_never_sound_is_refused(account, namespace, settings, words):
    with pytest.raises(ClientError) as error:
        account.alarm(namespace, **settings)
    assert words in error.value.response["Error"]["Message"]


def test_an_alarm_on_an_expression_that_is_no_series_is_refused(account, namespace):
    plain = {"MetricName": None, "Namespace": None, "Statistic": None, "Period": None}
    query = stat("m1", namespace) | {"ReturnData": False}
    with pytest.raises(ClientError, match="single time series"):
        account.alarm(namespace, **plain, Metrics=[{"Id": "e", "Expression": "SUM(m1)"}, query])
    with pytest.raises(ClientError, match="nosuch"):
        account.alarm(namespace, **plain, Metrics=[{"Id": "e", "Expression": "m1 + nosuch"}, query])


# --- composite alarms


def composite(account, rule, **settings):
    name = account.unique("composite")
    account.cw.put_composite_alarm(AlarmName=name, AlarmRule=rule, **settings)
    return name


def test_a_composite_follows_its_children(account, namespace):
    topic, read = account.topic()
    one, two = account.alarm(namespace), account.alarm(namespace, MetricName="n")
    settle()
    name = composite(account, f'ALARM("{one}") AND NOT ALARM({two})', AlarmActions=[topic])
    assert account.state(name, "CompositeAlarm") == "OK"
    account.put(namespace, 1.0)
    settle()
    found = account.described(name, "CompositeAlarm")
    arn = account.cloud.arn("cloudwatch", f"alarm:{one}")
    assert found["StateValue"] == "ALARM"
    assert found["StateReason"].startswith(f"{arn} transitioned to ALARM at ")
    (message,) = read(1)
    assert [child["Arn"] for child in message["TriggeringChildren"]] == [arn]
    account.put(namespace, 1.0, name="n")
    settle()
    assert account.state(name, "CompositeAlarm") == "OK"


def test_a_composite_of_composites(account, namespace):
    child = account.alarm(namespace)
    inner = composite(account, f"ALARM({child})")
    outer = composite(account, f"ALARM({account.cloud.arn('cloudwatch', f'alarm:{inner}')}) AND TRUE")
    account.put(namespace, 1.0)
    settle()
    assert account.state(outer, "CompositeAlarm") == "ALARM"
    parents = account.cw.describe_alarms(ParentsOfAlarmName=inner, AlarmTypes=["CompositeAlarm"])
    assert [alarm["AlarmName"] for alarm in parents["CompositeAlarms"]] == [outer]
    children = account.cw.describe_alarms(ChildrenOfAlarmName=inner)
    assert [alarm["AlarmName"] for alarm in children["MetricAlarms"]] == [child]


@pytest.mark.parametrize(
    "rule, words",
    [
        ("ALARM(nobody)", "do not exist"),
        ("ALARM(", "not valid"),
        ("BROKEN(x)", "not a function of alarm rules"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(account, rule, words):
    error = refused(account.cw.put_composite_alarm, AlarmName=account.unique("composite"), AlarmRule=rule)
    assert words in error["Message"]


def test_a_suppressor_holds_the_actions_until_its_extension_is_over(account, namespace):
    topic, read = account.topic()
    # without data and with `ignore` they stay as they are set
    child, suppressor = (account.alarm(namespace, TreatMissingData="ignore") for _ in range(2))
    name = composite(
        account,
        f"ALARM({child})",
        AlarmActions=[topic],
        ActionsSuppressor=suppressor,
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=120,
    )
    suppressions = []
    for alarm, value in ((child, "ALARM"), (suppressor, "ALARM"), (suppressor, "OK")):
        account.cw.set_alarm_state(AlarmName=alarm, StateValue=value, StateReason="drill")
        suppressions.append(account.described(name, "CompositeAlarm")["ActionsSuppressedBy"])
    assert suppressions == ["WaitPeriod", "Alarm", "ExtensionPeriod"]
    wait_for(cloudwatch.idle)
    assert read(0) == []
    account.cloud.clock.advance(121)
    settle()
    assert [message["NewStateValue"] for message in read(1)] == ["ALARM"]
    assert "ActionsSuppressedBy" not in account.described(name, "CompositeAlarm")


# --- tags


def test_an_alarm_bears_tags_from_its_creation_on(account, namespace):
    name = account.alarm(namespace, Tags=[{"Key": "team", "Value": "ml"}])
    arn = account.described(name)["AlarmArn"]
    account.alarm(namespace, AlarmName=name, Tags=[{"Key": "team", "Value": "other"}])  # left as they are
    account.cw.tag_resource(ResourceARN=arn, Tags=[{"Key": "env", "Value": "dev"}])
    account.cw.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert account.cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "env", "Value": "dev"}]
