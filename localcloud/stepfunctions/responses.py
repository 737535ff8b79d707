"""The Step Functions API where moto's answers are missing or wrong."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.stepfunctions import definitions
from localcloud.stepfunctions.execution import Execution
from localcloud.stepfunctions.models import LocalStepFunctions

HISTORY_PAGE = 1000


class LocalStepFunctionsResponse(StepFunctionResponse):
    """Adds StartSyncExecution and ValidateStateMachineDefinition; answers with outputs as JSON text."""

    @property
    def _backend(self) -> LocalStepFunctions:
        backend: LocalStepFunctions = self.stepfunction_backend
        return backend

    def describe_execution(self) -> ActionResult:
        execution: Execution = self._backend.describe_execution(self._get_param("executionArn"))
        return ActionResult({"stateMachineArn": execution.state_machine_arn, **_description(execution)})

    def list_executions(self) -> ActionResult:
        arn = self._get_param("stateMachineArn")
        found, next_token = self._backend.list_executions(
            arn,
            status_filter=self._get_param("statusFilter"),
            max_results=self._get_int_param("maxResults"),
            next_token=self._get_param("nextToken"),
        )
        fields = ("executionArn", "name", "startDate", "stopDate", "status")
        descriptions = [_description(execution) for execution in found]
        executions = [
            {"stateMachineArn": arn, **{field: each[field] for field in fields if field in each}}
            for each in descriptions
        ]
        return ActionResult({"executions": executions, "nextToken": next_token})

    def stop_execution(self) -> ActionResult:
        execution = self._backend.stop_execution(
            self._get_param("executionArn"), self._get_param("error"), self._get_param("cause")
        )
        return ActionResult({"stopDate": execution.stop_date})

    def get_execution_history(self) -> ActionResult:
        execution: Execution = self._backend.describe_execution(self._get_param("executionArn"))
        events = execution.to_history_output()["events"]
        if self._get_param("reverseOrder"):
            events.reverse()
        start = int(self._get_param("nextToken") or 0)
        end = start + (self._get_int_param("maxResults") or HISTORY_PAGE)
        more = {"nextToken": str(end)} if end < len(events) else {}
        return ActionResult({"events": events[start:end], **more})

    def send_task_failure(self) -> ActionResult:
        self._backend.send_task_failure(
            self._get_param("taskToken"), self._get_param("error"), self._get_param("cause")
        )
        return EmptyResult()

    def start_sync_execution(self) -> ActionResult:
        arn = self._get_param("stateMachineArn")
        execution = self._backend.start_sync_execution(
            arn, self._get_param("name"), self._get_param("input", if_none="{}")
        )
        return ActionResult({"stateMachineArn": arn, **_description(execution)})

    def validate_state_machine_definition(self) -> ActionResult:
        found = definitions.diagnose(self._get_param("definition"), self._get_param("type") or "STANDARD")
        diagnostics = [problem.to_json() for problem in found]
        result = "FAIL" if diagnostics else "OK"
        return ActionResult({"result": result, "diagnostics": diagnostics, "truncated": False})


def _description(execution: Execution) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "executionArn": execution.execution_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "stopDate": execution.stop_date,
        "output": execution.output,
        "outputDetails": None if execution.output is None else execution.output_details,
        "error": execution.error,
        "cause": execution.cause,
    }
    return {name: value for name, value in parts.items() if value is not None}
