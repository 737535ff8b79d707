"""Collect: pull what is new from a source system, and make a drop of it.

Invoked by  the schedule of a source, one function for each `[[collect]]` of pipeline.toml
Takes       {source: name}
Returns     collection.Collected; no drop when nothing is new or another run is busy with the source
Raises      SourceUnavailableError, SourceRefusedError: the watermark stays, Lambda tries twice more,
            and the next run asks for the same
Needs       s3:PutObject and s3:AbortMultipartUpload on the drops;
            dynamodb:GetItem, dynamodb:PutItem and dynamodb:DeleteItem on the state table;
            for databases and pages with a secret secretsmanager:GetSecretValue, for a connection
            glue:GetConnection;
            for a bucket s3:ListBucket on it and on the drops, s3:GetObject on its objects;
            for Athena athena:StartQueryExecution, athena:GetQueryExecution, athena:GetQueryResults,
            athena:StopQueryExecution and athena:GetWorkGroup, glue:GetDatabase, glue:GetTable and
            glue:GetPartitions, s3:GetBucketLocation, s3:ListBucket and s3:GetObject on its tables
            and s3:PutObject, s3:GetObject, s3:ListBucket, s3:GetBucketLocation, s3:AbortMultipartUpload
            and s3:ListMultipartUploadParts on the lake's staging/;
            in a VPC ec2:CreateNetworkInterface, ec2:DescribeNetworkInterfaces, ec2:DescribeSubnets,
            ec2:DeleteNetworkInterface, ec2:AssignPrivateIpAddresses and ec2:UnassignPrivateIpAddresses;
            PIPELINE_DIR, DROPS_BUCKET, LAKE_BUCKET, STATE_TABLE
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.sources.failures import told
from tidegate.aws.sources.run import Run
from tidegate.aws.watermarks import Watermarks
from tidegate.ingestion.collection import Collected, SourceRefusedError
from tidegate.plan import Plan
from tidegate.settings.collect_section import CollectSection

logger = Logger()
metrics = Metrics()
s3 = boto3.client("s3")
watermarks = Watermarks(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
drops_bucket = os.environ["DROPS_BUCKET"]
lake_bucket = os.environ["LAKE_BUCKET"]
sections = {section.name: section for section in plan.config.collect}
LEASE_MARGIN_SECONDS = 60  # clocks differ, and the source should not be taken before the function is dead


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    section = sections[event["source"]]
    metrics.add_metric("CollectRuns", MetricUnit.Count, 1)
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    run_id = context.aws_request_id
    lease = end - time.monotonic() + LEASE_MARGIN_SECONDS
    if not watermarks.lease(section.name, run_id, time.time(), lease):
        return _said(Collected(source=section.name, reason="another run is collecting from this source"))
    try:
        run = Run(
            section=section,
            contract=plan.contract,
            s3=s3,
            drops_bucket=drops_bucket,
            watermarks=watermarks,
            remaining_seconds=lambda: end - time.monotonic(),
        )
        return _said(_collect(run, section))
    finally:
        watermarks.release(section.name, run_id)


def _collect(run: Run, section: CollectSection) -> Collected:
    if section.kind == "s3":
        return run.copy()
    if section.kind == "https":
        return run.fetch(_secret_headers(section))
    # awswrangler and pandas take seconds to import, and the other kinds need neither
    if section.kind == "athena":
        from tidegate.aws.sources.athena import Athena

        with Athena(section, f"s3://{lake_bucket}/staging/collect-{section.name}/") as athena:
            return run.query(athena)
    from tidegate.aws.sources.databases import MySql, PostgreSql, Redshift

    kinds = {"postgresql": PostgreSql, "mysql": MySql, "redshift": Redshift}
    with kinds[section.kind](section) as database:
        return run.query(database)


def _secret_headers(section: CollectSection) -> dict[str, str]:
    """Headers of a request that are nobody else's business: a JSON object in Secrets Manager."""
    if section.secret is None:
        return {}
    with told(section, "connect"):
        found = boto3.client("secretsmanager").get_secret_value(SecretId=section.secret)
    try:
        headers = json.loads(found["SecretString"])
        return {str(name): str(value) for name, value in headers.items()}
    except (KeyError, ValueError, AttributeError):
        raise SourceRefusedError(
            f"the secret of `{section.name}` cannot be used",
            cause="it is no JSON object of headers",
            hint='e.g. {"Authorization": "Bearer ..."}',
        ) from None  # the parser's message quotes the secret


def _said(collected: Collected) -> dict[str, Any]:
    """Log and count what was done."""
    metrics.add_metric("CollectedDrops", MetricUnit.Count, len(collected.drops))
    metrics.add_metric("CollectedRows", MetricUnit.Count, collected.rows or 0)
    answer = collected.to_json()
    (logger.warning if collected.warnings else logger.info)("collected", extra={"collected": answer})
    return answer
