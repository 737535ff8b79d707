"""A rollout as its machine tells it: the plan, the step it is in and every judgement, from its history."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tidegate.rollout.judge import more_to_roll_back
from tidegate_cli.executions import machine
from tidegate_cli.failure import CommandError
from tidegate_cli.model import state
from tidegate_cli.place import Place

HOLD, APPROVAL, SPLIT = "rollout#hold", "rollout#approval", "split"
WAITING = "AwaitApproval"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One execution of the deployment machine."""

    arn: str
    status: str  # as Step Functions says
    state: str  # the last one that it entered
    plan: dict[str, Any] = field(default_factory=dict)  # empty before preflight
    step: int | None = None  # None before the first share of the traffic
    mirror: dict[str, Any] | None = None
    judgements: tuple[dict[str, Any], ...] = ()
    held: str | None = None
    error: str = ""
    cause: str = ""

    @property
    def version(self) -> str:
        return str(self.plan.get("model_version", "?"))

    @property
    def awaits_approval(self) -> bool:
        return self.status == "RUNNING" and self.state == WAITING

    @property
    def reason(self) -> str:
        return str(self.judgements[-1]["reason"]) if self.judgements else ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def last(place: Place) -> Rollout | None:
    """The rollout that holds the lock, else the newest; None when there was none."""
    client, arn = place.client("stepfunctions"), machine(place, "deployment")
    executions = client.list_executions(stateMachineArn=arn, maxResults=20)["executions"]
    if not executions:
        return None
    lock = state(place, "lock#deployment") or {}
    chosen = next((each for each in executions if each["name"] == lock.get("holder")), executions[0])
    described = client.describe_execution(executionArn=chosen["executionArn"])
    hold = state(place, HOLD)
    return Rollout(
        arn=chosen["executionArn"],
        status=described["status"],
        held=None if hold is None else hold["reason"],
        error=described.get("error", ""),
        cause=described.get("cause", ""),
        **_read(_events(client, chosen["executionArn"])),
    )


def _read(events: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """What a history says of the rollout."""
    current, found, judgements, step = "", {}, [], -1
    for event in events:
        if event["type"].endswith("StateEntered"):
            current = event["stateEnteredEventDetails"]["name"]
            step += current == "NextStep"
        elif event["type"] == "TaskSucceeded":
            answer = json.loads(event["taskSucceededEventDetails"].get("output") or "null")
            payload = answer.get("Payload") if isinstance(answer, dict) else None
            if current == "PreflightCandidate":
                found["plan"] = payload
            elif current == "MirrorTraffic" and payload:
                found["mirror"] = payload["report"]
            elif current == "JudgeRollout" and payload:
                judgements.append({"step": step, **payload})
    return {**found, "state": current, "step": None if step < 0 else step, "judgements": tuple(judgements)}


def _events(client: Any, arn: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("get_execution_history").paginate(executionArn=arn):
        yield from page["events"]


def told(found: Rollout) -> Iterator[str]:
    """Lines for a person."""
    ended = f", {found.error}: {found.cause}" if found.error else ""
    yield f"version {found.version}   {found.status.lower().replace('_', ' ')} in {found.state}{ended}"
    if found.held:
        yield f"held          {found.held}"
    if found.mirror:
        yield f"copies        {_mirrored(found.mirror)}"
    for number, step in enumerate(found.plan.get("steps", [])):
        judged = [each for each in found.judgements if each["step"] == number]
        mark = ">" if number == found.step and found.status == "RUNNING" else " "
        yield f"{mark} step {number + 1}  {step['weight']:>6.1%}   {_judged(step, judged)}"
    if found.judgements:
        yield from _evidence(found.judgements[-1])
    if found.awaits_approval:
        yield "a person is waited for: `tidegate rollout promote`, or `tidegate rollout rollback`"


def _mirrored(mirror: dict[str, Any]) -> str:
    if not mirror["rows"]:
        return "no captured request to copy"
    differ = mirror["median_difference"], mirror["p99_difference"]
    apart = "" if None in differ else f", answers differ by {differ[0]:.3g} (p99 {differ[1]:.3g})"
    return f"{mirror['rows']} rows, {mirror['failed']} failed, {mirror['flipped']} flipped{apart}"


def _judged(step: dict[str, Any], judged: list[dict[str, Any]]) -> str:
    if not judged:
        return f"needs {step['minimum_requests']} requests"
    newest = judged[-1]
    return f"{newest['decision']:<10} {newest['reason']}"


def _evidence(judgement: dict[str, Any]) -> Iterator[str]:
    evidence, needed = judgement["evidence"], judgement["needed"]
    requests = int(judgement["candidate_requests"])
    yield f"evidence      {evidence:.3g} against the candidate, {needed:.3g} roll it back"
    if judgement["more_requests"]:
        yield f"to advance    {judgement['more_requests']:.0f} more requests of the candidate"
    if (more := more_to_roll_back(requests, evidence, needed)) is not None:
        yield f"to roll back  {more} more requests like those so far"
    for each in judgement["guardrails"]:
        if each["candidate"] or each["champion"]:
            counts = f"{each['candidate']:.0f} of the candidate, {each['champion']:.0f} of the champion"
            yield f"  {each['name']:<11} {counts}, evidence {each['evidence']:.3g}"
    if (outcomes := judgement.get("outcomes")) and outcomes["lower"] is not None:
        bounds = f"{outcomes['lower']:+.4g} to {outcomes['upper']:+.4g}"
        yield f"outcomes      loss differs by {bounds}, at most {outcomes['margin']:+.4g} may"


def approve(place: Place, found: Rollout, *, by: str) -> None:
    """Send the token of the rollout that waits.

    Raises:
        CommandError: it does not wait any more, or is just being judged again.
    """
    item = state(place, APPROVAL)
    if item is None or item["execution"] != found.arn:
        raise CommandError("the rollout is about to ask", hint="try again in a moment")
    try:
        place.client("stepfunctions").send_task_success(
            taskToken=item["token"], output=json.dumps({"by": by})
        )
    except ClientError as cause:
        raise CommandError(
            "the candidate is being judged again", cause=str(cause), hint="try again in a moment"
        ) from cause


def put_state(place: Place, item: dict[str, str]) -> None:
    """Write one item of texts."""
    place.client("dynamodb").put_item(
        TableName=place.outputs["StateTable"], Item={name: {"S": value} for name, value in item.items()}
    )


def delete_state(place: Place, name: str) -> bool:
    """Remove one item; whether it was there."""
    answer = place.client("dynamodb").delete_item(
        TableName=place.outputs["StateTable"], Key={"id": {"S": name}}, ReturnValues="ALL_OLD"
    )
    return bool(answer.get("Attributes"))
