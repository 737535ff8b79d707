"""AcquireTrainingLock: one training run at a time, a cooldown between runs, and a reason when there is none.

Invoked by  state AcquireTrainingLock of step_functions/training.asl.json
Takes       messages.TrainingTrigger
Returns     messages.TrainingLock
Raises      nothing on purpose
Needs       dynamodb:GetItem, dynamodb:PutItem on the state table; PIPELINE_DIR, STATE_TABLE
"""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.state import State
from tidegate.messages.training import TrainingLock, TrainingTrigger
from tidegate.plan import Plan
from tidegate.training import tuning

logger = Logger()
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
training = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.training
# longer than the limits of a run's jobs together: the lock of a dead run must not last for ever
LOCK_SECONDS = tuning.longest_seconds(training) + 4 * training.maximum_runtime_seconds


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    trigger = TrainingTrigger.from_json(event)
    now = datetime.now(UTC)
    run = f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
    reason = _unwanted(trigger, now)
    if reason is None and not state.lock_training(run, now.timestamp(), LOCK_SECONDS, trigger.execution):
        reason = _held()
    if reason is None:
        state.record_training(run, now.timestamp())
    logger.info(
        "training lock", extra={"trigger": trigger.trigger, "acquired": reason is None, "reason": reason}
    )
    return TrainingLock(acquired=reason is None, reason=reason or trigger.cause, run=run).to_json()


def _held() -> str:
    """Who holds the lock: a run that is gone without a word is told by the time of its lock's end."""
    reason = "another training run is in progress"
    if (lock := state.training_lock()) is None:  # it ended just now
        return reason
    run, until = lock
    return f"{reason}: {run}, whose lock ends at {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _unwanted(trigger: TrainingTrigger, now: datetime) -> str | None:
    """Why this trigger starts nothing, or None. A person's command is never refused."""
    if trigger.trigger == "command":
        return None
    if trigger.trigger == "new-data":
        if training.new_data == "never":
            return "new data starts no training (training.new_data)"
        if training.new_data == "when-no-champion" and state.champion() is not None:
            return "there is a champion, and new data alone starts no training (training.new_data)"
    last = state.last_training()
    # below 0: the clock was set back since, and nobody knows how long ago it was
    ago = None if last is None else now.timestamp() - last
    if ago is not None and 0 <= ago < training.cooldown_seconds:
        left = training.cooldown_seconds - ago
        return f"the last run began {ago:.0f} s ago; {left:.0f} s of cooldown are left"
    return None
