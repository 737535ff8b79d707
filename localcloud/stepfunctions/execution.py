"""One execution of a state machine: its thread, its environment in moto's interpreter, and how it ended."""

import json
import threading
from datetime import datetime
from typing import Any

from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import (
    ExecutionAbortedEventDetails,
    ExecutionFailedEventDetails,
    ExecutionStartedEventDetails,
    ExecutionSucceededEventDetails,
    ExecutionTimedOutEventDetails,
    HistoryEventExecutionDataDetails,
    HistoryEventType,
    StateMachineType,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramError,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.eval.states import ContextObjectData, ExecutionData, StateMachineData
from moto.stepfunctions.parser.utils import TMP_THREADS

from localcloud import cloud
from localcloud.stepfunctions import parser, reporting
from localcloud.stepfunctions.shapes import timestamp

NOT_TRUNCATED = HistoryEventExecutionDataDetails(truncated=False)


class Execution:
    """What moto's responses and backend call an execution, with the attributes that they read."""

    def __init__(self, *, machine: StateMachine, name: str, arn: str, input_text: str) -> None:
        self.execution_arn = arn
        self.name = name
        self.state_machine_arn: str = machine.arn
        self.machine_type: str = machine.type
        self.definition: str = machine.definition  # as it was at the start, whatever becomes of the machine
        self.role_arn: str = machine.roleArn
        self.execution_input = input_text
        self.start_date = cloud.current().clock.now()
        self.stop_date: datetime | None = None
        self.status = "RUNNING"
        self.output: str | None = None  # JSON text
        self.output_details = {"included": True}
        self.error: str | None = None
        self.cause: str | None = None
        self.ended = threading.Event()
        self.reported = threading.Event()  # that it has ended: only then does nothing come of it any more
        self._ending = threading.Lock()
        self.history = reporting.History(reporting.Log(arn, machine.name, machine.loggingConfiguration))
        self.env = self._environment(machine)
        self.exec_worker = self  # moto reaches the environment through a worker

    def _environment(self, machine: StateMachine) -> Environment:
        here = cloud.current()
        execution = ExecutionData(
            Id=self.execution_arn,
            Input=json.loads(self.execution_input),
            Name=self.name,
            RoleArn=self.role_arn,
            StartTime=timestamp(self.start_date),
        )
        if self.machine_type == "STANDARD":
            execution["RedriveCount"] = 0
        context = ContextObjectData(
            Execution=execution,
            StateMachine=StateMachineData(Id=machine.arn, Name=machine.name),
        )
        env = Environment(
            aws_execution_details=AWSExecutionDetails(
                account=here.account, region=here.region, role_arn=self.role_arn
            ),
            execution_type=StateMachineType(self.machine_type),
            context=context,
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )
        env.event_manager = self.history
        # A frame's program writes no event at its end: this class does, even while a task still hangs.
        env._is_frame = True
        return env

    def start(self) -> None:
        program = parser.parsed(self.definition)
        self.env.next_state_name = program.start_at.start_at_name  # from here on it can be stopped
        self._event(
            HistoryEventType.ExecutionStarted,
            "executionStartedEventDetails",
            ExecutionStartedEventDetails(
                input=self.execution_input, inputDetails=NOT_TRUNCATED, roleArn=self.role_arn
            ),
            update_source_event_id=False,
        )
        reporting.started(self)
        threading.Thread(target=self._run, args=(program,), name=self.execution_arn, daemon=True).start()

    def stop(self, error: str | None, cause: str | None) -> None:
        """End at once, as ABORTED; `.sync` tasks see it at their next poll and stop what they started."""
        self.env.set_stop(stop_date=cloud.current().clock.now(), error=error, cause=cause)
        self._finish()

    def to_history_output(self) -> dict[str, Any]:
        return {"events": self.history.get_event_history()}

    def _run(self, program: Any) -> None:
        if self.env.is_running():
            program.eval(self.env)
        self._finish()

    def _finish(self) -> None:
        with self._ending:
            if self.ended.is_set():
                return
            self._conclude()
            self.history.close()
            self.ended.set()
        cloud.current().endings.tell()
        # moto keeps every thread it ever started
        TMP_THREADS[:] = [thread for thread in list(TMP_THREADS) if thread.is_alive()]
        try:
            reporting.ended(self)
        finally:
            self.reported.set()

    def _conclude(self) -> None:
        state = self.env.program_state()
        self.stop_date = cloud.current().clock.now()
        match state:
            case ProgramEnded():
                self.output = json.dumps(
                    self.env.states.get_input(), separators=(",", ":"), ensure_ascii=False
                )
                details: Any = ExecutionSucceededEventDetails(output=self.output, outputDetails=NOT_TRUNCATED)
                self._event(HistoryEventType.ExecutionSucceeded, "executionSucceededEventDetails", details)
                self.status = "SUCCEEDED"
            case ProgramStopped():
                self.env.event_history_context.source_event_id = 0
                self.error, self.cause = state.error, state.cause
                details = ExecutionAbortedEventDetails(**self._error())
                self._event(HistoryEventType.ExecutionAborted, "executionAbortedEventDetails", details)
                self.status = "ABORTED"
            case ProgramTimedOut():
                details = ExecutionTimedOutEventDetails()
                self._event(HistoryEventType.ExecutionTimedOut, "executionTimedOutEventDetails", details)
                self.status = "TIMED_OUT"
            case ProgramError():
                self.error, self.cause = (state.error or {}).get("error"), (state.error or {}).get("cause")
                details = ExecutionFailedEventDetails(**self._error())
                self._event(HistoryEventType.ExecutionFailed, "executionFailedEventDetails", details)
                self.status = "FAILED"
            case _:
                raise RuntimeError(f"execution {self.execution_arn} ended as {state!r}")

    def _error(self) -> dict[str, str]:
        given = {"error": self.error, "cause": self.cause}
        return {name: text for name, text in given.items() if text is not None}

    def _event(self, kind: HistoryEventType, name: str, details: Any, **options: Any) -> None:
        self.history.add_event(self.env.event_history_context, kind, {name: details}, **options)
