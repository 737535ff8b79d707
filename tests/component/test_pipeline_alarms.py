"""The pipeline's own alarms, as synthesized, under metrics that flap, go missing or all go wrong at once."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cloudwatch_account import Account, settle

from localcloud import server
from tidegate_cli import model

PREFIX = "flights-dev"
ENDPOINT = {"Endpoint": f"{PREFIX}-endpoint"}
SERVICE = {"service": PREFIX}
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture(scope="module")
def templates(assembly):
    return [json.loads(path.read_text())["Resources"] for path in assembly.rglob("*.template.json")]


class Watched(Account):
    """An account with every alarm of the pipeline, which tell two topics."""

    def __init__(self, running, templates):
        super().__init__(running)
        self.alerts, _ = self.topic()
        self.pages, _ = self.topic()
        self.templates = templates
        self.names = []

    def forget(self):
        """No alarm, and nothing that one could see: metrics are kept for 15 days."""
        self.cw.delete_alarms(AlarmNames=[f"{PREFIX}-{what}" for what in self.names])
        self.names.clear()
        self.cloud.clock.advance(16 * DAY)

    def begin(self):
        for kind, put, topic in (
            ("AWS::CloudWatch::Alarm", self.cw.put_metric_alarm, self.alerts),
            ("AWS::CloudWatch::CompositeAlarm", self.cw.put_composite_alarm, self.pages),
        ):
            for resource in (r for t in self.templates for r in t.values() if r["Type"] == kind):
                made = json.loads(json.dumps(resource["Properties"]), object_hook=_named)
                put(**made | {key: [topic] for key in ("AlarmActions", "OKActions") if made.get(key)})
                self.names.append(made["AlarmName"].removeprefix(f"{PREFIX}-"))
        settle()

    def publish(self, name, value, dimensions, namespace="Tidegate"):
        shown = [{"Name": key, "Value": text} for key, text in dimensions.items()]
        fine = {"StorageResolution": 1} if dimensions == ENDPOINT else {}  # dev alarms on ten seconds
        self.put(namespace, float(value), name, Dimensions=shown, Timestamp=self.now(), **fine)

    def serve(self, variant, requests, errors=0):
        served = {"EndpointName": ENDPOINT["Endpoint"], "VariantName": variant}
        for number in range(requests):
            self.record("Invocations", 1, served)
            self.record("Invocation5XXErrors", int(number < errors), served)

    def record(self, name, value, dimensions):
        """As SageMaker does of itself: nobody else may put into its namespace."""
        from localcloud import cloudwatch

        cloudwatch.record("AWS/SageMaker", name, dimensions, value)

    def after(self, seconds):
        self.cloud.clock.advance(seconds)
        settle()

    def state_of(self, what):
        return self.state(f"{PREFIX}-{what}", "CompositeAlarm" if what == "page" else "MetricAlarm")

    def ringing(self):
        return {what for what in self.names if self.state_of(what) == "ALARM"}

    def told(self, what):
        """How often its topic was told of it."""
        return len(self._history(what, "Action"))

    def changes(self, what):
        """The states it came into, in order."""
        items = self._history(what, "StateUpdate")
        return [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in items]

    def _history(self, what, kind):
        return self.cw.describe_alarm_history(
            AlarmName=f"{PREFIX}-{what}",
            HistoryItemType=kind,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            ScanBy="TimestampAscending",
            MaxRecords=100,
        )["AlarmHistoryItems"]


def _named(part):
    """References to queues, functions and topics: no name of theirs matters here."""
    key = next(iter(part), "")
    return key if key == "Ref" or key.startswith("Fn::") else part


@pytest.fixture(scope="module")
def watched(templates):
    with server.start(names=("events", "cloudwatch")) as running:
        yield Watched(running, templates)


@pytest.fixture
def pipeline(watched):
    watched.forget()
    watched.begin()
    return watched


def look(pipeline, **metrics):
    """A look of monitoring while a model serves."""
    for name, value in {"ModelAgeDays": 1, "DriftedFeatureCount": 0, **metrics}.items():
        pipeline.publish(name, value, ENDPOINT)
    settle()


def test_before_the_first_model_nothing_rings_however_long(pipeline):
    for _ in range(3):
        pipeline.after(DAY)
    assert pipeline.ringing() == set()
    assert pipeline.state_of("model-monitor-drift") == "INSUFFICIENT_DATA"


def test_status_tells_the_page_too_and_where_each_runbook_is(pipeline):
    pipeline.publish("FailedPredictions", 1, SERVICE)
    settle()
    place = SimpleNamespace(client=pipeline.cloud.client, prefix=PREFIX)
    told = {alarm["name"]: alarm for alarm in model.alarms(place)}
    assert told.keys() == {f"{PREFIX}-{what}" for what in pipeline.names}
    page = told[f"{PREFIX}-page"]
    assert (page["state"], page["runbook"]) == ("ALARM", "docs/guides/runbooks.md#page")
    assert f"{PREFIX}-predictions-failed transitioned to ALARM" in page["reason"]


def test_drift_that_stays_rings_once_and_ends_with_the_look_that_finds_none(pipeline):
    look(pipeline)
    for _ in range(4):
        pipeline.after(HOUR)
        look(pipeline, DriftedFeatureCount=2)
        for _ in range(5):
            pipeline.after(MINUTE)  # between looks nothing is known, and nothing changes
    pipeline.after(HOUR)
    look(pipeline)
    pipeline.after(MINUTE)
    assert pipeline.changes("model-monitor-drift") == ["OK", "ALARM", "OK"]


def test_a_metric_that_flaps_rings_as_often_as_it_was_seen_and_not_more(pipeline):
    for drifted in (0, 1, 0, 1, 0):
        pipeline.after(HOUR)
        look(pipeline, DriftedFeatureCount=drifted)
        pipeline.after(MINUTE)
    assert pipeline.changes("model-monitor-drift") == ["OK", "ALARM", "OK", "ALARM", "OK"]
    assert "page" not in pipeline.ringing()


def test_errors_that_flap_by_the_minute_ring_only_when_two_of_three_are_bad(pipeline):
    for errors in (5, 0, 0, 5, 0, 0):
        pipeline.serve("variant-a", 10, errors)
        pipeline.after(MINUTE)
    assert {"variant-a-errors", "endpoint-errors", "page"}.isdisjoint(pipeline.ringing())
    pipeline.serve("variant-a", 10, 5)
    pipeline.after(MINUTE)
    pipeline.serve("variant-a", 10, 5)
    pipeline.after(MINUTE)
    assert {"variant-a-errors", "endpoint-errors", "page"} <= pipeline.ringing()


def test_when_monitoring_dies_what_it_found_last_stands(pipeline):
    look(pipeline, DriftedFeatureCount=3)
    pipeline.after(3 * DAY)
    assert pipeline.changes("model-monitor-drift") == ["ALARM"]


def test_a_candidate_that_fails_with_a_small_share_pages_nobody(pipeline):
    for _ in range(3):
        pipeline.serve("variant-a", 40)
        pipeline.serve("variant-b", 5, errors=5)
        pipeline.after(MINUTE)
    assert pipeline.ringing() == {"variant-b-errors"}


def test_requests_that_stop_ring_within_the_hour_and_page_only_where_that_is_unusual(watched):
    watched.forget()
    moments = [watched.now() - timedelta(minutes=5 * number) for number in range(12 * 31)]
    shown = [{"Name": key, "Value": text} for key, text in SERVICE.items()]
    data = [
        {"MetricName": "Predictions", "Value": 20.0, "Dimensions": shown, "Timestamp": moment}
        for moment in moments  # of more than a day: what is usual is known
    ]
    watched.cw.put_metric_data(Namespace="Tidegate", MetricData=data)
    watched.begin()
    look(watched)
    assert watched.ringing() == set()
    watched.after(HOUR + MINUTE)
    look(watched)
    assert watched.ringing() == {"traffic-stopped", "traffic-unusual", "page"}
    watched.publish("Predictions", 20, SERVICE)
    settle()
    watched.after(5 * MINUTE)
    assert watched.ringing() == set()
    assert watched.changes("page") == ["OK", "ALARM", "OK"]
    assert watched.told("page") == 3


def test_a_young_service_that_is_asked_nothing_rings_but_pages_nobody(pipeline):
    look(pipeline)
    assert pipeline.ringing() == set()
    pipeline.after(HOUR)
    look(pipeline)
    assert pipeline.ringing() == {"traffic-stopped"}


def test_a_storm_tells_each_alarm_once_and_pages_once(pipeline):
    """Everything fails at once, for three minutes, with many datapoints a minute."""
    for _ in range(3):
        pipeline.serve("variant-a", 30, errors=30)
        for _ in range(20):
            pipeline.publish("Predictions", 10, SERVICE)
            pipeline.publish("DegradedPredictions", 10, SERVICE)
            pipeline.publish("FailedPredictions", 1, SERVICE)
            settle()
        look(
            pipeline,
            DriftedFeatureCount=9,
            PredictionDriftScore=4,
            DomainAuc=0.99,
            AttributionDrift=0.9,
            QualityBreaches=1,
            EstimateBreaches=1,
            FeatureSkewMax=1,
            OutOfContractShare=1,
            UnreadableRecords=7,
            LabelContradictions=1000,
            SuspiciousLabels=1,
            ModelAgeDays=400,
            FeatureAgeSeconds=400 * DAY,
        )
        pipeline.after(MINUTE)
    ringing = pipeline.ringing()
    assert set(pipeline.names) - ringing == {
        *("variant-b-errors", "variant-b-latency", "variant-a-latency"),
        *("traffic-stopped", "traffic-unusual"),
        *("features-stale", "features-failed", "features-null", "features-coverage"),
        *("dead-letters", "machine-failures", "receive-drop-errors", "api-function-errors"),
    }
    # each change is an event of the default bus, from which people are told
    alone = ringing - {"page"}
    assert {what: pipeline.changes(what).count("ALARM") for what in alone} == dict.fromkeys(alone, 1)
    assert pipeline.changes("page") == ["OK", "ALARM"]  # the first when it was made
    assert pipeline.told("page") == 2
    pipeline.after(10 * MINUTE)
    assert pipeline.changes("page") == ["OK", "ALARM", "OK"]
