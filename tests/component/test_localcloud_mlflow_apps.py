"""MLflow Apps of the local cloud: kept, and led to a file where a process starts."""

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, unique

PRINT = """
import os
for name in ("MLFLOW_TRACKING_URI", "_MLFLOW_SERVER_ARTIFACT_ROOT", "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"):
    print(f"{name}={os.environ.get(name)}")
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


@pytest.fixture
def app(aws):
    return aws.sagemaker.create_mlflow_app(
        Name=unique("app"),
        ArtifactStoreUri=aws.uri("mlflow"),
        RoleArn=aws.role,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Arn"]


def environment_of_a_job(aws, uri):
    job = aws.train(PRINT, Environment={"MLFLOW_TRACKING_URI": uri})
    assert job["TrainingJobStatus"] == "Completed"
    lines = aws.logs("/aws/sagemaker/TrainingJobs", job["TrainingJobName"])
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_an_app_is_described_changed_listed_and_deleted(aws, app):
    client = aws.sagemaker
    assert client.describe_mlflow_app(Arn=app)["Status"] == "Created"
    client.update_mlflow_app(Arn=app, ArtifactStoreUri=aws.uri("elsewhere"))
    found = client.describe_mlflow_app(Arn=app)
    assert (found["Status"], found["ArtifactStoreUri"]) == ("Updated", aws.uri("elsewhere"))
    assert app in [each["Arn"] for each in client.list_mlflow_apps()["Summaries"]]
    assert client.list_tags(ResourceArn=app)["Tags"] == [{"Key": "a", "Value": "b"}]
    client.delete_mlflow_app(Arn=app)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_mlflow_app(Arn=app)


def test_two_apps_cannot_have_one_name(aws, app):
    name = aws.sagemaker.describe_mlflow_app(Arn=app)["Name"]
    with pytest.raises(ClientError, match="already exists"):
        aws.sagemaker.create_mlflow_app(Name=name, ArtifactStoreUri=aws.uri("x"), RoleArn=aws.role)


def test_a_job_finds_a_file_where_the_arn_of_an_app_was(aws, app):
    told = environment_of_a_job(aws, app)
    assert told["MLFLOW_TRACKING_URI"] == f"sqlite:///{aws.cloud.kept}/mlflow.db"
    assert told["_MLFLOW_SERVER_ARTIFACT_ROOT"] == f"{aws.cloud.kept}/mlflow-files"


def test_another_clouds_app_is_left_alone_and_cannot_be_reached(aws):
    foreign = "arn:aws:sagemaker:eu-west-1:999999999999:mlflow-app/app-ABCDEFGHIJKL"
    told = environment_of_a_job(aws, foreign)
    assert told["MLFLOW_TRACKING_URI"] == foreign
    # where MLflow's plug-in for ARNs goes instead of to AWS
    assert told["SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"] == aws.cloud.url


def test_a_server_of_ones_own_stays_as_it_is(aws):
    assert environment_of_a_job(aws, "https://mlflow.example.com")["MLFLOW_TRACKING_URI"] == (
        "https://mlflow.example.com"
    )
