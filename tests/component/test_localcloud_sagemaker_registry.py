"""The model registry keeps packages whole, numbers and approves them; models are made of them."""

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, tarred, unique

QUALITY = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/statistics.json"}}
WHOLE = {
    "ModelPackageDescription": "run 7",
    "ModelApprovalStatus": "PendingManualApproval",
    "SkipModelValidation": "All",
    "ModelMetrics": {"ModelQuality": QUALITY},
    "DriftCheckBaselines": {"ModelDataQuality": QUALITY},
    "CustomerMetadataProperties": {"dataset_version": "3f9c1a", "feature_set": "v3"},
    "MetadataProperties": {
        "CommitId": "abc",
        "GeneratedBy": "arn:aws:states:us-east-1:123456789012:execution:t:1",
    },
    "SourceUri": "s3://bucket/run/7",
    "Domain": "MACHINE_LEARNING",
    "Task": "CLASSIFICATION",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


@pytest.fixture
def group(aws):
    name = unique("Group")
    aws.sagemaker.create_model_package_group(
        ModelPackageGroupName=name, ModelPackageGroupDescription="models"
    )
    return name


@pytest.fixture(scope="module")
def data(aws):
    return aws.put("packages/model.tar.gz", tarred(colour="blue"))


@pytest.fixture
def register(aws, group, data):
    """Register a version in the group; its ARN."""

    def make(**more):
        container = {"Image": "images:1", "ModelDataUrl": data, "Environment": {"MODEL_VERSION": "7"}}
        specification = {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        return aws.sagemaker.create_model_package(
            ModelPackageGroupName=group, InferenceSpecification=specification, **more
        )["ModelPackageArn"]

    return make


def test_a_package_comes_back_whole(aws, group, register):
    arn = register(**WHOLE)
    answer = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert {name: answer[name] for name in WHOLE} == WHOLE
    assert answer["InferenceSpecification"]["Containers"][0]["Environment"] == {"MODEL_VERSION": "7"}
    assert (answer["ModelPackageGroupName"], answer["ModelPackageVersion"]) == (group, 1)
    assert (answer["ModelPackageStatus"], answer["ModelPackageArn"]) == ("Completed", arn)


def test_versions_count_up_and_no_number_is_given_twice(aws, group, register):
    first, second = register(), register()
    assert (first.rpartition("/")[2], second.rpartition("/")[2]) == ("1", "2")
    assert first.split(":")[-1] == f"model-package/{group.lower()}/1"
    aws.sagemaker.delete_model_package(ModelPackageName=second)
    assert register().endswith("/3")


def test_an_approval_changes_only_what_it_names(aws, register):
    arn = register(**WHOLE)
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="beats the champion",
        CustomerMetadataProperties={"reviewer": "ada"},
        CustomerMetadataPropertiesToRemove=["feature_set"],
    )
    answer = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert (answer["ModelApprovalStatus"], answer["ApprovalDescription"]) == (
        "Approved",
        "beats the champion",
    )
    assert answer["CustomerMetadataProperties"] == {"dataset_version": "3f9c1a", "reviewer": "ada"}
    assert answer["ModelMetrics"] == WHOLE["ModelMetrics"]
    assert answer["LastModifiedTime"] >= answer["CreationTime"]


def test_creation_and_approval_are_events(aws, group, register):
    arn = register(**WHOLE)
    aws.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    events = aws.events("ModelPackageArn", arn)
    assert {event["detail-type"] for event in events} == {"SageMaker Model Package State Change"}
    assert {event["detail"]["ModelApprovalStatus"] for event in events} == {
        "PendingManualApproval",
        "Approved",
    }
    detail = events[0]["detail"]
    assert (detail["ModelPackageGroupName"], detail["ModelPackageVersion"]) == (group, 1)
    assert detail["ModelMetrics"] == WHOLE["ModelMetrics"]
    assert isinstance(detail["CreationTime"], int)
    assert events[0]["resources"] == [arn]


def test_the_latest_approved_version_is_found(aws, group, register):
    arns = [register(ModelApprovalStatus=status) for status in ("Approved", "Approved", "Rejected")]
    found = aws.sagemaker.list_model_packages(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=1,
    )
    assert [line["ModelPackageArn"] for line in found["ModelPackageSummaryList"]] == [arns[1]]
    assert "NextToken" in found
    all_of_group = aws.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [line["ModelPackageArn"] for line in all_of_group] == arns


def test_packages_outside_of_groups_are_listed_apart(aws, group, register):
    register()
    name = unique("package")
    specification = {
        "Containers": [{"Image": "images:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    aws.sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=specification)
    unversioned = aws.sagemaker.list_model_packages()["ModelPackageSummaryList"]
    assert [line["ModelPackageName"] for line in unversioned] == [name]
    assert aws.sagemaker.describe_model_package(ModelPackageName=name)["ModelPackageName"] == name


def test_a_group_with_versions_is_not_deleted_an_empty_one_is(aws, group, register):
    arn = register()
    with pytest.raises(ClientError) as refused:
        aws.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        aws.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        aws.sagemaker.create_model_package(ModelPackageGroupName=group)


def test_groups_are_described_listed_and_tagged(aws, group):
    answer = aws.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert (answer["ModelPackageGroupDescription"], answer["ModelPackageGroupStatus"]) == (
        "models",
        "Completed",
    )
    arn = answer["ModelPackageGroupArn"]
    assert arn.endswith(f":model-package-group/{group.lower()}")
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "risk"}])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "risk"}]
    listed = aws.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert [line["ModelPackageGroupName"] for line in listed] == [group]


