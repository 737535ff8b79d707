"""What AWS knows of a training run: its execution, its jobs, and what they left in the lake."""

import json
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.aws.model_package import MAX_MEMBER_BYTES
from tidegate.aws.objects import ABSENT, get_bytes, split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

OF_ARTEFACT = ("manifest.json", "signature.json")
OF_EVALUATION = ("evaluation.json", "evaluation.html")


def answers(stepfunctions: "SFNClient", execution_arn: str, *states: str) -> dict[str, Any]:
    """What the functions of these states answered, as far as the execution came."""
    found: dict[str, Any] = {}
    running = ""
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    for page in pages:
        for event in page["events"]:
            if event["type"] == "TaskStateEntered":
                running = event["stateEnteredEventDetails"]["name"]
            elif event["type"] == "TaskSucceeded" and running in states:
                output = json.loads(event["taskSucceededEventDetails"].get("output") or "{}")
                found[running] = output.get("Payload", output)
            if len(found) == len(states):
                return found
    return found


def jobs(sagemaker: "SageMakerClient", run: str) -> dict[str, Any]:
    """`tuning`, `trials`, `training`, `evaluating` as described; those that were never begun are missing."""
    tuning = f"tune-{run}"
    described: dict[str, Any] = {
        "tuning": _described(
            lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
        ),
        "training": _described(lambda: sagemaker.describe_training_job(TrainingJobName=f"train-{run}")),
        "evaluating": _described(
            lambda: sagemaker.describe_processing_job(ProcessingJobName=f"evaluate-{run}")
        ),
    }
    found = {name: job for name, job in described.items() if job}
    if "tuning" in found:
        found["trials"] = _trials(sagemaker, tuning)
    return found


def _trials(sagemaker: "SageMakerClient", tuning: str) -> list[Any]:
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning, SortBy="CreationTime", SortOrder="Ascending"
    )
    names = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    return [sagemaker.describe_training_job(TrainingJobName=name) for name in names]


def _described(describe: Any) -> Any:
    try:
        return describe()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None  # what SageMaker says of a job that does not exist
        raise


def artefact_files(s3: "S3Client", model_uri: str) -> dict[str, str]:
    """The small members of model.tar.gz as text; the model itself is passed over."""
    bucket, key = split_uri(model_uri)
    found: dict[str, str] = {}
    body: Any = s3.get_object(Bucket=bucket, Key=key)["Body"]
    with tarfile.open(fileobj=body, mode="r|gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in OF_ARTEFACT and member.size <= MAX_MEMBER_BYTES:
                file = archive.extractfile(member)
                found[name] = file.read().decode() if file else ""
            if len(found) == len(OF_ARTEFACT):
                break
    return found


def evaluation_files(s3: "S3Client", bucket: str, run: str) -> Mapping[str, str]:
    found = {}
    for name in OF_EVALUATION:
        try:
            found[name] = get_bytes(s3, bucket, f"evaluations/{run}/{name}").decode()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in ABSENT:
                raise
    return found
