"""Clients of a local cloud with CloudWatch in this process, and short ways to make what a test needs."""

import itertools
import json
import time
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from localcloud import cloudwatch

_numbers = itertools.count()


class Account:
    """The account under test; tests advance its clock."""

    def __init__(self, running):
        self.cloud = running.cloud
        self.cw, self.logs = running.cloud.client("cloudwatch"), running.cloud.client("logs")
        self.sns, self.sqs = running.cloud.client("sns"), running.cloud.client("sqs")

    def now(self):
        """Tests advance this clock; each asks it anew."""
        return self.cloud.clock.now()

    def unique(self, word):
        return f"{word}-{next(_numbers)}"

    def put(self, namespace, value, name="m", **member):
        datum = {"MetricName": name, **({} if value is None else {"Value": value}), **member}
        self.cw.put_metric_data(Namespace=namespace, MetricData=[datum])

    def data(self, *queries, minutes=10, **options):
        """GetMetricData over the last minutes: what it answers, by id."""
        now = self.now()
        answer = self.cw.get_metric_data(
            MetricDataQueries=list(queries),
            StartTime=now - timedelta(minutes=minutes),
            EndTime=now + timedelta(minutes=1),
            **options,
        )
        return {result["Id"]: result for result in answer["MetricDataResults"]}

    def alarm(self, namespace, **settings):
        request = {
            "AlarmName": self.unique("alarm"),
            "Namespace": namespace,
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        } | settings
        self.cw.put_metric_alarm(**{key: value for key, value in request.items() if value is not None})
        return request["AlarmName"]

    def described(self, name, kind="MetricAlarm"):
        answer = self.cw.describe_alarms(AlarmNames=[name], AlarmTypes=[kind])
        return answer[f"{kind}s"][0]

    def state(self, name, kind="MetricAlarm"):
        return self.described(name, kind)["StateValue"]

    def topic(self):
        """(topic ARN, read): read returns the messages that came, parsed, once there are `count`."""
        name = self.unique("topic")
        arn, url = self.sns.create_topic(Name=name)["TopicArn"], self.queue(name)
        self.sns.subscribe(
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=self.cloud.arn("sqs", name),
            Attributes={"RawMessageDelivery": "true"},
        )
        return arn, lambda count: self.read(url, count)

    def queue(self, name):
        return self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def read(self, url, count, seconds=20.0):
        found, until = [], time.monotonic() + seconds
        while len(found) < count and time.monotonic() < until:
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            found += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            time.sleep(0.02)
        return found


def settle():
    """Judge the alarms now rather than at the next second, and wait until all was told."""
    cloudwatch.look()
    wait_for(cloudwatch.idle)


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)


def stat(identity, namespace, statistic="Sum", period=60, **metric):
    metric = {"Namespace": namespace, "MetricName": "m"} | metric
    return {"Id": identity, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]
