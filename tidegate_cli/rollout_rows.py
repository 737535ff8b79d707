"""Rollouts in one row each: when, which version, what led to it, how far it got and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from tidegate.rollout.history import Rollout
from tidegate_cli import rollouts
from tidegate_cli.place import Place
from tidegate_cli.rollouts import SHOWN_ID

BY_HAND = "rollback-"  # how `tidegate rollback` calls the rollout of an earlier model


@dataclass(frozen=True, kw_only=True)
class Row:
    """One rollout."""

    id: str  # of its execution
    began: datetime | None
    ended: datetime | None
    version: str
    led_by: str  # what trained the candidate, or who wanted it; empty where nobody says
    step: int | None  # reached, from 1; None before the first share of the traffic
    steps: int  # that there are
    weight: float | None  # share of that step, in (0, 1]
    outcome: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        moments = {
            name: value and value.isoformat()
            for name in ("began", "ended")
            for value in [getattr(self, name)]
        }
        return {**asdict(self), **moments}


def listed(place: Place, limit: int) -> list[Row]:
    """The newest, newest first."""

    @cache
    def led(package: str) -> str:
        return _led_by(place, package)

    return [row(found, led) for found in rollouts.listed(place, limit)]


def row(found: Rollout, led: Callable[[str], str]) -> Row:
    """`led` tells of a package's ARN what led to it."""
    step = None if found.step is None or not found.steps else found.steps[found.step]
    return Row(
        id=found.name,
        began=found.began,
        ended=found.ended,
        version=found.version,
        led_by="tidegate rollback" if found.name.startswith(BY_HAND) else led(_package(found)),
        step=None if found.step is None else found.step + 1,
        steps=len(found.steps),
        weight=None if step is None else step.weight,
        outcome=found.outcome,
        reason=reason(found),
    )


def reason(found: Rollout) -> str:
    """Of its end, or of what it waits for, in a line."""
    if found.error or found.cause:
        return f"{found.error}: {next(iter(found.cause.splitlines()), '')}".strip(": ")
    if found.outcome == "rolled back":  # nobody said why: it was stopped from outside
        return f"its machine was {found.status.lower().replace('_', ' ')}"
    if found.outcome == "promoted":
        return f"approved by {found.approved_by}" if found.approved_by else found.reason
    return found.reason or f"in {found.state}"


def line(each: Row, others: Sequence[Row]) -> str:
    """For a person; the id as short as tells it from the others."""
    began = "" if each.began is None else f"{each.began:%Y-%m-%d %H:%M}"
    reached = "" if each.step is None else f"step {each.step} of {each.steps}, {each.weight or 0:.0%}"
    led = f"  <- {each.led_by}" if each.led_by else ""
    told = f"{_short(each, others)}  {began}  version {each.version:<4} {each.outcome:<12}{reached:<19}"
    return f"{told} {each.reason}{led}".rstrip()


def _short(each: Row, others: Sequence[Row]) -> str:
    length = SHOWN_ID
    while length < len(each.id) and any(
        other is not each and other.id.startswith(each.id[:length]) for other in others
    ):
        length += 1
    return each.id[:length]


def _package(found: Rollout) -> str:
    return found.plan.model_package_arn if found.plan is not None else found.package


def _led_by(place: Place, package: str) -> str:
    """As the registry has it: the person who approved it, else the cause of its training run."""
    try:
        described = place.client("sagemaker").describe_model_package(ModelPackageName=package)
    except ClientError:  # deleted since, or the input of its execution is not known
        return ""
    if person := described.get("CustomerMetadataProperties", {}).get("decided_by"):
        return f"approved by {person.rpartition('/')[2]}: {described.get('ApprovalDescription', '')}"
    return str(described.get("ModelPackageDescription", "")).partition(": ")[2]
