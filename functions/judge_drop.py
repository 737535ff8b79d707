"""JudgeDrop: put together what the shards found, compare with the past, decide, and write the report.

Invoked by  state JudgeDrop of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, plan: messages.ShardPlan without shards, reports: [messages.ShardReport]}
Returns     messages.Verdict, cut to fit between states; in full in the lake
Raises      nothing on purpose
Needs       s3:GetObject on staging/, profiles/ and training/ of the lake;
            s3:PutObject on profiles/ and reports/ of the lake; dynamodb:UpdateItem on the ledger and
            dynamodb:Query on its index; dynamodb:GetItem on the state table;
            sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET, LEDGER_TABLE, STATE_TABLE
"""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import objects, registry
from tidegate.aws.ledger import Ledger
from tidegate.aws.past_drops import PastDrops, remembered
from tidegate.aws.profiles import get_profile, put_drop_profile
from tidegate.aws.shards import Shards
from tidegate.aws.state import State
from tidegate.ingestion.verdict import Judgement, judge, shortened
from tidegate.messages.ingestion import Drop, ObjectVersion, ShardPlan, ShardReport
from tidegate.monitoring import monitor_files
from tidegate.plan import Plan
from tidegate.profile import Profile
from tidegate.report.drop import render
from tidegate.statistics.drift import Reference

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
dynamodb = boto3.client("dynamodb")
ledger = Ledger(dynamodb, os.environ["LEDGER_TABLE"])
state = State(dynamodb, os.environ["STATE_TABLE"])

Parts = list[tuple[ObjectVersion, int]]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, planned = Drop.from_json(event["drop"]), ShardPlan.from_json(event["plan"])
    reports = [ShardReport.from_json(found) for found in event["reports"]]
    parts = _parts(planned, reports)
    if parts:  # a manifest's own size says nothing
        drop = replace(drop, size_bytes=sum(part.size_bytes for part, _ in parts))
    shards = Shards(s3, lake_bucket, drop, reports)
    replaces = plan.config.ingestion.overwrites == "replace"
    profile, past = shards.profile(), PastDrops(ledger, drop, replaces=replaces)
    judgement = judge(
        plan.contract,
        shards.checks(plan.contract),
        profile,
        drop=drop,
        history=past.history,
        references=[found for found in (past.recent(s3, lake_bucket), _baseline()) if found is not None],
        drift_warning_psi=plan.config.ingestion.drift_warning_psi,
        event_column=plan.features.source.event_ts,
        profile_key=lake_keys.profile(drop),
        report_key=lake_keys.report(drop, "verdict.json"),
    )
    _keep(drop, judgement, profile, past, parts, shards=len(reports))
    verdict = judgement.verdict
    metrics.add_metric("DropsJudged", MetricUnit.Count, 1)
    metrics.add_metric("DropsRefused", MetricUnit.Count, int(verdict.status == "quarantine"))
    facts = {"key": drop.key, "status": verdict.status, "rows": verdict.rows, "reasons": len(verdict.reasons)}
    logger.info("judged a drop", extra=facts)
    return shortened(verdict).to_json()


def _parts(planned: ShardPlan, reports: list[ShardReport]) -> Parts:
    """The objects of a manifest, each with its number of rows; none for a drop of one object."""
    if planned.objects_key is None:
        return []
    rows: Counter[int] = Counter()
    for found in reports:
        rows[found.object] += found.rows
    listed = objects.get_json(s3, lake_bucket, planned.objects_key)
    return [(ObjectVersion.from_json(item), rows[index]) for index, item in enumerate(listed)]


def _baseline() -> Reference | None:
    """Of the rows that the champion learned from."""
    champion = state.champion()
    if champion is None:
        return None
    uri = registry.describe(sagemaker, champion.model_package_arn).metadata.get("baseline_uri")
    if uri is None:
        return None  # a package registered by hand need not have one
    bucket, prefix = objects.split_uri(uri)
    profile = get_profile(s3, bucket, f"{prefix}profile.parquet")
    return Reference(against="the champion's training rows", profile=profile, kind="baseline", id=uri)


def _keep(
    drop: Drop, judgement: Judgement, profile: Profile, past: PastDrops, parts: Parts, *, shards: int
) -> None:
    """Write the profile, the verdict in full, the page and Model Monitor's files; note them in the ledger."""
    verdict = judgement.verdict
    put_drop_profile(s3, lake_bucket, verdict.profile_key, profile, drop=drop, verdict=verdict)
    documents = {
        "verdict.json": verdict.to_json(),
        "statistics.json": monitor_files.statistics(profile),
        "constraints.json": monitor_files.contract_constraints(plan.contract),
        "constraint_violations.json": monitor_files.verdict_violations(plan.contract, verdict.reasons),
    }
    for name, document in documents.items():
        objects.put_json(s3, lake_bucket, lake_keys.report(drop, name), document)
    page_key = lake_keys.report(drop, "report.html")
    page = render(judgement, profile, drop=drop, plan=plan.contract, history=past.history, parts=parts)
    s3.put_object(
        Bucket=lake_bucket, Key=page_key, Body=page.encode(), ContentType="text/html; charset=utf-8"
    )
    shifted = judgement.out_of_line if drop.acceptance is not None else ()
    ledger.note(
        drop.drop_id,
        shards=shards,
        verdict_key=verdict.report_key,
        page_key=page_key,
        **remembered(judgement.figures, shifted, profile_key=verdict.profile_key),
    )
