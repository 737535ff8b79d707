"""IndexCaptures: where each captured request lies, and which values it looked up, for `tidegate why`.

Invoked by  state IndexCaptures of step_functions/monitoring.asl.json
Takes       anything
Returns     {"files": capture files read, "rows": requests among them, "left": files for the next time}
Raises      nothing on purpose
Needs       s3:ListBucket on the lake; s3:GetObject on the lake's captures/ and features/sets/;
            s3:PutObject on its origins/;
            PIPELINE_DIR, LAKE_BUCKET, ENDPOINT_NAME
"""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import feature_sets, origins
from tidegate.aws.captures import CaptureFile
from tidegate.aws.objects import get_bytes
from tidegate.origins.captured import Index
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
PART_FILES = 500  # of one part of the index: SageMaker's files are of some megabytes at most
ENOUGH_MS = 300_000  # time that another part may take


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    since = origins.watermark(origins.indexes(s3, lake_bucket))
    before = datetime.now(UTC) - origins.SETTLED
    files = [f for f in origins.unindexed(s3, lake_bucket, endpoint_name, since) if f.written < before]
    plan_of = feature_sets.Known(s3, lake_bucket, plan.features).view
    done = rows = 0
    while done < len(files) and context.get_remaining_time_in_millis() > ENOUGH_MS:
        part = _whole_seconds(files[done:])
        index = Index(plan_of)
        for file in part:
            index.add_file(file.key, get_bytes(s3, lake_bucket, file.key))
        name = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
        origins.put_index(s3, lake_bucket, index, until=part[-1].written, name=name)
        done, rows = done + len(part), rows + len(index)
    told = {"files": done, "rows": rows, "left": len(files) - done}
    logger.info("indexed captures", extra=told)
    return told


def _whole_seconds(files: Sequence[CaptureFile]) -> Sequence[CaptureFile]:
    """The first of them, and all of a second or none: the next part begins after the youngest's second."""
    last = files[min(PART_FILES, len(files)) - 1].written
    return [file for file in files if file.written <= last]
