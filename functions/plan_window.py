"""PlanWindow: the champion's captured traffic that no window has measured yet.

Invoked by  state PlanWindow of step_functions/monitoring.asl.json
Takes       anything
Returns     messages.CaptureWindow; not ready while it holds fewer rows than monitoring.minimum_rows, and
            without a run while no model serves
Raises      nothing on purpose
Needs       s3:ListBucket on the lake's captures/ and evaluations/; s3:GetObject on its captures/;
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
from tidegate.messages.monitoring import CaptureWindow
from tidegate.plan import Plan
from tidegate.rollout import VARIANTS

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
minimum_rows = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.monitoring.minimum_rows
CAPTURES = f"captures/{endpoint_name}/"
MAX_FILES = 1000  # of one window, some 30 ms each to count; the next one takes the rest
LATE = timedelta(days=1)  # after the hour of its traffic a capture file still finds its way into a window
SETTLED = timedelta(seconds=2)  # S3 tells whole seconds: a younger file may get company of the same age


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    champion = state.champion()
    if champion is None:
        return _nothing("no model serves yet").to_json()
    last = state.item("window")
    since = datetime.fromisoformat(champion.since)
    measured = since if last is None else datetime.fromisoformat(last["end"]["S"])
    start = max(since, measured)  # the traffic before this champion is not its own
    files = _settled(_files(champion.variant, start))
    rows = sum(captures.records(s3, lake_bucket, file.key) for file in files)
    window = _window(champion, files, start, measured, rows)
    logger.info("planned window", extra={"run": window.run, "records": rows, "files": len(files)})
    return window.to_json()


def _files(variant: str, start: datetime) -> Iterable[CaptureFile]:
    prefix = f"{CAPTURES}{variant}/"
    return captures.since(s3, lake_bucket, prefix, start, late=LATE)


def _settled(found: Iterable[CaptureFile]) -> list[CaptureFile]:
    """The oldest first, and all of a second or none: the next window begins after the youngest's second."""
    before = datetime.now(UTC) - SETTLED
    files = sorted((file for file in found if file.written < before), key=lambda file: file.written)
    if len(files) > MAX_FILES:
        files = [file for file in files if file.written <= files[MAX_FILES - 1].written]
    return files


def _window(
    champion: Champion, files: list[CaptureFile], start: datetime, measured: datetime, rows: int
) -> CaptureWindow:
    """Of `files`; one with too few rows is looked at all the same, and its rows wait."""
    run = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
    end = files[-1].written if files else start
    package = registry.describe(sagemaker, champion.model_package_arn)
    ready = rows >= minimum_rows
    return CaptureWindow(
        ready=ready,
        reason="" if ready else f"{rows} of {minimum_rows} captured requests a window needs",
        run=run,
        start=start.isoformat(),
        end=end.isoformat(),
        records=rows,
        manifest_uri=_manifest(run, "captures", f"{CAPTURES}{champion.variant}/", files),
        baseline_uri=package.metadata["baseline_uri"],
        predictions_uri=f"s3://{lake_bucket}/evaluations/{package.metadata['run']}/predictions.parquet",
        model_package_arn=champion.model_package_arn,
        others_uri=_others(run, {file.key for file in files}, measured, end) if ready else "",
        reference_uri=_reference(package.metadata["run"]),
        model_uri=package.model_uri,
    )


def _others(run: str, own: set[str], measured: datetime, end: datetime) -> str:
    """A manifest of what else was answered since the last window: a candidate's part, a past champion's."""
    found = (file for variant in VARIANTS for file in _files(variant, measured))
    files = [file for file in _settled(found) if file.key not in own and file.written <= end]
    return _manifest(run, "others", CAPTURES, files) if files else ""


def _manifest(run: str, name: str, prefix: str, files: list[CaptureFile]) -> str:
    key = f"monitoring/{run}/{name}.manifest"
    names = [file.key.removeprefix(prefix) for file in files]
    put_json(s3, lake_bucket, key, [{"prefix": f"s3://{lake_bucket}/{prefix}"}, *names])
    return f"s3://{lake_bucket}/{key}"


def _reference(run: str) -> str:
    """What the champion's evaluation kept for monitoring; that of an older version kept nothing."""
    prefix = f"evaluations/{run}/reference/"
    found = s3.list_objects_v2(Bucket=lake_bucket, Prefix=prefix, MaxKeys=1)
    return f"s3://{lake_bucket}/{prefix}" if found.get("KeyCount") else ""


def _nothing(reason: str) -> CaptureWindow:
    return CaptureWindow(
        ready=False,
        reason=reason,
        run="",
        start="",
        end="",
        records=0,
        manifest_uri="",
        baseline_uri="",
        predictions_uri="",
        model_package_arn="",
    )
