"""RecordRun: what became of a training run into MLflow, beside the pipeline and never in its way.

Invoked by  the rule TrainingEnded, on every end of the training machine; `tidegate runs replay`
Takes       an EventBridge event of Step Functions (Execution Status Change), or {} to write what waits
Returns     {"run": id or null, "written": [ids], "waiting": {id: reason}}
Raises      nothing on purpose: what MLflow does not take is kept under tracking/ of the lake
Needs       states:GetExecutionHistory on the training machine's executions;
            sagemaker:DescribeHyperParameterTuningJob, sagemaker:ListTrainingJobsForHyperParameterTuningJob,
            sagemaker:DescribeTrainingJob and sagemaker:DescribeProcessingJob on the run's jobs;
            s3:GetObject on the lake's models/, evaluations/ and tracking/; s3:ListBucket on the last two;
            s3:PutObject on tracking/ and mlflow/; s3:DeleteObject on tracking/;
            sqs:SendMessage on the queue of what was not delivered;
            sagemaker:CallMlflowAppApi on the MLflow App;
            PIPELINE_DIR, LAKE_BUCKET, MLFLOW_TRACKING_URI, SOURCE_COMMIT, SOURCE_DIRTY, SOURCE_LOCK
"""

import json
import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import experiments, run_facts, tracking_queue
from tidegate.plan import Plan
from tidegate.training import run_record
from tidegate.training.run_facts import Facts
from tidegate.training.tracking import Record

logger = Logger()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
stepfunctions = boto3.client("stepfunctions")
sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
tracking_uri = os.environ["MLFLOW_TRACKING_URI"]
source = {name: os.environ[f"SOURCE_{name.upper()}"] for name in ("commit", "dirty", "lock")}
# of the function's own time, for one more record and the rest
RESERVE_SECONDS = 30.0
LAST_SECONDS = 10.0


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    record = _record(event["detail"]) if "detail" in event else None
    if record is not None:
        tracking_queue.put(s3, lake_bucket, record)

    def seconds_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    def write(waiting: Record) -> None:
        # what a search of hundreds of trials does not get done now is gone on with the next time
        limit = min(experiments.patience(waiting), seconds_left() - LAST_SECONDS)
        experiments.write(waiting, tracking_uri, seconds=limit)

    done = tracking_queue.replay(s3, lake_bucket, write, time_left=lambda: seconds_left() > RESERVE_SECONDS)
    told = {"run": record.id if record else None, "written": list(done.written), "waiting": done.waiting}
    (logger.warning if done.waiting else logger.info)("tracked", extra=told)
    return told


def _record(execution: dict[str, Any]) -> Record | None:
    """None of an execution that never became a run: another one held the lock, or it was not wanted."""
    arn = execution["executionArn"]
    answers = run_facts.answers(stepfunctions, arn, "AcquireTrainingLock", "BuildTrainingSet", "SelectTrial")
    lock = answers.get("AcquireTrainingLock", {})
    if not lock.get("acquired"):
        return None
    run = lock["run"]
    jobs = run_facts.jobs(sagemaker, run)
    files = dict(run_facts.evaluation_files(s3, lake_bucket, run))
    model_uri = jobs.get("training", {}).get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if model_uri:
        files |= run_facts.artefact_files(s3, model_uri)
    manifest = json.loads(files.get("manifest.json", "{}"))
    return run_record.record(
        Facts(
            experiment=plan.config.prefix,
            run=run,
            execution=execution,
            rows=answers.get("BuildTrainingSet", {}),
            selected=answers.get("SelectTrial", {}),
            output=json.loads(execution.get("output") or "{}"),
            manifest=manifest,
            evaluation=json.loads(files.get("evaluation.json", "{}")),
            files=files,
            metric=plan.config.training.metric,
            # another version may have been deployed while the run went on
            source=source if manifest.get("code_version", plan.code_version) == plan.code_version else {},
            usd_per_hour=plan.config.tracking.instance_usd_per_hour,
            **jobs,
        )
    )
