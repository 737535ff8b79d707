"""Requests checked against botocore's shapes, and SageMaker's rules across members."""

import functools
from typing import Any

import botocore.loaders
import pytest
from botocore.model import ServiceModel, ShapeResolver

from localcloud.front import sagemaker_rules, strict
from localcloud.front.call import Call, Caller

JOB = {
    "TrainingJobName": "churn-1",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/train",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
}


@functools.cache
def model(service: str) -> ServiceModel:
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def message(service: str, operation: str, parameters: dict[str, Any], protocol: str = "json") -> str:
    call = Call(
        Caller("local", "us-east-1", service),
        service,
        model(service).operation_model(operation),
        protocol,
        parameters,
    )
    found = strict.refusal(call)
    return "" if found is None else f"{found.code}: {found.message}"


def findings(definition: dict[str, Any], value: Any) -> list[str]:
    shapes = {
        "Top": definition,
        "Text": {"type": "string"},
        "Number": {"type": "integer", "min": 1, "max": 9},
    }
    return list(strict.findings(ShapeResolver(shapes).get_shape_by_name("Top"), value, "top"))


def test_a_request_in_order_is_not_refused():
    assert message("sagemaker", "CreateTrainingJob", JOB) == ""


def test_a_name_that_breaks_its_pattern_is_refused_in_the_words_of_aws():
    said = message("sagemaker", "CreateTrainingJob", JOB | {"TrainingJobName": "churn_1"})
    assert said == (
        "ValidationException: 1 validation error detected: Value 'churn_1' at 'trainingJobName' failed to "
        "satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_every_planted_error_of_a_tuning_request_is_found():
    request = {
        "HyperParameterTuningJobName": "a-name-that-is-longer-than-thirty-two-characters",
        "HyperParameterTuningJobConfig": {
            "Strategy": "bayesian",
            "ResourceLimits": {"MaxParallelTrainingJobs": 0},
        },
        "TrainingJobDefinition": {"AlgorithmSpecification": {"ContainerEntrypoint": ["python"]}},
    }
    said = message("sagemaker", "CreateHyperParameterTuningJob", request)
    assert "Member must have length less than or equal to 32" in said
    assert (
        "at 'hyperParameterTuningJobConfig.strategy' failed to satisfy constraint: Member must satisfy enum"
        in said
    )
    assert "'0' at 'hyperParameterTuningJobConfig.resourceLimits.maxParallelTrainingJobs'" in said
    assert "Unknown member 'trainingJobDefinition.algorithmSpecification.containerEntrypoint'" in said
    assert (
        "Value null at 'trainingJobDefinition.roleArn' failed to satisfy constraint: Member must not be null"
        in said
    )


def test_an_unknown_member_is_named_with_the_nearest_known_one():
    assert "did you mean TrainingJobName?" in message(
        "sagemaker", "CreateTrainingJob", JOB | {"TrainingJobsName": "x"}
    )


def test_names_of_the_wire_are_checked_where_they_differ_from_the_members():
    request = {"name": "api", "protocolType": "HTTPS"}
    said = message("apigatewayv2", "CreateApi", request, "rest-json")
    assert said.startswith(
        "BadRequestException: 1 validation error detected: Value 'HTTPS' at 'protocolType'"
    )
    assert "[HTTP, WEBSOCKET]" in said or "[WEBSOCKET, HTTP]" in said


@pytest.mark.parametrize(
    "service, operation, parameters, code",
    [
        ("logs", "CreateLogGroup", {"logGroupName": "has space"}, "InvalidParameterException"),
        ("dynamodb", "DescribeTable", {}, "ValidationException"),
        ("cloudwatch", "DescribeAlarms", {"MaxRecords": 101}, "ValidationError"),
        ("events", "PutRule", {"Name": "a" * 65}, "ValidationException"),
    ],
)
def test_each_service_has_its_own_name_for_an_invalid_request(service, operation, parameters, code):
    assert message(service, operation, parameters).startswith(f"{code}: 1 validation error detected")


def test_services_that_are_not_checked_pass():
    assert message("iam", "CreateRole", {"nonsense": 1}, "query") == ""


def test_null_on_the_wire_means_absent():
    assert findings({"type": "structure", "members": {"A": {"shape": "Number"}}}, {"A": None}) == []
    required = {"type": "structure", "members": {"A": {"shape": "Number"}}, "required": ["A"]}
    assert findings(required, {"A": None}) == [
        "Value null at 'top.a' failed to satisfy constraint: Member must not be null"
    ]


@pytest.mark.parametrize(
    "value, broken",
    [(1, False), (9, False), (0, True), (10, True), ("5", True), (True, True), (2.5, True)],
)
def test_numbers_have_bounds_and_a_type(value, broken):
    assert bool(findings({"type": "integer", "min": 1, "max": 9}, value)) is broken


def test_items_of_lists_and_values_of_maps_are_checked_and_numbered_from_one():
    small, large = findings({"type": "list", "member": {"shape": "Number"}, "max": 3}, [1, 0, 10])
    assert small.startswith("Value '0' at 'top.2.member' failed")
    assert large.startswith("Value '10' at 'top.3.member' failed")
    definition = {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Number"}}
    assert "at 'top.b.member'" in findings(definition, {"a": 1, "b": 77})[0]


def test_a_union_takes_exactly_one_member():
    union = {"type": "structure", "members": {"A": {"shape": "Text"}, "B": {"shape": "Text"}}, "union": True}
    assert findings(union, {"A": "x"}) == []
    assert "Exactly one member" in findings(union, {"A": "x", "B": "y"})[0]


def test_patterns_must_match_the_whole_value():
    assert findings({"type": "string", "pattern": "[a-z]+"}, "abc") == []
    assert findings({"type": "string", "pattern": "[a-z]+"}, "abc1") != []


def test_patterns_that_python_cannot_say_are_skipped():
    assert findings({"type": "string", "pattern": r"[\p{L}]+"}, "...") == []


def test_long_values_are_shown_in_short():
    assert len(findings({"type": "string", "max": 3}, "x" * 5000)[0]) < 250


@pytest.mark.parametrize(
    "operation, request_, said",
    [
        (
            "CreateTrainingJob",
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60}},
            "MaxWait",
        ),
        (
            "CreateTrainingJob",
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
            },
            "greater than or equal to MaxRuntimeInSeconds (60)",
        ),
        ("CreateModel", {"PrimaryContainer": {"ModelDataUrl": "s3://b/model.zip"}}, ".tar.gz"),
        ("CreateModel", {}, "Exactly one of PrimaryContainer and Containers"),
        (
            "CreateEndpointConfig",
            {
                "ProductionVariants": [{"VariantName": "a"}, {"VariantName": "b"}],
                "ShadowProductionVariants": [{"VariantName": "c"}],
            },
            "exactly one production variant",
        ),
        (
            "CreateEndpointConfig",
            {"ProductionVariants": [{"VariantName": "a"}, {"VariantName": "a"}]},
            "unique",
        ),
        (
            "CreateFeatureGroup",
            {
                "FeatureDefinitions": [
                    {"FeatureName": "id", "FeatureType": "String"},
                    {"FeatureName": "at", "FeatureType": "Fractional"},
                ],
                "RecordIdentifierFeatureName": "id",
                "EventTimeFeatureName": "at",
                "OfflineStoreConfig": {"TableFormat": "Iceberg"},
            },
            "Iceberg",
        ),
    ],
)
def test_rules_across_members_are_held(operation, request_, said):
    assert said in (sagemaker_rules.broken(operation, request_) or "")


