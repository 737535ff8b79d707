"""MeasureSkew: captured feature vectors against those rebuilt from the offline store as of their moment.

Invoked by  state MeasureSkew of step_functions/monitoring.asl.json
Takes       messages.CaptureWindow, ready
Returns     messages.SkewMeasured
Raises      nothing on purpose
Needs       s3:GetObject on the lake's captures/, models/ and monitoring/; s3:PutObject on its monitoring/;
            glue:GetTable on the database and its tables; s3:GetObject on the lake's warehouse/;
            sagemaker:DescribeModelPackage on the model package group; cloudwatch:PutMetricData;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, ENDPOINT_NAME
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import captures, offline, registry
from tidegate.aws.catalog import Catalog
from tidegate.aws.model_package import feature_code
from tidegate.aws.objects import put_json
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.messages.monitoring import CaptureWindow, SkewMeasured
from tidegate.monitoring.captured_vectors import Sample, sample
from tidegate.monitoring.skew import Served, Skew, comparable, measure
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
cloudwatch = boto3.client("cloudwatch")
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
namespace = os.environ["POWERTOOLS_METRICS_NAMESPACE"]  # every function has it
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
monitoring = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.monitoring
HIGH_RESOLUTION_BELOW_SECONDS = 60
MAX_METRICS = 1000  # of one PutMetricData


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    window = CaptureWindow.from_json(event)
    sampled = sample(captures.lines(s3, window.manifest_uri), most=monitoring.skew_rows)
    skew = _skew(window, sampled)
    report_key = f"monitoring/{window.run}/skew.json"
    taken = {"seen": sampled.seen, "sampled": len(sampled.rows), "golden": sampled.golden}
    put_json(s3, lake_bucket, report_key, {"run": window.run, **taken, **skew.to_json()})
    _publish(skew)
    worst = skew.worst
    measured = SkewMeasured(
        run=window.run,
        rows=skew.rows,
        not_compared=sum(skew.not_compared.values()),
        maximum=worst.rate if worst else None,
        feature=worst.feature if worst and worst.differing else None,
        report_key=report_key,
    )
    logger.info("measured skew", extra=measured.to_json())
    return measured.to_json()


def _skew(window: CaptureWindow, sampled: Sample) -> Skew:
    left_out = sampled.left_out.copy()
    try:
        code = feature_code(s3, registry.describe(sagemaker, window.model_package_arn))
    except (
        ArtefactError
    ) as error:  # such a model could not serve either, but for a library that is newer here
        logger.exception("no feature code to rebuild vectors with")
        left_out[error.what] += len(sampled.rows)
        return Skew(rows=0, features=(), examples=(), look_ups={}, not_compared=dict(left_out))
    served = comparable(code, sampled.rows, left_out)
    answers = {
        view.name: offline.ask(
            catalog,
            view,
            [_question(view, row) for row in served],
            propagation=timedelta(seconds=monitoring.propagation_seconds),
        )
        for view in code.plan.views
    }
    return measure(code, served, answers, left_out)


def _question(view: ViewPlan, served: Served) -> offline.Question:
    told = served.looked_up[view.name].event_ts
    return offline.Question(
        at=datetime.fromtimestamp(served.row.at, UTC),
        moment=served.moment,
        keys={key: served.row.instance.get(key) for key in view.keys},
        newer=told if told is not None and told > served.moment else None,
    )


def _publish(skew: Skew) -> None:
    data = list(_metrics(skew))
    for start in range(0, len(data), MAX_METRICS):
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + MAX_METRICS])


def _metrics(skew: Skew) -> Iterator[Any]:
    """Nothing compared is no rate of zero: then only the counts are told."""
    for feature in skew.features:
        # values of dimensions are ASCII
        named = {"Name": "Feature", "Value": feature.feature.encode("ascii", "backslashreplace").decode()}
        yield _metric("FeatureSkewRate", feature.rate, [named])
    if skew.worst:
        yield _metric("FeatureSkewMax", skew.worst.rate)
    yield _metric("SkewRowsCompared", skew.rows)
    yield _metric("SkewRowsNotCompared", sum(skew.not_compared.values()))


def _metric(name: str, value: float, more: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    high = monitoring.alarm_period_seconds < HIGH_RESOLUTION_BELOW_SECONDS
    return {
        "MetricName": name,
        "Value": float(value),
        "Unit": "None",
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint_name}, *more],
        **({"StorageResolution": 1} if high else {}),
    }