# --- Models


def make_model(aws, container, **more):
    name = unique("model")
    aws.sagemaker.create_model(
        **{"ModelName": name, "ExecutionRoleArn": aws.role, "PrimaryContainer": container, **more}
    )
    return name


def test_a_model_is_made_of_an_approved_package_only(aws, register):
    pending = register(ModelApprovalStatus="PendingManualApproval")
    with pytest.raises(ClientError, match="not Approved"):
        make_model(aws, {"ModelPackageName": pending})
    aws.sagemaker.update_model_package(ModelPackageArn=pending, ModelApprovalStatus="Approved")
    name = make_model(aws, {"ModelPackageName": pending})
    answer = aws.sagemaker.describe_model(ModelName=name)
    assert answer["PrimaryContainer"] == {"ModelPackageName": pending}
    assert answer["ModelArn"].endswith(f":model/{name}")


def test_a_model_needs_data_that_is_there_and_that_its_role_may_read(aws, data):
    with pytest.raises(ClientError, match="Could not find model data at"):
        make_model(aws, {"Image": "images:1", "ModelDataUrl": aws.uri("none/model.tar.gz")})
    blind = aws.new_role("s3:ListBucket")
    with pytest.raises(ClientError, match="Could not access model data at"):
        make_model(aws, {"Image": "images:1", "ModelDataUrl": data}, ExecutionRoleArn=blind)


def test_a_models_name_is_free_again_after_its_deletion(aws, data):
    container = {"Image": "images:1", "ModelDataUrl": data}
    name = make_model(aws, container)
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        make_model(aws, container, ModelName=name)
    aws.sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find model"):
        aws.sagemaker.describe_model(ModelName=name)
    make_model(aws, container, ModelName=name)


def test_an_endpoint_configuration_names_models_that_are_there(aws, data):
    name = unique("config")
    variant = {
        "VariantName": "main",
        "ModelName": "nobody",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    with pytest.raises(ClientError, match="Could not find model"):
        aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    variant |= {"ModelName": make_model(aws, {"Image": "images:1", "ModelDataUrl": data})}
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    answer = aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert answer["ProductionVariants"] == [{**variant, "InitialVariantWeight": 1.0}]
    listed = aws.sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [line["EndpointConfigName"] for line in listed] == [name]
    aws.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)
