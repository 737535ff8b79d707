"""Executions started by executions: `.sync` waits for them with their output as text, `.sync:2` as JSON."""

import json
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from localcloud.stepfunctions import clients
from localcloud.stepfunctions.tasks import ModelledTask, Started, SyncTask


class NestedExecutionTask(SyncTask, StateTaskServiceSfn, ModelledTask):
    """arn:aws:states:::states:startExecution, .sync, .sync:2 and .waitForTaskToken."""

    def _build_sync_resolver(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Started:
        return self._started(env, resource_runtime_part.region, state_credentials, as_json=False)

    def _build_sync2_resolver(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Started:
        return self._started(env, resource_runtime_part.region, state_credentials, as_json=True)

    def _started(self, env: Environment, region: str, credentials: Any, *, as_json: bool) -> Started:
        client = clients.client_for(region=region, service="stepfunctions", state_credentials=credentials)
        execution_arn = env.stack.pop()["ExecutionArn"]

        def poll() -> dict[str, Any] | None:
            execution = client.describe_execution(executionArn=execution_arn)
            if execution["status"] == "RUNNING":
                return None
            del execution["ResponseMetadata"]
            self._normalise_response(execution, service_action_name="describeExecution")
            if execution["Status"] != "SUCCEEDED":
                raise self._failed(env, execution)
            if as_json:
                execution |= {part: json.loads(execution[part]) for part in ("Input", "Output")}
            return execution

        return Started(poll=poll, stop=lambda: client.stop_execution(executionArn=execution_arn))
