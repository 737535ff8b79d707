"""Rules against the events that should and should not start something, and what the started machine gets.

Events are AWS's own (user guides of S3, SageMaker AI, CloudWatch, Step Functions) with our names in them.
"""

import json
from typing import Any

import pytest
from synthesized import Templates

from localcloud.events.patterns import compile_pattern
from localcloud.events.targets import body
from tidegate.messages.features import FeaturesRecorded
from tidegate.messages.ingestion import DatasetVersion
from tidegate.messages.training import TrainingTrigger

VERSION = DatasetVersion(
    dataset="flights",
    version="v1",
    snapshot_id="1",
    drop_id="d",
    rows=7,
    total_rows=7,
    first_event="2013-01-01T00:00:00Z",
    last_event="2013-01-31T00:00:00Z",
)
INCIDENTS = "IncidentsRecordIncidentFunction"  # without CDK's hash
RECORDED = FeaturesRecorded(dataset="flights", feature_hash="f", rows=120, online_rows=12)


@pytest.fixture
def started(templates):
    """Names of the resources that an event reaches, each with the body it gets."""

    def reached(event: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for rule in templates.of("AWS::Events::Rule").values():
            properties = resolved(rule["Properties"])
            pattern = properties.get("EventPattern")
            if pattern and compile_pattern(json.dumps(pattern)).matches(event):
                for target in properties["Targets"]:
                    text = body(target, event, rule_name="r", rule_arn="a", ingested="")
                    found[target["Arn"].rstrip("0123456789ABCDEF")] = json.loads(text)
        return found

    return reached


def resolved(tree: Any) -> Any:
    """References as the logical id or the output's name they lead to."""
    if isinstance(tree, list):
        return [resolved(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "Ref" in tree:
        return tree["Ref"]
    if "Fn::GetAtt" in tree:
        return tree["Fn::GetAtt"][0]
    if "Fn::GetStackOutput" in tree:
        return tree["Fn::GetStackOutput"]["OutputName"]
    return {name: resolved(item) for name, item in tree.items()}


def machine_of(templates: Templates, name: str) -> str:
    return resolved(templates.stacks["Pipeline"]["Outputs"][f"{name}Machine"]["Value"])


def event(source: str, kind: str, detail: dict[str, Any], *resources: str) -> dict[str, Any]:
    return {
        "version": "0",
        "source": source,
        "detail-type": kind,
        "resources": [*resources],
        "detail": detail,
    }


def object_created(templates: Templates, key: str) -> dict[str, Any]:
    [rule] = [r for id_, r in templates.of("AWS::Events::Rule").items() if "DropArrived" in id_]
    [bucket] = resolved(rule["Properties"]["EventPattern"]["detail"]["bucket"]["name"])
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 5, "etag": "e"}}
    return event("aws.s3", "Object Created", detail, f"arn:aws:s3:::{bucket}")


@pytest.mark.parametrize("key", ["drops/flights/2013-01.csv", "drops/flights/a b+ü.csv", "drops/"])
def test_every_object_below_drops_reaches_the_queue_whole(started, templates, key):
    arrived = object_created(templates, key)
    assert started(arrived) == {"IngestionDrops": arrived}


def test_objects_elsewhere_and_other_buckets_reach_nothing(started, templates):
    elsewhere = object_created(templates, "other/flights.csv")
    strange = object_created(templates, "drops/flights.csv")
    strange["detail"]["bucket"]["name"] = "of-another-pipeline"
    assert started(elsewhere) == started(strange) == {}


def test_a_dataset_version_starts_the_features_machine_of_its_own_pipeline(started, templates):
    detail = VERSION.to_json()
    mine = event("tidegate.ingestion", "DatasetVersionRecorded", detail, machine_of(templates, "Ingestion"))
    other = event("tidegate.ingestion", "DatasetVersionRecorded", detail, "another-pipelines-machine")
    reached = started(mine)
    assert reached == {"FeaturesMachine": detail, INCIDENTS: mine}
    assert DatasetVersion.from_json(reached["FeaturesMachine"]) == VERSION
    assert started(other) == {}


def test_new_features_ask_for_training_and_say_how_many(started, templates):
    machine = machine_of(templates, "Features")
    computed = event("tidegate.features", "FeaturesComputed", RECORDED.to_json(), machine)
    assert TrainingTrigger.from_json(started(computed)["TrainingMachine"]) == TrainingTrigger(
        trigger="new-data", cause="120 new feature rows of dataset flights"
    )


def alarm_changed(name: str, state: str, before: str = "OK") -> dict[str, Any]:
    detail = {
        "alarmName": name,
        "state": {"value": state, "reason": 'Threshold Crossed: 3 > 0 ("drift")'},
        "previousState": {"value": before},
    }
    return event("aws.cloudwatch", "CloudWatch Alarm State Change", detail)


@pytest.mark.parametrize("name", ["model-monitor-drift", "variant-a-errors", "dead-letters"])
@pytest.mark.parametrize(
    ("before", "after"),
    [("OK", "ALARM"), ("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK"), ("ALARM", "INSUFFICIENT_DATA")],
)
def test_every_alarm_that_rings_or_rings_no_more_reaches_incidents_and_starts_nothing(
    started, name, before, after
):
    changed = alarm_changed(f"flights-dev-{name}", after, before)
    assert started(changed) == {INCIDENTS: changed}


def test_an_alarm_that_gets_its_first_data_and_another_pipelines_reach_nothing(started):
    assert started(alarm_changed("flights-dev-model-monitor-drift", "OK", "INSUFFICIENT_DATA")) == {}
    assert started(alarm_changed("flights-prod-model-monitor-drift", "ALARM")) == {}


def package_changed(group: str, status: str) -> dict[str, Any]:
    detail = {
        "ModelPackageGroupName": group,
        "ModelPackageVersion": 3,
        "ModelPackageArn": f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group}/3",
        "ModelApprovalStatus": status,
    }
    return event("aws.sagemaker", "SageMaker Model Package State Change", detail)


