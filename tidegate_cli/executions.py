"""Following state machines: an execution's history as one line for each state that did something."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate_cli.facts import number, skipped
from tidegate_cli.failure import CommandError
from tidegate_cli.narration import Line, Narrator
from tidegate_cli.place import Place

POLL_SECONDS = 0.25
TERMINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Ended:
    """How an execution ended; `output` is empty unless it succeeded."""

    stage: str
    arn: str
    status: str
    seconds: float
    output: dict[str, Any]
    error: str
    cause: str

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


def machine(place: Place, stage: str) -> str:
    """The ARN of a stage's state machine."""
    return place.outputs[f"{stage.capitalize()}Machine"]


def since(place: Place, stage: str, moment: datetime) -> list[dict[str, Any]]:
    """Executions of a stage that started at `moment` or later, oldest first."""
    pages = place.client("stepfunctions").get_paginator("list_executions")
    found = []
    for page in pages.paginate(stateMachineArn=machine(place, stage), PaginationConfig={"PageSize": 100}):
        fresh = [e for e in page["executions"] if e["startDate"] >= moment]
        found += fresh
        if len(fresh) < len(page["executions"]):  # newest first: the rest is older
            break
    return sorted(found, key=lambda execution: execution["startDate"])


def wait_for_start(
    place: Place,
    stage: str,
    narrator: Narrator,
    *,
    moment: datetime,
    wanted: Callable[[str], bool] = lambda _: True,
    seconds: float = 60,
) -> str:
    """The ARN of the first execution since `moment` whose input (JSON text) is wanted.

    Raises:
        CommandError: none started in `seconds`.
    """
    client = place.client("stepfunctions")
    began = time.monotonic()
    seen: set[str] = set()
    while (waited := time.monotonic() - began) < seconds:
        for execution in since(place, stage, moment):
            arn = execution["executionArn"]
            if arn not in seen:
                seen.add(arn)
                if wanted(client.describe_execution(executionArn=arn)["input"]):
                    return str(arn)
        if waited > 1:
            narrator.waiting(f"waiting for {stage} to start, {waited:.0f} s")
        time.sleep(POLL_SECONDS)
    raise CommandError(
        f"no {stage} started within {seconds:.0f} s",
        hint=f"tidegate logs {stage} shows what the stage said; tidegate status what waits",
    )


def follow(place: Place, stage: str, arn: str, narrator: Narrator, *, seconds: float = 3600) -> Ended:
    """Tell every state of an execution as it ends, until the execution does.

    Raises:
        CommandError: it still runs after `seconds`.
    """
    client = place.client("stepfunctions")
    history = _History(client, arn)
    began = time.monotonic()
    while True:
        described = client.describe_execution(executionArn=arn)
        for line in history.new_lines(stage):
            narrator.tell(line)
        if described["status"] in TERMINAL:
            return _ended(stage, described)
        if (waited := time.monotonic() - began) > seconds:
            raise CommandError(f"{stage} still runs after {seconds:.0f} s", cause=arn)
        if history.running:
            narrator.waiting(f"{stage}  {history.running}, {waited:.0f} s")
        time.sleep(POLL_SECONDS)


def _ended(stage: str, described: dict[str, Any]) -> Ended:
    stopped = described.get("stopDate", datetime.now(UTC))
    output = json.loads(described.get("output") or "{}")
    return Ended(
        stage=stage,
        arn=described["executionArn"],
        status=described["status"],
        seconds=(stopped - described["startDate"]).total_seconds(),
        output=output if isinstance(output, dict) else {"output": output},
        error=described.get("error", ""),
        cause=described.get("cause", ""),
    )


class _History:
    """Reads an execution's events once each and turns ended tasks into lines."""

    def __init__(self, client: Any, arn: str) -> None:
        self.client = client
        self.arn = arn
        self.read = 0
        self.running = ""
        self.entered: dict[str, datetime] = {}
        self.answers: dict[str, Any] = {}
        self.failures: dict[str, str] = {}

    def new_lines(self, stage: str) -> Iterator[Line]:
        for event in self._new_events():
            kind = event["type"]
            if kind.endswith("StateEntered"):
                self.running = event["stateEnteredEventDetails"]["name"]
                self.entered.setdefault(self.running, event["timestamp"])
            elif kind == "TaskSucceeded":
                self.answers[self.running] = json.loads(
                    event["taskSucceededEventDetails"].get("output") or "null"
                )
            elif kind in ("TaskFailed", "TaskTimedOut", "LambdaFunctionFailed"):
                self.failures[self.running] = _failure(event)
            elif kind == "TaskStateExited":
                yield from self._line(stage, event["stateExitedEventDetails"]["name"], event["timestamp"])

    def _line(self, stage: str, state: str, ended: datetime) -> Iterator[Line]:
        began = self.entered.pop(state, ended)
        answer = self.answers.pop(state, None)
        failure = self.failures.pop(state, None)
        seconds = (ended - began).total_seconds()
        if failure is not None:
            yield Line(stage, state, "failed", seconds, failure)
            return
        told = number(state, answer)
        if told is not None:
            yield Line(stage, state, told.verdict, seconds, told.text)
        for name, text in skipped(state, answer).items():
            yield Line(stage, name, "skipped", 0.0, text)

    def _new_events(self) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        for page in pages:
            for event in page["events"]:
                if event["id"] > self.read:
                    self.read = event["id"]
                    yield event


def _failure(event: dict[str, Any]) -> str:
    details = next(value for key, value in event.items() if key.endswith("EventDetails"))
    cause = details.get("cause", "")
    try:
        data = json.loads(cause)
        cause = data.get("errorMessage") or data.get("FailureReason") or cause
    except (ValueError, AttributeError):
        pass
    first = cause.strip().splitlines()[0] if cause.strip() else ""
    return f"{details.get('error', '')}: {first}"[:160]
