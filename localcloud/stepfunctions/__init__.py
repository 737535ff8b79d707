"""Step Functions: moto's ASL interpreter with what it lacks, each part through a named seam.

Refused when a machine is made, where AWS would take it: ItemBatcher, item readers of JSON lines, manifests
and Parquet, HTTP tasks. Not built: activities, TestState, redrive, result files of a ResultWriter.
"""

import logging
from typing import Any

from moto.stepfunctions.models import stepfunctions_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)

from localcloud import _moto_seams, cloud
from localcloud.stepfunctions import (
    catching,
    clients,
    copies,
    expressions,
    maps,
    models,
    nested,
    parser,
    sagemaker,
    tasks,
    waiting,
)

TASKS: dict[str, type[StateTaskService]] = {
    "aws-sdk": tasks.AwsSdkTask,
    "dynamodb": tasks.DynamoDbTask,
    "events": tasks.EventsTask,
    "lambda": tasks.LambdaTask,
    "sagemaker": sagemaker.SageMakerTask,
    "sns": tasks.SnsTask,
    "sqs": tasks.SqsTask,
    "states": nested.NestedExecutionTask,
}


def install() -> None:
    """Put this room into moto, before the first request to Step Functions; a second call does nothing."""
    if stepfunctions_backends.backend is models.LocalStepFunctions:
        return
    # moto logs every failing state as an error of its own
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    _moto_seams.replace(
        "moto.stepfunctions.models", "stepfunctions_backends.backend", models.LocalStepFunctions
    )
    _moto_seams.replace("moto.stepfunctions.responses", "get_backend", backend)
    stock = state_task_factory.state_task_service_for

    def task_for(service_name: str) -> Any:
        return TASKS[service_name]() if service_name in TASKS else stock(service_name)

    _moto_seams.replace(state_task_factory.__name__, "state_task_service_for", task_for)
    for part in (catching, clients, copies, expressions, maps, parser, waiting):
        part.install()


def backend(account: str, region: str) -> models.LocalStepFunctions:
    found: models.LocalStepFunctions = stepfunctions_backends[account][region]
    return found


def idle() -> bool:
    """Whether no execution runs."""
    here = cloud.current()
    return not backend(here.account, here.region).unreported()


def rests() -> bool:
    """Whether every execution that runs is in a Wait state."""
    here = cloud.current()
    now = here.clock.time()
    asleep = {who for until, who in here.clock.sleepers() if until > now}
    return all(
        execution.execution_arn in asleep for execution in backend(here.account, here.region).unreported()
    )


def next_due(now: float) -> float | None:
    """When the next Wait state or pause before a retry ends."""
    return next((until for until, _ in cloud.current().clock.sleepers()), None)
