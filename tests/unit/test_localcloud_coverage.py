"""How resources fare here, told from templates alone."""

import json

import pytest

from localcloud import coverage
from localcloud.assembly import Assembly, Stack
from localcloud.deploy.resource import HANDLERS, Handler, How

EXECUTED = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Route",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SageMaker::Endpoint",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::StepFunctions::StateMachine",
]


@pytest.fixture
def rows_of(tmp_path):
    def rows(resources):
        path = tmp_path / "S.template.json"
        path.write_text(json.dumps({"Resources": resources}))
        return coverage.rows(Assembly(tmp_path, (Stack(id="S", name="app-S", template_file=path),)))

    return rows


def test_every_resource_is_told_with_a_reason(rows_of):
    rows = rows_of(
        {
            "Drops": {"Type": "AWS::S3::Bucket"},
            "Policy": {"Type": "AWS::S3::BucketPolicy"},
            "Budget": {"Type": "AWS::Budgets::Budget"},
            "Cluster": {"Type": "AWS::ECS::Cluster"},
        }
    )
    assert [(row.id, row.how) for row in rows] == [
        ("app-S/Drops", How.EXECUTED),
        ("app-S/Policy", How.EMULATED),
        ("app-S/Budget", How.INERT),
        ("app-S/Cluster", How.UNKNOWN),
    ]
    assert all(row.why for row in rows)


def test_the_summary_counts_all_four_ways_and_lists_the_rows(rows_of):
    found = coverage.summary(rows_of({"Drops": {"Type": "AWS::S3::Bucket"}}))
    assert json.loads(json.dumps(found)) == found
    (resource,) = found.pop("resources")
    assert found == {"executed": 1, "emulated": 0, "inert": 0, "unknown": 0}
    assert resource.keys() == {"type", "id", "how", "why"}
    assert (resource["type"], resource["id"], resource["how"]) == (
        "AWS::S3::Bucket",
        "app-S/Drops",
        "executed",
    )


def test_a_property_without_effect_is_told_of_the_resource_that_has_it(rows_of):
    plain, logged = rows_of(
        {
            "Plain": {"Type": "AWS::S3::Bucket"},
            "Logged": {"Type": "AWS::S3::Bucket", "Properties": {"LoggingConfiguration": {}}},
        }
    )
    assert "LoggingConfiguration: no access logs are written" in logged.why
    assert "LoggingConfiguration" not in plain.why


def test_a_function_in_another_language_is_inert(rows_of):
    (row,) = rows_of({"F": {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs24.x"}}})
    assert (row.how, row.why) == (How.INERT, "kept, but nodejs24.x is not run here")


@pytest.mark.parametrize("type_", EXECUTED)
def test_the_services_of_a_pipeline_are_executed(type_):
    assert HANDLERS[type_].how is How.EXECUTED


def test_a_handler_without_a_word_on_how_its_type_fares_cannot_be_defined():
    with pytest.raises(TypeError, match="does not say how AWS::Silent::Thing fares"):
        type("Silent", (Handler,), {"type": "AWS::Silent::Thing"})
    assert "AWS::Silent::Thing" not in HANDLERS


def test_an_alarm_on_a_band_is_emulated_and_says_why(rows_of):
    rows = rows_of(
        {
            "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}},
            "Banded": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"ThresholdMetricId": "band"}},
        }
    )
    assert [row.how for row in rows] == [How.EXECUTED, How.EMULATED]
    assert "not CloudWatch's own model" in rows[1].why
