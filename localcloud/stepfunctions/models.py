"""The state of Step Functions: machines that are checked when they are made, executions that really run."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from moto.stepfunctions.exceptions import ExecutionAlreadyExists, InvalidExecutionInput
from moto.stepfunctions.models import StateMachine, StepFunctionBackend
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerTimeout,
    CallbackNotifyConsumerError,
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
)
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from localcloud.stepfunctions import definitions, errors
from localcloud.stepfunctions.execution import Execution

KEPT_EXECUTIONS = 1000  # ended ones of a machine; AWS keeps them for 90 days


class LocalStepFunctions(StepFunctionsParserBackend):
    """moto's backend; its machines hold executions of ours."""

    def create_state_machine(self, name: str, definition: str, roleArn: str, **options: Any) -> StateMachine:  # noqa: N803  moto passes it by name
        self._refuse_unsound(definition, options.get("sm_type") or "STANDARD")
        return StepFunctionBackend.create_state_machine(
            self, name=name, definition=definition, roleArn=roleArn, **options
        )

    def update_state_machine(self, arn: str, definition: str | None = None, **options: Any) -> StateMachine:
        if definition:
            self._refuse_unsound(definition, self.describe_state_machine(arn).type)
        return super().update_state_machine(arn, definition=definition, **options)

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Execution:
        machine = self.describe_state_machine(state_machine_arn)
        name = name or str(uuid.uuid4())  # EventBridge sends ""
        self._validate_name(name)
        input_text = execution_input or "{}"
        if machine.type != "EXPRESS" and (running := _same(machine, name, input_text)):
            return running
        return self._run(machine, name, input_text)

    def start_sync_execution(self, state_machine_arn: str, name: str | None, input_text: str) -> Execution:
        """Run an Express machine to its end."""
        machine = self.describe_state_machine(state_machine_arn)
        if machine.type != "EXPRESS":
            raise errors.StateMachineTypeNotSupportedError(
                "This operation is not supported by this type of state machine"
            )
        execution = self._run(machine, name or str(uuid.uuid4()), input_text)
        execution.ended.wait()
        return execution

    def stop_execution(
        self, execution_arn: str, error: str | None = None, cause: str | None = None
    ) -> Execution:
        execution: Execution = self.describe_execution(execution_arn)
        execution.stop(error, cause)
        return execution

    def send_task_success(self, task_token: str, outcome: str) -> None:
        try:
            json.loads(outcome)
        except ValueError as error:
            raise errors.InvalidOutputError(f"Invalid Output: '{error}'") from error
        self._notify(task_token, CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def send_task_failure(self, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        self._notify(task_token, CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    def send_task_heartbeat(self, task_token: str) -> None:
        self._notify(task_token, None)

    def list_map_runs(self, execution_arn: str) -> dict[str, Any]:
        execution: Execution = self.describe_execution(execution_arn)
        records = execution.env.map_run_record_pool_manager.get_all()
        return {"mapRuns": [record.list_item() for record in records]}

    def running(self) -> list[Execution]:
        return [execution for execution in self._executions() if execution.status == "RUNNING"]

    def unreported(self) -> list[Execution]:
        """Those that run, and those of whose end not everyone has heard."""
        return [execution for execution in self._executions() if not execution.reported.is_set()]

    def _executions(self) -> Iterator[Execution]:
        for machine in list(self.state_machines):
            yield from list(machine.executions)

    @staticmethod
    def _refuse_unsound(definition: str, machine_type: str) -> None:
        if found := definitions.diagnose(definition, machine_type):
            raise errors.InvalidDefinitionError(
                f"Invalid State Machine Definition: '{', '.join(str(problem) for problem in found)}'"
            )

    def _run(self, machine: StateMachine, name: str, input_text: str) -> Execution:
        try:
            json.loads(input_text)
        except ValueError as error:
            raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from error
        place = f"arn:{self.partition}:states:{self.region_name}:{self.account_id}"
        arn = f"{place}:execution:{machine.name}:{name}"
        if machine.type == "EXPRESS":
            arn = f"{place}:express:{machine.name}:{name}:{uuid.uuid4()}"
        execution = Execution(machine=machine, name=name, arn=arn, input_text=input_text)
        machine.executions.append(execution)
        _prune(machine)
        execution.start()
        return execution

    def _notify(self, token: str, outcome: CallbackOutcome | None) -> None:
        """Hand an outcome, or a heartbeat when there is none, to the task that waits for this token."""
        for execution in self.running():
            pool = execution.env.callback_pool_manager
            try:
                if pool.heartbeat(token) if outcome is None else pool.notify(token, outcome):
                    return
            except CallbackNotifyConsumerError as error:
                if isinstance(error.callback_consumer_error, CallbackConsumerTimeout):
                    raise errors.TaskTimedOutError(f"Task Timed Out: '{token}'") from error
                raise errors.TaskDoesNotExistError(f"Task does not exist: '{token}'") from error
        raise errors.TaskDoesNotExistError(f"Task does not exist or is already done: '{token}'")


def _same(machine: StateMachine, name: str, input_text: str) -> Execution | None:
    """The running execution that this start asks for again; another of that name is refused."""
    for execution in list(machine.executions):
        if execution.name == name:
            if execution.status == "RUNNING" and execution.execution_input == input_text:
                return execution
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{execution.execution_arn}'")
    return None


def _prune(machine: StateMachine) -> None:
    surplus = len(machine.executions) - KEPT_EXECUTIONS
    for execution in [e for e in machine.executions if e.status != "RUNNING"][: max(surplus, 0)]:
        machine.executions.remove(execution)
