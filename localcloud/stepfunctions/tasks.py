"""Tasks that call a service: arguments checked and shaped by the service's model, results safe for JSON."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel
from moto.stepfunctions.parser.api import (
    ExecutionFailedEventDetails,
    HistoryEventType,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
    state_task_service_callback,
    state_task_service_dynamodb,
    state_task_service_events,
    state_task_service_lambda,
    state_task_service_sns,
    state_task_service_sqs,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud import cloud
from localcloud.stepfunctions import shapes

FIRST_POLL_SECONDS = 0.01  # what fails at once is told at once
LONGEST_POLL_SECONDS = 0.5  # what ends is told of; this is for a task that is timed out or aborted meanwhile
LONGEST_CAUSE = 32768  # characters; SensitiveCause of the API


def runtime_failure(env: Environment, cause: str) -> FailureEventException:
    """States.Runtime: the definition or its data is at fault, and no Catch or Retry sees it."""
    name = StatesErrorName(StatesErrorNameType.StatesRuntime)
    details = ExecutionFailedEventDetails(error=name.error_name, cause=cause)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(executionFailedEventDetails=details),
        )
    )


class ModelledTask(state_task_service.StateTaskService):
    """A task whose service botocore describes; moto's own tasks neither check nor convert what passes."""

    def _model(self, action: str | None = None) -> OperationModel | None:
        return shapes.operation(self.resource.api_name, action or self.resource.api_action)

    def _get_boto_service_name(self, boto_service_name: str | None = None) -> str:
        name = boto_service_name or self.resource.api_name
        return shapes.SERVICES.get(name, name)

    def _eval_parameters(self, env: Environment) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        if self.parargs is not None:
            self.parargs.eval(env=env)
            parameters = env.stack.pop()
        if problems := self._misfits(parameters):
            text = json.dumps(parameters, separators=(",", ":"))
            raise runtime_failure(
                env, f"The Parameters '{text}' could not be used to start the Task: [{', '.join(problems)}]"
            )
        return parameters

    def _misfits(self, parameters: dict[str, Any]) -> list[str]:
        model = self._model()
        if model is None or model.input_shape is None:
            return []
        return shapes.misfits(parameters, model.input_shape)

    def _normalise_parameters(
        self,
        parameters: dict[str, Any],
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        model = self._model(service_action_name)
        if model is not None and model.input_shape is not None:
            shaped = shapes.request_of(parameters, model.input_shape)
            parameters.clear()
            parameters.update(shaped)

    def _normalise_response(
        self,
        response: Any,
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        model = self._model(service_action_name)
        if isinstance(response, dict) and model is not None and model.output_shape is not None:
            shaped = shapes.result_of(response, model.output_shape)
            response.clear()
            response.update(shaped)


@dataclass(frozen=True)
class Started:
    """What a `.sync` task started: `poll` gives the task's result, or None while it runs."""

    poll: Callable[[], dict[str, Any] | None]
    stop: Callable[[], object]


class SyncTask(state_task_service_callback.StateTaskServiceCallback):
    """A task that ends when the thing it started ends; aborted or timed out, it stops that thing."""

    def _eval_sync(
        self, env: Environment, sync_resolver: Started, *_: Any, **__: Any
    ) -> dict[str, Any] | None:
        pause = FIRST_POLL_SECONDS
        here = cloud.current()
        while env.is_running() and not here.closing.is_set():
            seen = here.endings.count
            if (result := sync_resolver.poll()) is not None:
                return result
            here.endings.wait(seen, pause)  # what runs is real, so this wait is on the real clock
            pause = min(2 * pause, LONGEST_POLL_SECONDS)
        with contextlib.suppress(
            ClientError
        ):  # AWS tries, and says nothing where it may not or comes too late
            sync_resolver.stop()
        return None

    def _failed(self, env: Environment, description: dict[str, Any]) -> FailureEventException:
        """States.TaskFailed with the description of what failed as its cause, as JSON text."""
        name = StatesErrorName(StatesErrorNameType.StatesTaskFailed)
        return FailureEventException(
            FailureEvent(
                env=env,
                error_name=name,
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(
                    taskFailedEventDetails=TaskFailedEventDetails(
                        resource=self._get_sfn_resource(),
                        resourceType=self._get_sfn_resource_type(),
                        error=name.error_name,
                        cause=json.dumps(description, separators=(",", ":"))[:LONGEST_CAUSE],
                    )
                ),
            )
        )


class AwsSdkTask(state_task_service_aws_sdk.StateTaskServiceAwsSdk, ModelledTask):
    """arn:aws:states:::aws-sdk:SERVICE:ACTION."""

    def _normalise_service_error_name(self, service_name: str) -> str:
        return shapes.error_prefix(service_name)

    def _from_error(self, env: Environment, ex: Exception) -> FailureEvent:
        if isinstance(ex, BotoCoreError):
            error = f"{shapes.error_prefix(self.resource.api_name)}.SdkClientException"
            return self._get_task_failure_event(env=env, error=error, cause=str(ex))
        return super()._from_error(env=env, ex=ex)


class DynamoDbTask(state_task_service_dynamodb.StateTaskServiceDynamoDB, ModelledTask):
    """arn:aws:states:::dynamodb:ACTION."""


class EventsTask(state_task_service_events.StateTaskServiceEvents, ModelledTask):
    """arn:aws:states:::events:putEvents."""


class LambdaTask(state_task_service_lambda.StateTaskServiceLambda, ModelledTask):
    """arn:aws:states:::lambda:invoke; a Payload that is null is sent as `null`."""


class SnsTask(state_task_service_sns.StateTaskServiceSns, ModelledTask):
    """arn:aws:states:::sns:publish."""


class SqsTask(state_task_service_sqs.StateTaskServiceSqs, ModelledTask):
    """arn:aws:states:::sqs:sendMessage."""
