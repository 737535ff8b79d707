"""JudgeDrop: merge what the shards found, compare with the past, and decide.

Invoked by  state JudgeDrop of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, reports: [messages.ShardReport]}
Returns     messages.Verdict, cut to fit between states; in full in the lake
Raises      nothing on purpose
Needs       s3:GetObject on staging/, profiles/ and training/ of the lake;
            s3:PutObject on profiles/ and reports/ of the lake; dynamodb:Query on the ledger and its index;
            dynamodb:GetItem on the state table; sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET, LEDGER_TABLE, STATE_TABLE
"""

import contextlib
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import numpy as np
import pyarrow.parquet as pq
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from numpy.typing import NDArray

from tidegate import lake_keys
from tidegate.aws import objects, registry
from tidegate.aws.ledger import Ledger
from tidegate.aws.profiles import get_profile, put_profile
from tidegate.aws.state import State
from tidegate.checks import Checks, KeyFile, merge_checks, repeated, with_count
from tidegate.checks.keys import Key, read_keys
from tidegate.checks.repeats import Fetch
from tidegate.messages import Drop, ShardReport
from tidegate.plan import Plan
from tidegate.profile import Profile, merge
from tidegate.verdict import judge, shortened

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
dynamodb = boto3.client("dynamodb")
ledger = Ledger(dynamodb, os.environ["LEDGER_TABLE"])
state = State(dynamodb, os.environ["STATE_TABLE"])

_HISTORY = 14  # accepted drops that a new one is compared with; reading each takes some 30 ms


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop = Drop.from_json(event["drop"])
    reports = sorted((ShardReport.from_json(r) for r in event["reports"]), key=lambda report: report.index)
    profile = merge([get_profile(s3, lake_bucket, report.profile_key) for report in reports])
    profile_key = lake_keys.profile(drop.dataset, drop.drop_id)
    put_profile(s3, lake_bucket, profile_key, profile)
    verdict = judge(
        plan.contract,
        _checks(reports),
        profile,
        history=_history(drop),
        baseline=_baseline(),
        drift_warning_psi=plan.config.ingestion.drift_warning_psi,
        profile_key=profile_key,
        report_key=lake_keys.report(drop),
    )
    objects.put_json(s3, lake_bucket, verdict.report_key, verdict.to_json())
    metrics.add_metric("DropsJudged", MetricUnit.Count, 1)
    metrics.add_metric("DropsRefused", MetricUnit.Count, int(verdict.status == "quarantine"))
    logger.info(
        "judged a drop",
        extra={
            "key": drop.key,
            "status": verdict.status,
            "rows": verdict.rows,
            "reasons": len(verdict.reasons),
        },
    )
    return shortened(verdict).to_json()


def _checks(reports: list[ShardReport]) -> Checks:
    """Of all shards, with the counts of rules that look across them."""
    merged = merge_checks(
        [Checks.from_json(objects.get_json(s3, lake_bucket, r.checks_key)) for r in reports]
    )
    rules = [index for index, rule in enumerate(plan.contract.rules) if rule.kind == "unique"]
    if not rules:
        return merged
    rows_before = list(itertools.accumulate((report.rows for report in reports), initial=0))[:-1]
    with contextlib.ExitStack() as stack:
        files = [KeyFile(_download(stack, str(report.keys_key))) for report in reports]
        for index in rules:
            columns = plan.contract.rules[index].columns
            found = repeated(index, files, rows_before=rows_before, fetch=_fetch(reports, columns))
            merged = with_count(merged, index, found)
    return merged


def _fetch(reports: list[ShardReport], columns: tuple[str, ...]) -> Fetch:
    """Reads keys of a shard's rows."""

    def fetch(shard: int, rows: NDArray[np.int64]) -> list[Key]:
        with contextlib.ExitStack() as stack:
            return read_keys(pq.ParquetFile(_download(stack, reports[shard].rows_key)), columns, rows)

    return fetch


def _download(stack: contextlib.ExitStack, key: str) -> BinaryIO:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    s3.download_fileobj(lake_bucket, key, file)
    file.seek(0)
    return file


def _history(drop: Drop) -> list[Profile]:
    """Profiles of the drops accepted before, newest first."""
    rows = ledger.recorded(drop.dataset, _HISTORY + 1)
    earlier = [row["drop_id"] for row in rows if row["drop_id"] != drop.drop_id]
    return [
        get_profile(s3, lake_bucket, lake_keys.profile(drop.dataset, drop_id))
        for drop_id in earlier[:_HISTORY]
    ]


def _baseline() -> Profile | None:
    """Of the rows that the champion learned from."""
    champion = state.champion()
    if champion is None:
        return None
    uri = registry.describe(sagemaker, champion.model_package_arn).metadata.get("baseline_uri")
    if uri is None:
        return None  # a package registered by hand need not have one
    bucket, prefix = objects.split_uri(uri)
    return get_profile(s3, bucket, f"{prefix}profile.parquet")