def test_an_approved_package_is_deployed(started):
    approved = package_changed("flights-dev", "Approved")
    assert started(approved) == {
        "ServingDeploymentMachine": {"model_package_arn": approved["detail"]["ModelPackageArn"]}
    }


@pytest.mark.parametrize(
    ("group", "status"),
    [("flights-dev", "PendingManualApproval"), ("flights-dev", "Rejected"), ("flights-prod", "Approved")],
)
def test_no_other_package_is(started, group, status):
    assert started(package_changed(group, status)) == {}


@pytest.mark.parametrize(
    "name", ["Ingestion", "Features", "Training", "Deployment", "Restoration", "Monitoring", "Teardown"]
)
@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING"])
def test_every_end_of_an_execution_is_looked_at_and_its_start_is_not(started, templates, name, status):
    detail = {"stateMachineArn": machine_of(templates, name), "status": status, "name": "x"}
    ended = event("aws.states", "Step Functions Execution Status Change", detail)
    assert started(ended).get(INCIDENTS) == (None if status == "RUNNING" else ended)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING"])
def test_every_end_of_a_training_run_is_recorded_and_its_start_is_not(started, templates, status):
    for name in ("Training", "Features"):
        detail = {"stateMachineArn": machine_of(templates, name), "status": status, "name": "x"}
        ended = event("aws.states", "Step Functions Execution Status Change", detail)
        wanted = ended if name == "Training" and status != "RUNNING" else None
        assert started(ended).get("TrackingRecordRunFunction") == wanted


def test_a_rollout_that_is_killed_is_undone(started, templates):
    detail = {"stateMachineArn": machine_of(templates, "Deployment"), "status": "ABORTED", "name": "x"}
    ended = event("aws.states", "Step Functions Execution Status Change", detail)
    assert started(ended)["ServingRestorationMachine"] == {"rollout": "x"}
    assert started(ended)[INCIDENTS] == ended
    detail["stateMachineArn"] = machine_of(templates, "Training")
    others = started(event("aws.states", "Step Functions Execution Status Change", detail))
    assert "ServingRestorationMachine" not in others


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING"])
def test_every_end_of_a_rollout_has_a_page_and_its_start_has_none(started, templates, status):
    for name in ("Deployment", "Training"):
        detail = {"stateMachineArn": machine_of(templates, name), "status": status, "name": "x"}
        ended = event("aws.states", "Step Functions Execution Status Change", detail)
        wanted = ended if name == "Deployment" and status != "RUNNING" else None
        assert started(ended).get("ServingReportRolloutFunction") == wanted


def test_a_promotion_has_its_page_while_the_old_champion_is_warm(started, templates):
    promoted = event("tidegate.serving", "CandidatePromoted", {"executionArn": "arn"})
    promoted["resources"] = [machine_of(templates, "Deployment")]
    assert started(promoted)["ServingReportRolloutFunction"] == promoted


@pytest.mark.parametrize(
    ("stage", "source", "kind"),
    [
        ("Ingestion", "tidegate.ingestion", "DropQuarantined"),
        ("Deployment", "tidegate.serving", "CandidateAwaitsApproval"),
        ("Deployment", "tidegate.serving", "CandidatePromoted"),
        ("Restoration", "tidegate.serving", "RolloutRestored"),
        ("Monitoring", "tidegate.monitoring", "RetrainingDecided"),
    ],
)
def test_what_a_machine_tells_becomes_an_incident_and_another_pipelines_does_not(
    started, templates, stage, source, kind
):
    told = event(source, kind, {"some": "detail"}, machine_of(templates, stage))
    assert started(told)[INCIDENTS] == told
    assert started(told | {"resources": ["another-pipelines-machine"]}) == {}


def test_the_schedule_starts_monitoring(templates):
    scheduled = [
        rule["Properties"]
        for rule in templates.of("AWS::Events::Rule").values()
        if "ScheduleExpression" in rule["Properties"]
    ]
    [properties] = scheduled
    assert properties["ScheduleExpression"] == "rate(1 minute)"
    assert properties["Targets"][0]["Arn"] == {"Ref": machine_of(templates, "Monitoring")}
