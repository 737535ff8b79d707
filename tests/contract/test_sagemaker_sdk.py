"""The requests of the training machine through AWS's own Python SDK: read by its types, the same on the wire.

Importing the SDK costs a second; no other test does.
"""

import json
import re
from typing import Any

import boto3
import jsonata
import pytest
from synthesized import FLIGHTS, REPOSITORY

from tidegate.settings.config import PipelineConfig
from tidegate.training import tuning

STATES = json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())["States"]
HOLES = {
    "ApprovalStatus": "Approved",
    "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:tag",
    "JobRole": "arn:aws:iam::123456789012:role/job",
    "LakeBucket": "lake",
    "MaximumRuntimeSeconds": "3600",
    "ModelPackageGroup": "flights-dev",
    "ServingInstanceType": "ml.c7i.large",
    "SigningKey": "arn:aws:kms:us-east-1:123456789012:key/k",
    "TrainingInstanceType": "ml.m5.large",
}
RUN = "20260101000000-abcd"
MODEL = f"s3://lake/models/train-{RUN}/output/model.tar.gz"
VARIABLES: dict[str, Any] = {
    "trigger": {"trigger": "command", "cause": "a person"},
    "lock": {"acquired": True, "reason": "a person", "run": RUN},
    "set": {
        "train_uri": "s3://lake/training/t/train/",
        "test_uri": "s3://lake/training/t/test/",
        "baseline_uri": "s3://lake/training/t/baseline/",
        "champion_model_uri": MODEL.replace("abcd", "0000"),
        "feature_hash": "f" * 64,
        "snapshot": "7",
        "tag": "training-1",
        "code_version": "c" * 64,
        "content_id": "d" * 64,
        "contract_hash": "e" * 64,
        "train_sha256": "1" * 64,
        "test_sha256": "2" * 64,
    },
    "trial": {"hyperparameters": {"learning_rate": "0.1"}},
    "model": {
        "ModelArtifacts": {"S3ModelArtifacts": MODEL},
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/train-1",
    },
    "model_run": RUN,
    "tuning": {
        "HyperParameterTuningJobArn": "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/t"
    },
    "evaluation": {
        "metric": "roc_auc",
        "candidate": {
            "metric": 0.7,
            "interval": {"low": 0.6, "high": 0.8},
            "artefact_sha256": "3" * 64,
            "model_sha256": "4" * 64,
        },
    },
}
REQUESTS = {
    "TuneModel": "HyperParameterTuningJob",
    "TrainModel": "TrainingJob",
    "EvaluateCandidate": "ProcessingJob",
}


class Sent(Exception):  # noqa: N818  no error: what would have gone to AWS
    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.body = body


def request_of(state: str, variables: dict[str, Any]) -> Any:
    """The arguments of a task, holes filled and expressions evaluated."""
    return filled(STATES[state]["Arguments"], variables)


def filled(value: Any, variables: dict[str, Any]) -> Any:
    text = json.dumps(value)
    for hole, given in HOLES.items():
        text = text.replace(f"${{{hole}}}", given)
    assert "${" not in text
    return evaluated(json.loads(text), variables)


def evaluated(value: Any, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: evaluated(item, variables) for name, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item, variables) for item in value]
    if isinstance(value, str) and (query := re.fullmatch(r"\{%(.*)%\}", value, re.DOTALL)):
        expression = jsonata.Jsonata(query[1])
        for name, given in variables.items():
            expression.assign(name, given)
        return expression.evaluate(None)
    return value


def session() -> boto3.Session:
    """Sends nothing: the request's body comes back as an exception."""
    found = boto3.Session(
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="thing",  # noqa: S106  no secret: nothing is sent
    )

    def stop(params: dict[str, Any], **_: Any) -> None:
        raise Sent(json.loads(params["body"]))

    found.events.register("before-call.sagemaker", stop)
    return found


@pytest.fixture(scope="module")
def variables():
    """What the states before have assigned, the tuning of the example among it."""
    training = PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev").training
    request = tuning.request(training, checkpoints_uri="s3://lake/checkpoints/r/")
    found = VARIABLES | {"set": VARIABLES["set"] | {"tuning": request}}
    return found | {"search": filled(STATES["DescribeSearch"]["Assign"]["search"], found)}


@pytest.mark.parametrize(("state", "kind"), REQUESTS.items())
def test_the_sdk_reads_our_request_and_would_send_the_same(state, kind, variables):
    from sagemaker.core import resources
    from sagemaker.core.utils.code_injection.codec import transform

    request = request_of(state, variables)
    arguments = transform(request, f"Create{kind}Request")
    with pytest.raises(Sent) as sent:
        getattr(resources, kind).create(**arguments, session=session(), region="us-east-1")
    assert sent.value.body == without_empty(request)


def test_the_sdk_reads_the_registration_of_a_candidate(variables):
    """All but its InferenceSpecification, a model card's, which test_machines holds to botocore."""
    from sagemaker.core import resources
    from sagemaker.core.utils.code_injection.codec import transform

    request = request_of("RegisterCandidate", variables)
    del request["InferenceSpecification"]
    arguments = transform(request, "CreateModelPackageInput")
    with pytest.raises(Sent) as sent:
        resources.ModelPackage.create(**arguments, session=session(), region="us-east-1")
    sent.value.body.pop("ClientToken")  # botocore's
    assert sent.value.body == request


def without_empty(value: Any) -> Any:
    """The SDK sends no empty lists."""
    if isinstance(value, dict):
        return {name: without_empty(item) for name, item in value.items() if item != []}
    return [without_empty(item) for item in value] if isinstance(value, list) else value
