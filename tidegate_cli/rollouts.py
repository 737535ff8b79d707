"""Rollouts of a place: the one that an approval starts, the one that runs, and a person's word in it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from tidegate import lake_keys
from tidegate.rollout import history
from tidegate.rollout.history import Rollout
from tidegate_cli.executions import Ended, follow, machine, wait_for_start
from tidegate_cli.failure import CommandError
from tidegate_cli.model import state
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place

HOLD, APPROVAL, SPLIT = "rollout#hold", "rollout#approval", "split"
MACHINE_SECONDS = 2_592_000  # of the machine itself: bakes, A/B tests, a person, the warm champion
SHOWN_ID = 8  # characters; a version has fewer
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


def listed(place: Place, limit: int) -> list[Rollout]:
    """The newest rollouts, newest first; what Step Functions forgot after 90 days the lake still has."""
    return list(islice(_all(place), limit))


def named(place: Place, name: str) -> Rollout:
    """The rollout whose id begins so, or the newest of a model version.

    Raises:
        CommandError: there is none, or there are several.
    """
    if name.isdecimal() and len(name) < SHOWN_ID:
        found = next((each for each in _all(place) if each.version == name), None)
        if found is None:
            raise CommandError(f"version {name} was never rolled out here", hint="tidegate rollout list")
        return found
    names = [each for each in _names(place) if each.startswith(name)]
    if name in names:
        names = [name]
    if len(names) != 1 or not name:
        what = f"{len(names)} rollouts begin" if names else "no rollout begins"
        raise CommandError(f"{what} with `{name}`", hint="tidegate rollout list")
    return _named(place, names[0])


def _all(place: Place) -> Iterator[Rollout]:
    return (_named(place, name) for name in _names(place))


def _names(place: Place) -> list[str]:
    """Of executions, newest first, then of those that only the lake knows."""
    client = place.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine(place, "deployment"))
    known = [each["name"] for page in pages for each in page["executions"]]
    objects = (
        place.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=place.outputs["LakeBucket"], Prefix=lake_keys.ROLLOUTS)
    )
    kept = {
        found["Key"].split("/")[1]: found["LastModified"]
        for page in objects
        for found in page.get("Contents", [])
    }
    # S3 knows seconds: what was written in one of them has an order all the same
    return [*known, *sorted(kept.keys() - set(known), key=lambda name: (kept[name], name), reverse=True)]


def _named(place: Place, name: str) -> Rollout:
    """From the lake once it is over, which is one request however long it took."""
    client, arn = place.client("stepfunctions"), _arn(place, name)
    try:
        described: Any = client.describe_execution(executionArn=arn)
    except client.exceptions.ExecutionDoesNotExist:
        described = None
    if described is None or described["status"] != "RUNNING":
        kept = _kept(place, name)
        # it is written when the rollout is decided, and once more when its machine has ended
        if kept is not None and (described is None or kept.status == described["status"]):
            return kept
    if described is None:
        raise CommandError(f"rollout `{name}` is not to be found", hint="tidegate rollout list")
    return history.read(_events(client, arn), described)


def _kept(place: Place, name: str) -> Rollout | None:
    s3, key = place.client("s3"), lake_keys.rollout(name, "report.json")
    try:
        body = s3.get_object(Bucket=place.outputs["LakeBucket"], Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return Rollout.from_json(json.loads(body))


def _arn(place: Place, name: str) -> str:
    return f"{machine(place, 'deployment').replace(':stateMachine:', ':execution:')}:{name}"


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
