"""What an event of the bus says about causes of incidents: alarms, drops, executions, rollouts, decisions.

Pure. An event may say something about several causes, and of many that they are over.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.incidents import runs
from tidegate.incidents.incident import Occurrence

RUNBOOKS = "docs/guides/runbooks.md"
GUIDE = "docs/guides/incidents.md"
_LINK = re.compile(r"\s*(?:Runbook: )?(\S+#[\w-]+)\s*$")  # at the end of an alarm's text
# alarms about answers, or about what tells of all else; the rest can wait for the morning
URGENT = (
    *("predictions-", "variant-", "endpoint-errors", "traffic-stopped"),
    *("api-function-errors", "dead-letters", "page"),
)
# each failed execution is told by its name; the other two tell of themselves, whatever happens here
UNTOLD = ("machine-failures", "dead-letters", "page")
DRIFT = "model-monitor-drift"
_LOGS = {"restoration": "deployment", "teardown": "deployment"}  # whose logs have what they wrote
# what a new model may have brought with it; no guardrail knows its well-formed wrong answers
_OF_ANSWERS = (
    "model-monitor-quality",
    "model-monitor-estimate",
    "model-monitor-prediction-drift",
    "variant-",
)
_OF_WINDOWS = ("model-monitor-", "features-skew", "requests-out-of-contract", "labels-", "captures-")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known beside the event."""

    prefix: str  # of the pipeline
    stages: Mapping[str, str]  # ARN of a state machine -> stage
    champion: str = ""  # in words
    before: str = ""  # the champion before it, in words; empty when there is none to go back to
    window: Mapping[str, Any] = field(default_factory=dict)  # the last one measured: run and drifted columns
    retraining: Mapping[str, str] = field(default_factory=dict)  # package ARN -> cause of its training
    approval: str = "automatic"


def occurrences(event: Mapping[str, Any], known: Known) -> list[Occurrence]:
    """Everything that this event opens, adds to or ends; nothing of events that are not ours."""
    readers = {
        "CloudWatch Alarm State Change": _alarm,
        "DropQuarantined": _quarantine,
        "DatasetVersionRecorded": _accepted,
        "Step Functions Execution Status Change": _execution,
        "CandidateAwaitsApproval": _awaits,
        "CandidatePromoted": _promoted,
        "RolloutRestored": _restored,
        "RetrainingDecided": _decided,
    }
    reader = readers.get(event["detail-type"])
    return [] if reader is None else list(reader(event, known))


