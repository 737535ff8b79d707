"""Rollouts of a place: the one that an approval starts, the one that runs, and a person's word in it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from tidegate.rollout import history
from tidegate.rollout.history import Rollout
from tidegate_cli.executions import Ended, follow, machine, wait_for_start
from tidegate_cli.failure import CommandError
from tidegate_cli.model import state
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place

HOLD, APPROVAL, SPLIT = "rollout#hold", "rollout#approval", "split"
MACHINE_SECONDS = 2_592_000  # of the machine itself: bakes, A/B tests, a person, the warm champion
NEWEST = 20  # executions that are looked through for the one that holds the lock


def started(place: Place, package_arn: str, moment: datetime, narrator: Narrator) -> str:
    """The ARN of the execution.

    Raises:
        CommandError: the registry's event started none.
    """
    return wait_for_start(
        place, "deployment", narrator, moment=moment, wanted=lambda text: package_arn in text
    )


def followed(place: Place, execution_arn: str, narrator: Narrator) -> Ended:
    narrator.say("serve", "the rollout waits for requests at each step, once there is a champion")
    return follow(place, "deployment", execution_arn, narrator, seconds=MACHINE_SECONDS)


def cause(ended: Ended) -> str:
    """Why it failed, in a line."""
    first = (ended.cause.strip().splitlines() or [""])[0]
    return f"{ended.error}: {first}"[:500]


def last(place: Place) -> Rollout | None:
    """The rollout that holds the lock, else the newest; None when there was none."""
    arn = machine(place, "deployment")
    executions = place.client("stepfunctions").list_executions(stateMachineArn=arn, maxResults=NEWEST)
    found = executions["executions"]
    if not found:
        return None
    lock = state(place, "lock#deployment") or {}
    chosen = next((each for each in found if each["name"] == lock.get("holder")), found[0])
    hold = state(place, HOLD)
    return replace(_read(place, chosen["executionArn"]), held=None if hold is None else hold["reason"])


def of_version(place: Place, version: str) -> Rollout:
    """The newest rollout of a model version.

    Raises:
        CommandError: there was none that Step Functions still knows.
    """
    client = place.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine(place, "deployment"))
    for execution in (each for page in pages for each in page["executions"]):
        asked = json.loads(client.describe_execution(executionArn=execution["executionArn"])["input"])
        if str(asked["model_package_arn"]).rpartition("/")[2] == version:
            return _read(place, execution["executionArn"])
    raise CommandError(
        f"version {version} was never rolled out here",
        hint="`tidegate models list` has the versions; older pages are under rollouts/ of the lake",
    )


def _read(place: Place, arn: str) -> Rollout:
    client = place.client("stepfunctions")
    return history.read(_events(client, arn), client.describe_execution(executionArn=arn))


def _events(client: Any, arn: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("get_execution_history").paginate(executionArn=arn):
        yield from page["events"]


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
