"""State machines under test: a local cloud over real HTTP, and jobs whose status the test decides."""

import itertools
import json
import time

import pytest
from botocore.exceptions import ClientError

from localcloud import server
from localcloud.stepfunctions import clients

_numbers = itertools.count(1)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def running():
    with server.start(names=("events", "cloudwatch", "lambda_", "stepfunctions")) as running:
        yield running


@pytest.fixture(scope="module")
def aws(running):
    return running.cloud


@pytest.fixture(scope="module")
def sfn(aws):
    return aws.client("stepfunctions")


@pytest.fixture(scope="module")
def role(aws):
    return make_role(aws, "*")


@pytest.fixture
def machine(sfn, role):
    """Create a machine of some states, the first of which starts it; its ARN."""

    def create(states, *, options=None, role_arn=role, **machine):
        definition = {"StartAt": next(iter(states)), "QueryLanguage": "JSONata", "States": states, **machine}
        return sfn.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=role_arn, **(options or {})
        )["stateMachineArn"]

    return create


@pytest.fixture
def run(sfn, machine):
    """Run a machine of these states to its end; its description."""

    def execute(states, given=None, **options):
        arn = sfn.start_execution(stateMachineArn=machine(states, **options), input=json.dumps(given or {}))
        return ended(sfn, arn["executionArn"])

    return execute


@pytest.fixture
def jobs(monkeypatch):
    """SageMaker as state machines see it: jobs whose status the test decides."""
    real = clients.client_for
    fake = FakeSageMaker()
    monkeypatch.setattr(
        clients, "client_for", lambda **call: fake if call["service"] == "sagemaker" else real(**call)
    )
    return fake


class FakeSageMaker:
    def __init__(self):
        self.status = "Completed"
        self.created = []
        self.stopped = []

    def create_training_job(self, **request):
        if request["TrainingJobName"] == "taken":
            error = {"Code": "ResourceInUse", "Message": "Training job names must be unique"}
            raise ClientError(
                {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "CreateTrainingJob"
            )
        self.created.append(request)
        return {"TrainingJobArn": "arn:job", "ResponseMetadata": {}}

    def describe_training_job(self, TrainingJobName):  # noqa: N803  boto3's name
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": self.status,
            "FailureReason": "AlgorithmError: no rows",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://models/m.tar.gz"},
            "ResponseMetadata": {},
        }

    def stop_training_job(self, TrainingJobName):  # noqa: N803  boto3's name
        self.stopped.append(TrainingJobName)
        return {"ResponseMetadata": {}}


def unique(stem):
    return f"{stem}-{next(_numbers)}-{time.monotonic_ns()}"


def make_role(aws, *actions):
    iam, name = aws.client("iam"), unique("role")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    statements = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return arn


def ended(sfn, execution_arn, seconds=60.0):
    until = time.monotonic() + seconds
    while (found := sfn.describe_execution(executionArn=execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < until, f"still running after {seconds} s"
        time.sleep(0.01)
    return found


def eventually(look, seconds=60.0):
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"nothing after {seconds} s"
        time.sleep(0.02)
    return found


def passing(output):
    return {"Type": "Pass", "Output": output, "End": True}


def training(name="job", **state):
    arguments = {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/job",
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
        "OutputDataConfig": {"S3OutputPath": "s3://models/"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    return {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True} | state


def caught(error):
    return [{"ErrorEquals": [error], "Output": "{% $states.errorOutput %}", "Next": "Caught"}]