def _alarm(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    """It rings, or it does not any more: it is OK, or has no data to ring by."""
    detail = event["detail"]
    name = detail["alarmName"].removeprefix(f"{known.prefix}-")
    state = detail["state"]
    rings = state["value"] == "ALARM"
    text = str(detail.get("configuration", {}).get("description") or "")
    link = _LINK.search(text)
    about_window = name.startswith(_OF_WINDOWS)
    drifted = known.window.get("drifted", ()) if name == DRIFT else ()
    back = _back(known) if rings and name.startswith(_OF_ANSWERS) else ()
    yield Occurrence(
        event=event["id"],
        at=_iso(state.get("timestamp") or event["time"]),
        change="opens" if rings else "recovers",
        kind="alarm",
        cause=f"alarm/{name}",
        what=f"alarm {name}" + (f": {_LINK.sub('', text).strip()}" if text else ""),
        tell=name not in UNTOLD,
        urgent=name.startswith(URGENT),
        model=known.champion,
        window=str(known.window.get("run", "")) if about_window else "",
        columns=tuple(column["column"] for column in drifted),
        evidence=(str(state.get("reason", "")),) if rings else (),
        runbook=link[1] if link else f"{RUNBOOKS}#{name}",
        next=(*back, "tidegate status", *(("tidegate logs monitoring",) if about_window else ())),
    )


def _quarantine(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    detail = event["detail"]
    dataset, drop = detail["dataset"], detail["drop_id"]
    yield _of(event)(
        change="opens",
        kind="quarantine",
        cause=f"quarantine/{dataset}",
        what=f"a drop of {dataset} is quarantined",
        drop=f"{detail['key']} ({drop[:8]})",
        columns=tuple(str(column) for column in detail.get("columns") or ()),
        evidence=(f"{detail['key']} ({drop[:8]}): {detail['reason']}",),
        action="the dataset stays as it was; the object is kept",
        runbook="docs/guides/drop-report.md",
        next=(f"tidegate drops show {drop[:8]} --html", f"tidegate drops accept {drop[:8]} --reason ..."),
    )


def _accepted(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    dataset = event["detail"]["dataset"]
    yield _of(event)(
        change="recovers",
        kind="quarantine",
        cause=f"quarantine/{dataset}",
        what=f"a drop of {dataset} is accepted",
        outcome="a later drop was accepted; those in quarantine stay there",
    )


def _execution(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    detail = event["detail"]
    stage, status = known.stages.get(detail["stateMachineArn"]), detail["status"]
    if stage is None or status not in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"):
        return
    failed = status in ("FAILED", "TIMED_OUT")
    is_rollout = stage == "deployment"
    if stage == "training":
        yield runs.trained(_of(event), detail, known.approval)
    elif is_rollout and status != "SUCCEEDED":
        yield from _rolled_back(event, known)
    if status == "ABORTED" or (is_rollout and failed):
        return
    error = f"{detail.get('error') or status}: {runs.first_line(detail.get('cause'))}"
    yield _of(event)(
        change="opens" if failed else "recovers",
        kind="execution",
        cause=f"execution/{stage}",
        what=f"{stage} failed",
        evidence=(f"{detail['name']}: {error}",) if failed else (),
        outcome="" if failed else "a later execution succeeded",
        runbook=f"{RUNBOOKS}#machine-failures",
        next=(f"tidegate logs {_LOGS.get(stage, stage)} --errors",),
    )


def _rolled_back(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    """The end of a rollout that gave the candidate no traffic, or took it back."""
    detail = event["detail"]
    package = runs.parsed(detail.get("input")).get("model_package_arn", "")
    told = f"{_version(package)} is rolled back: {detail.get('error') or detail['status']}"
    reason = f"{told}: {runs.first_line(detail.get('cause'))}".removesuffix(": ")
    yield _approval_over(event, package, "the candidate is taken back")
    killed = detail["status"] in ("ABORTED", "TIMED_OUT")
    if killed and known.champion.startswith(f"version {package.rpartition('/')[2]} "):
        return  # it serves: only the wait of the model before, or what removes that, was stopped
    if cause := known.retraining.get(package):
        yield _of(event)(
            change="ends",
            kind="retraining",
            cause=cause,
            what=told,
            outcome=f"{reason}; the champion stays",
            runbook="docs/guides/rollouts.md",
        )
        return
    yield _of(event)(
        change="opens",
        kind="rollout",
        cause="rollout",
        what=told,
        model=_version(package),
        evidence=(reason,),
        action="the champion gets all traffic, then the endpoint to itself"
        if killed
        else "the champion has all traffic",
        runbook="docs/guides/rollouts.md",
        next=("tidegate rollout show", "tidegate logs deployment --errors"),
    )


def _awaits(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    detail = event["detail"]
    package = detail["model_package_arn"]
    yield _of(event)(
        change="opens",
        kind="approval",
        cause=f"approval/{_version(package)}",
        what=f"{_version(package)} waits for a person's approval",
        model=_version(package),
        evidence=(str(detail.get("reason", "")),),
        runbook="docs/guides/rollouts.md",
        next=(detail["approve"], detail["refuse"]),
    )


def _promoted(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    detail = event["detail"]
    package = detail["model_package_arn"]
    told = f"{_version(package)} serves as {detail['variant']}"
    yield _approval_over(event, package, told)
    yield _of(event)(change="recovers", kind="rollout", cause="rollout", what=told, outcome=told)
    yield _of(event)(
        change="ends",
        kind="retraining",
        cause=known.retraining.get(package, f"retraining/{_version(package)}"),
        what=told,
        model=_version(package),
        outcome=f"promoted: {told}",
        runbook="docs/guides/rollouts.md",
    )


def _restored(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    """The end of what a killed rollout left behind, added to what is on record of that rollout."""
    detail = event["detail"]
    package, champion = detail["model_package_arn"], detail["champion_variant"]
    serves = f"{champion} has all traffic" if champion else "nothing serves"
    removed = " and ".join(detail["removed"])
    told = f"{serves}, {removed} is removed" if removed else f"{serves}, nothing else was left"
    cause = known.retraining.get(package)
    yield _of(event)(
        change="adds",
        kind="retraining" if cause else "rollout",
        cause=cause or "rollout",
        what=f"what the rollout of {_version(package)} left behind is removed",
        evidence=(f"after the end of {_version(package)}'s rollout: {told}",),
        action=told,
        runbook="docs/guides/rollouts.md",
    )


def _decided(event: Mapping[str, Any], known: Known) -> Iterator[Occurrence]:
    """A decision to train or wait is a record of its own; bad data is one until a window decides without."""
    decision = event["detail"]
    held_off = decision["action"] == "hold-off"
    yield _of(event)(
        change="opens" if held_off else "recovers",
        kind="bad-data",
        cause="bad-data",
        what=f"no training by {decision.get('cause')}: the data is bad",
        model=known.champion,
        window=decision["run"],
        columns=tuple(decision.get("columns") or ()),
        evidence=(decision["reason"], *(decision.get("evidence") or ())) if held_off else (),
        action="no training is started" if held_off else "",
        outcome="" if held_off else "a later window decides without it",
        runbook=f"{GUIDE}#bad-data",
        next=("tidegate status", "tidegate drops list"),
    )
    if decision["action"] in ("train", "wait"):
        asked = runs.asked(_of(event), decision, known.champion)
        worse = decision.get("cause") in ("quality", "estimate")
        yield replace(asked, next=(*_back(known), *asked.next)) if worse else asked
    if decision.get("dropped"):
        yield runs.dropped(_of(event), decision)


def _back(known: Known) -> tuple[str, ...]:
    """What a person types where the model before did better; at once while that is warm."""
    return (f"tidegate rollback   # to {known.before}",) if known.before else ()


def _approval_over(event: Mapping[str, Any], package: str, outcome: str) -> Occurrence:
    return _of(event)(
        change="recovers",
        kind="approval",
        cause=f"approval/{_version(package)}",
        what=outcome,
        outcome=outcome,
    )


def _of(event: Mapping[str, Any]) -> runs.Make:
    """Makes occurrences of one event."""

    def make(**members: Any) -> Occurrence:
        return Occurrence(event=event["id"], at=_iso(event["time"]), **members)

    return make


def _iso(text: str) -> str:
    """As Python reads it in all versions: CloudWatch writes +0000, EventBridge Z."""
    return re.sub(r"\+0000$|Z$", "+00:00", text)


def _version(package: str) -> str:
    """`group/version` of a package's ARN; as it is when it is none."""
    return package.rpartition("model-package/")[2] or "a candidate"
