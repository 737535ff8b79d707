"""Asking the features machine for a backfill: the same interval of the same data and features runs once."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tidegate_cli.executions import machine
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

FIRST, LAST = "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"  # the planner cuts both to what there is
_ATTEMPTS = 100  # an execution that failed keeps its name for 90 days


@dataclass(frozen=True)
class Interval:
    """Ticks to compute again, both ends included: ISO 8601 UTC."""

    start: str
    stop: str

    @classmethod
    def of(cls, start: str | None, stop: str | None) -> "Interval":
        """What was typed; of two left out nothing is computed again, only what never was.

        Raises:
            CommandError: a time cannot be read, or the interval ends before it starts.
        """
        if start is None and stop is None:
            return cls(FIRST, FIRST)
        found = cls(
            _moment(start, time()) if start else FIRST, _moment(stop, time(23, 59, 59)) if stop else LAST
        )
        if found.start > found.stop:
            raise CommandError(f"there is nothing between {found.start} and {found.stop}")
        return found

    def __str__(self) -> str:
        if self.stop == FIRST:
            return "what was never computed"
        first = "the first row" if self.start == FIRST else self.start
        last = "the newest" if self.stop == LAST else self.stop
        return f"from {first} to {last}, and what was never computed"


@dataclass(frozen=True)
class Asked:
    """An execution of the features machine; `fresh` is False when it was started by an earlier command."""

    arn: str
    fresh: bool
    status: str


def execution_name(interval: Interval, snapshot_id: int, feature_set: str) -> str:
    """At most 80 characters: the same interval, state of the dataset and deployed features, the same name."""
    text = f"{interval.start}\n{interval.stop}\n{feature_set}"
    return f"backfill-{snapshot_id}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def start(place: Place, name: str, interval: Interval, reason: str) -> Asked:
    """Start the execution of that name, or find the one that runs or has succeeded already.

    Raises:
        CommandError: it failed too often.
    """
    client, arn = place.client("stepfunctions"), machine(place, "features")
    asked = {"start": interval.start, "stop": interval.stop, "reason": reason}
    for attempt in range(1, _ATTEMPTS + 1):
        tried = name if attempt == 1 else f"{name}-{attempt}"
        found = _execution(client, arn, tried)
        if found is None:
            try:
                started = client.start_execution(
                    stateMachineArn=arn, name=tried, input=json.dumps({"backfill": asked})
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
                found = _execution(client, arn, tried)  # another command was faster
            else:
                return Asked(started["executionArn"], fresh=True, status="RUNNING")
        if found is not None and found["status"] in ("RUNNING", "SUCCEEDED"):
            return Asked(found["executionArn"], fresh=False, status=found["status"])
    raise CommandError(f"this backfill failed {_ATTEMPTS} times", hint="tidegate logs features --errors")


def _execution(client: Any, machine_arn: str, name: str) -> dict[str, Any] | None:
    arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        found: dict[str, Any] = client.describe_execution(executionArn=arn)
    except client.exceptions.ExecutionDoesNotExist:
        return None
    return found


def _moment(text: str, of_day: time) -> str:
    """The time that a text names; a date alone is its first or last second."""
    try:
        found = datetime.combine(date.fromisoformat(text), of_day)
    except ValueError:
        try:
            found = datetime.fromisoformat(text)
        except ValueError as cause:
            hint = "write 2013-01-01 or 2013-01-01T00:00:00Z"
            raise CommandError(f"`{text}` is no time", cause=str(cause), hint=hint) from cause
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return (found - timedelta(microseconds=found.microsecond)).isoformat().replace("+00:00", "Z")
