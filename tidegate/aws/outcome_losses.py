"""Losses of answers whose outcomes are known: data capture joined with ground truth by inference id."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from tidegate.aws import captures
from tidegate.aws.objects import ABSENT
from tidegate.monitoring.capture import is_traffic, payload
from tidegate.rollout.outcomes import loss
from tidegate.rollout.sequences import Moments
from tidegate.settings.config import TaskName

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANSWERS = 2500  # of a variant that are looked up at most, the first of the step: their outcomes come first
SECONDS = 20  # then what was found so far is taken
THREADS = 32
CONFIG = Config(max_pool_connections=THREADS)  # of the client; more would wait for one another


def of_variant(s3: "S3Client", bucket: str, prefix: str, *, task: TaskName, since: datetime) -> Moments:
    """Moments of the losses of a variant's single predictions since a moment.

    Args:
        prefix: of the variant's captures.
    """
    until = time.monotonic() + SECONDS

    def look_up(pair: tuple[str, Any]) -> float | None:
        inference_id, answer = pair
        if time.monotonic() > until:
            return None
        outcome = _outcome(s3, bucket, inference_id)
        try:
            return None if outcome is None else loss(task, answer, outcome)
        except (KeyError, TypeError, ValueError):  # an answer that is none has no loss: guardrails count it
            return None

    answered = dict(_answers(s3, bucket, prefix, since))
    with ThreadPoolExecutor(THREADS) as threads:
        found = [*threads.map(look_up, answered.items())]
    return Moments.of(value for value in found if value is not None)


def _answers(s3: "S3Client", bucket: str, prefix: str, since: datetime) -> Iterator[tuple[str, Any]]:
    """(inference id, answer) of requests of one row; a batch has one id for many outcomes."""
    left = ANSWERS
    for file in captures.since(s3, bucket, prefix, since):
        for line in s3.get_object(Bucket=bucket, Key=file.key)["Body"].iter_lines(1 << 20):
            try:
                record = json.loads(line)
                inference_id = record["eventMetadata"]["inferenceId"]
                predictions = payload(record["captureData"]["endpointOutput"])["predictions"]
            except (ValueError, KeyError, TypeError):
                continue
            if len(predictions) == 1 and is_traffic(inference_id):
                yield inference_id, predictions[0]
                left -= 1
                if not left:
                    return


def _outcome(s3: "S3Client", bucket: str, inference_id: str) -> str | None:
    key = f"ground-truth/{inference_id[:2]}/{inference_id}.jsonl"
    try:
        record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in ABSENT:
            return None
        raise
    return str(record["groundTruthData"]["data"])
