"""SelectTrial: of a search's trials, take the configuration that becomes the model, and say why.

Invoked by  state SelectTrial of step_functions/training.asl.json
Takes       {"tuning_job": HyperParameterTuningJobName of a search that ended}
Returns     messages.SelectedTrial
Raises      TrialsFailedError (no retry)
Needs       sagemaker:ListTrainingJobsForHyperParameterTuningJob on the run's tuning job;
            sagemaker:DescribeTrainingJob on its trials;
            dynamodb:GetItem, dynamodb:PutItem on the state table; PIPELINE_DIR, STATE_TABLE
"""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from tidegate.aws import trials
from tidegate.aws.state import State
from tidegate.aws.trials import Trials
from tidegate.errors import TrialsFailedError
from tidegate.messages.training import SelectedTrial
from tidegate.plan import Plan
from tidegate.training import selection, tuning

logger = Logger()
# one call for each trial: of 750 some are throttled
sagemaker = boto3.client("sagemaker", config=Config(retries={"mode": "standard", "max_attempts": 10}))
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
training = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.training
search = training.tuning


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    tuning_job = event["tuning_job"]
    found = trials.read(
        sagemaker, tuning_job, resource=search.hyperband.resource if search.hyperband else None
    )
    _check(tuning_job, found)
    rule = selection.one_standard_error if search.selection == "one-standard-error" else selection.best
    selected = rule(found.scored)
    state.record_search(tuning.kind(training), tuning_job)
    taken, leader = selected.taken, selected.best
    logger.info("selected trial", extra={"training_job": taken.name, "reason": selected.reason})
    return SelectedTrial(
        training_job=taken.name,
        hyperparameters=dict(taken.hyperparameters),
        score=taken.score,
        standard_error=leader.standard_error,
        complexity=taken.complexity,
        best_training_job=leader.name,
        best_score=leader.score,
        reason=selected.reason,
        trials=len(found.scored),
        failed=len(found.failures),
    ).to_json()


def _check(tuning_job: str, found: Trials) -> None:
    """Raise TrialsFailedError when the search says too little to choose by."""
    failed, most = len(found.failures), search.maximum_failed_trials
    if most is not None and failed > most:
        raise TrialsFailedError(
            f"{failed} trials of {tuning_job} failed, {most} may (training.tuning.maximum_failed_trials)",
            cause=found.failures[0],
            hint="mend what the trials say, or take the values at which they fail out of the search",
        )
    if not found.scored:
        raise TrialsFailedError(
            f"no trial of {tuning_job} told its score, folds and complexity",
            cause=found.failures[0] if found.failures else "they ended before they printed them",
            hint="raise training.maximum_runtime_seconds or training.tuning.maximum_runtime_seconds",
        )
