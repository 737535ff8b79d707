"""PlanWindow: the champion's captured traffic that no window has measured yet.

Invoked by  state PlanWindow of step_functions/monitoring.asl.json
Takes       anything
Returns     messages.CaptureWindow; not ready while it holds fewer rows than monitoring.minimum_rows
Raises      nothing on purpose
Needs       s3:ListBucket on the lake; s3:GetObject on the lake's captures/;
            s3:PutObject on the lake's monitoring/;
            dynamodb:GetItem on the state table; sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET, ENDPOINT_NAME, STATE_TABLE
"""

import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import captures, registry
from tidegate.aws.captures import CaptureFile
from tidegate.aws.objects import put_json
from tidegate.aws.state import Champion, State
from tidegate.messages import CaptureWindow
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
minimum_rows = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.monitoring.minimum_rows
MAX_FILES = 1000  # of one window, some 30 ms each to count; the next one takes the rest
SETTLED = timedelta(seconds=2)  # S3 tells whole seconds: a younger file may get company of the same age


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    champion = state.champion()
    if champion is None:
        return _nothing("no model serves yet").to_json()
    start = _start(champion)
    prefix = f"captures/{endpoint_name}/{champion.variant}/"
    files = _settled(captures.since(s3, lake_bucket, prefix, start))
    rows = sum(captures.records(s3, lake_bucket, file.key) for file in files)
    if rows < minimum_rows:
        return _nothing(f"{rows} of {minimum_rows} captured requests a window needs", rows).to_json()
    window = _window(champion, prefix, files, start, rows)
    logger.info("planned window", extra={"run": window.run, "records": rows, "files": len(files)})
    return window.to_json()


def _start(champion: Champion) -> datetime:
    """The end of the last window, but never before this champion came: its traffic is its own."""
    since = datetime.fromisoformat(champion.since)
    last = state.item("window")
    return since if last is None else max(since, datetime.fromisoformat(last["end"]["S"]))


def _settled(found: Iterable[CaptureFile]) -> list[CaptureFile]:
    """The oldest first, and all of a second or none: the next window begins after the youngest's second."""
    before = datetime.now(UTC) - SETTLED
    files = sorted((file for file in found if file.written < before), key=lambda file: file.written)
    if len(files) > MAX_FILES:
        files = [file for file in files if file.written <= files[MAX_FILES - 1].written]
    return files


def _window(
    champion: Champion, prefix: str, files: list[CaptureFile], start: datetime, rows: int
) -> CaptureWindow:
    run = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
    manifest_key = f"monitoring/{run}/captures.manifest"
    names = [file.key.removeprefix(prefix) for file in files]
    put_json(s3, lake_bucket, manifest_key, [{"prefix": f"s3://{lake_bucket}/{prefix}"}, *names])
    metadata = registry.describe(sagemaker, champion.model_package_arn).metadata
    return CaptureWindow(
        ready=True,
        reason="",
        run=run,
        start=start.isoformat(),
        end=files[-1].written.isoformat(),
        records=rows,
        manifest_uri=f"s3://{lake_bucket}/{manifest_key}",
        baseline_uri=metadata["baseline_uri"],
        predictions_uri=f"s3://{lake_bucket}/evaluations/{metadata['run']}/predictions.parquet",
        model_package_arn=champion.model_package_arn,
    )


def _nothing(reason: str, rows: int = 0) -> CaptureWindow:
    return CaptureWindow(
        ready=False,
        reason=reason,
        run="",
        start="",
        end="",
        records=rows,
        manifest_uri="",
        baseline_uri="",
        predictions_uri="",
        model_package_arn="",
    )
