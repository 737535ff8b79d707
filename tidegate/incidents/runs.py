"""The record of one training run as an incident: a decision asks for it, its gate or its rollout ends it."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from tidegate.incidents.incident import Occurrence

LINE = 300  # characters of a cause
GUIDE = "docs/guides/incidents.md#retraining"


class Make(Protocol):
    """Makes an occurrence of the event at hand."""

    def __call__(self, **members: Any) -> Occurrence: ...


def asked(make: Make, decision: Mapping[str, Any], champion: str) -> Occurrence:
    """A decision to train, or that a cause waits: the same record, since its key stays."""
    waits = decision["action"] == "wait"
    return make(
        change="opens",
        kind="retraining",
        cause=f"retraining/{decision['key']}",
        what=f"retraining by {decision['cause']} " + ("waits" if waits else "has started"),
        tell=not waits,
        model=champion,
        window=decision["run"],
        columns=tuple(decision.get("columns") or ()),
        evidence=tuple(decision.get("evidence") or ()),
        action=f"waits: {decision['reason']}" if waits else f"training run {decision['key']}",
        runbook=GUIDE,
        next=("tidegate status", "tidegate logs training"),
    )


def dropped(make: Make, decision: Mapping[str, Any]) -> Occurrence:
    """A cause that waited and waits no longer: nobody was told of it, so nobody is told of its end."""
    return make(
        change="ends",
        kind="retraining",
        cause=f"retraining/{decision['dropped']}",
        what="retraining is dropped",
        tell=False,
        outcome=f"no training: {decision['reason']}",
        runbook=GUIDE,
    )


def trained(make: Make, detail: Mapping[str, Any], approval: str) -> Occurrence:
    """The end of any training run; one whose candidate is registered goes on as a rollout."""
    output = parsed(detail.get("output"))
    given = output.get("trigger") or parsed(detail.get("input"))
    outcome, trigger = output.get("outcome"), given.get("trigger", "command")
    registered = outcome == "registered"
    by_itself = trigger not in ("new-data", "command")
    return make(
        change="adds" if registered else "ends",
        kind="retraining",
        cause=f"retraining/{detail['name']}",
        what=f"training by {trigger}",
        # a failure is told as one of its machine; who commands a run, or sets `new_data`, follows it himself
        tell=outcome == "rejected" or registered or (outcome == "skipped" and by_itself),
        evidence=(str(given["cause"]),) if given.get("cause") else (),
        action=f"training run {detail['name']}",
        outcome=_outcome(outcome, output, detail, approval),
        runbook=GUIDE,
        next=("tidegate models list",),
    )


def package_of(detail: Mapping[str, Any]) -> str | None:
    """The package that a training run registered."""
    output = parsed(detail.get("output"))
    return output.get("package_arn") if output.get("outcome") == "registered" else None


def parsed(text: str | None) -> dict[str, Any]:
    """Input or output of an execution: JSON text; an event leaves out what is too long."""
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def first_line(cause: str | None) -> str:
    return next(iter((cause or "").strip().splitlines()), "")[:LINE]


def _outcome(outcome: str | None, output: Mapping[str, Any], detail: Mapping[str, Any], approval: str) -> str:
    if outcome == "registered":
        version = str(output.get("package_arn")).rpartition("model-package/")[2]
        goes_on = f"waits: tidegate models approve {version.rpartition('/')[2]}"
        return f"{version} is registered and {goes_on if approval == 'manual' else 'is rolled out'}"
    if outcome == "rejected":
        reasons = [str(each) for each in output.get("reasons") or ()]
        against = [each for each in reasons if each.startswith("fail")] or reasons
        return f"the gate keeps the candidate out, the champion stays: {'; '.join(against)}"[: 2 * LINE]
    if outcome == "skipped":
        return f"no training: {output.get('reason', '')}"
    failure = f"{detail.get('error') or ''}: {first_line(detail.get('cause'))}".strip(": ")
    return f"the training run ended as {detail['status'].lower()}; the champion stays" + (
        f": {failure}" if failure else ""
    )