def tuning(strategy: str, **config: Any) -> str | None:
    limits = {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 6}
    request = {
        "HyperParameterTuningJobConfig": {"Strategy": strategy, "ResourceLimits": limits, **config},
        "TrainingJobDefinition": {},
    }
    return sagemaker_rules.broken("CreateHyperParameterTuningJob", request)


def test_grid_takes_categorical_parameters_only():
    assert tuning("Grid", ParameterRanges={"CategoricalParameterRanges": [{"Name": "loss"}]}) is None
    assert "categorical" in (
        tuning("Grid", ParameterRanges={"IntegerParameterRanges": [{"Name": "depth"}]}) or ""
    )


def test_hyperband_excludes_early_stopping():
    assert tuning("Hyperband") is None
    assert "Hyperband" in (tuning("Hyperband", TrainingJobEarlyStoppingType="Auto") or "")


def rollout(**policy: Any) -> str | None:
    routing = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    }
    update = {"TrafficRoutingConfiguration": routing | policy.pop("routing", {}), **policy}
    return sagemaker_rules.broken("UpdateEndpoint", {"DeploymentConfig": {"BlueGreenUpdatePolicy": update}})


def test_a_canary_is_at_most_half_and_leaves_time_for_its_waits():
    assert rollout(TerminationWaitInSeconds=60, MaximumExecutionTimeoutInSeconds=600) is None
    assert "at most 50" in (rollout(routing={"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 51}}) or "")
    # 300 s of baking and 300 s until the old fleet ends do not fit into 600 s with anything left
    assert "600 s" in (rollout(TerminationWaitInSeconds=300, MaximumExecutionTimeoutInSeconds=600) or "")
