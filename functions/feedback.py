"""Feedback: the outcomes of earlier predictions, kept as ground truth.

Invoked by  POST /feedback of the HTTP API (payload format 2.0)
Takes       {"inference_id": "...", "outcome": 0 or 1, the name of a class or a number,
             "observed_at": ISO 8601, optional}, or {"outcomes": [...]} of up to 100 such
Returns     202 {"inference_id"}, again for the same outcome; 409 when another outcome was told before;
            of a batch 207 {"results": [{"inference_id", "status": 202 or 409}]} in its order;
            400 not JSON, 413 too many, 422 wrong fields, and nothing of a batch is taken
Raises      nothing on purpose
Needs       s3:PutObject, s3:GetObject on the lake's ground-truth/; s3:PutObject on its outcomes/;
            PIPELINE_DIR, LAKE_BUCKET
"""

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import tellings
from tidegate.plan import Plan
from tidegate.serving import outcomes
from tidegate.serving.http_json import answer
from tidegate.serving.outcomes import Telling
from tidegate.serving.predict_request import RefusedError

logger = Logger()
metrics = Metrics()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
task = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.training.task
KEPT, CONTRADICTED = 202, 409
WRITERS = 8  # of a batch at once; a client keeps ten connections


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    now = datetime.now(UTC)
    try:
        asked = outcomes.read(event, task, now)
    except RefusedError as refused:
        metrics.add_metric("RefusedOutcomes", MetricUnit.Count, 1)
        return answer(refused.status, {"error": refused.error})
    # every telling, a contradicting one too: quality is measured of those
    tellings.put(s3, lake_bucket, [each.record(task) for each in asked.tellings], now)
    statuses = _keep(asked.tellings)
    metrics.add_metric("Outcomes", MetricUnit.Count, statuses.count(KEPT))
    if contradicted := statuses.count(CONTRADICTED):
        metrics.add_metric("RefusedOutcomes", MetricUnit.Count, contradicted)
    ids = [each.inference_id for each in asked.tellings]
    if asked.is_batch:
        results = [{"inference_id": id_, "status": said} for id_, said in zip(ids, statuses, strict=True)]
        return answer(207, {"results": results})
    if statuses == [CONTRADICTED]:
        return answer(CONTRADICTED, {"error": {"what": "another outcome was told before", "cause": ids[0]}})
    return answer(KEPT, {"inference_id": ids[0]})


def _keep(told: tuple[Telling, ...]) -> list[int]:
    """A status for each; what is told twice in one batch is kept in its order."""
    by_id: dict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(told):
        by_id[each.inference_id].append(index)

    def keep(indices: list[int]) -> list[tuple[int, int]]:
        return [(index, KEPT if _is_first(told[index]) else CONTRADICTED) for index in indices]

    if len(by_id) == 1:  # as most requests are; a thread costs as much as the write
        kept = [keep(indices) for indices in by_id.values()]
    else:
        with ThreadPoolExecutor(min(WRITERS, len(by_id))) as writers:
            kept = list(writers.map(keep, by_id.values()))
    found = dict(pair for pairs in kept for pair in pairs)
    return [found[index] for index in range(len(told))]


def _is_first(told: Telling) -> bool:
    return tellings.keep_first(s3, lake_bucket, told.record(task))
