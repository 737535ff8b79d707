"""A rollout as its machine tells it: plan, steps and every judgement, from the history of one execution.

Pure: events of Step Functions' GetExecutionHistory go in, whoever fetched them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, Self

from tidegate.messages.deployment import MirrorReport, RolloutJudgement, RolloutPlan, RolloutStep

WAITING = "AwaitApproval"
TAKEN_BACK = "RolledBack"  # the error of an execution that a person stopped to return the traffic
Outcome = Literal["running", "promoted", "rolled back", "refused"]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One look of JudgeRollout."""

    step: int  # index
    at: datetime
    judgement: RolloutJudgement


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """One execution of the deployment machine."""

    arn: str = ""
    package: str = ""  # ARN of the model package; empty where the execution's input is not known
    status: str = "RUNNING"  # as Step Functions says
    state: str = ""  # the last one that it entered
    plan: RolloutPlan | None = None  # None before preflight
    step: int | None = None  # None before the first share of the traffic
    steps_began: tuple[datetime, ...] = ()  # when each step was entered
    golden_rows: int | None = None  # answered as they were in the evaluation; None before that
    mirror: MirrorReport | None = None
    judgements: tuple[Judged, ...] = ()
    approved_by: str | None = None
    promoted: datetime | None = None
    stopped: datetime | None = None  # when it turned back
    began: datetime | None = None
    ended: datetime | None = None
    held: str | None = None
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """Of the execution: what the lock, the lake's folder and a person call it by."""
        return self.arn.rpartition(":")[2]

    @property
    def version(self) -> str:
        if self.plan is not None:
            return str(self.plan.model_version)
        return self.package.rpartition("/")[2] or "?"

    @property
    def steps(self) -> tuple[RolloutStep, ...]:
        return () if self.plan is None else self.plan.steps

    @property
    def outcome(self) -> Outcome:
        """A promotion stands once it is recorded, unless a person takes it back while that is one call."""
        if self.promoted:
            return "rolled back" if self.error == TAKEN_BACK else "promoted"
        if self.plan is None:
            return "running" if self.status == "RUNNING" else "refused"
        return "running" if self.status == "RUNNING" and self.stopped is None else "rolled back"

    @property
    def awaits_approval(self) -> bool:
        return self.status == "RUNNING" and self.state == WAITING

    @property
    def last(self) -> RolloutJudgement | None:
        return self.judgements[-1].judgement if self.judgements else None

    @property
    def reason(self) -> str:
        return "" if self.last is None else self.last.reason

    def judged(self, step: int) -> tuple[Judged, ...]:
        return tuple(each for each in self.judgements if each.step == step)

    def to_json(self) -> dict[str, Any]:
        """Facts as JSON; moments are ISO 8601."""
        facts: dict[str, Any] = json.loads(json.dumps(asdict(self), default=datetime.isoformat))
        judgements = [
            {"step": each["step"], "at": each["at"], **each["judgement"]} for each in facts["judgements"]
        ]
        return {**facts, "outcome": self.outcome, "judgements": judgements}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """A rollout from what `to_json` made of it, in this or an earlier version of the pipeline."""
        known = {each.name for each in fields(cls)}
        made = {name: value for name, value in facts.items() if name in known and value is not None}
        for name, reader in _READERS.items():
            if name in made:
                made[name] = reader(made[name])
        return cls(**made)


def _judged(facts: Mapping[str, Any]) -> Judged:
    judgement = RolloutJudgement.from_json(dict(facts))
    return Judged(step=facts["step"], at=datetime.fromisoformat(facts["at"]), judgement=judgement)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "plan": RolloutPlan.from_json,
    "mirror": MirrorReport.from_json,
    "judgements": lambda found: tuple(map(_judged, found)),
    "steps_began": lambda found: tuple(map(datetime.fromisoformat, found)),
    **dict.fromkeys(("promoted", "stopped", "began", "ended"), datetime.fromisoformat),
}


@dataclass
class _Reader:
    found: Rollout = field(default_factory=Rollout)

    def read(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            self._enter(event["stateEnteredEventDetails"]["name"], event["timestamp"])
        elif kind == "TaskSucceeded":
            answer = json.loads(event["taskSucceededEventDetails"].get("output") or "null")
            self._succeed(answer if isinstance(answer, dict) else {}, event["timestamp"])

    def _enter(self, state: str, moment: datetime) -> None:
        found = replace(self.found, state=state)
        if state == "NextStep":
            began = (*found.steps_began, moment)
            found = replace(found, steps_began=began, step=len(began) - 1)
        elif state == "StopRollout":
            found = replace(found, stopped=moment)
        self.found = found

    def _succeed(self, answer: Mapping[str, Any], moment: datetime) -> None:
        found, told = self.found, answer.get("Payload") or {}
        if found.state == "PreflightCandidate" and told:
            found = replace(found, plan=RolloutPlan.from_json(told))
        elif found.state == "CheckCandidate" and told:
            found = replace(found, golden_rows=told["rows"])
        elif found.state == "MirrorTraffic" and told:
            found = replace(found, mirror=MirrorReport.from_json(told["report"]))
        elif found.state == "JudgeRollout" and told:
            judged = Judged(step=found.step or 0, at=moment, judgement=RolloutJudgement.from_json(told))
            found = replace(found, judgements=(*found.judgements, judged))
        elif found.state == WAITING:
            found = replace(found, approved_by=str(answer.get("by", "")))
        elif found.state == "RecordChampion":
            found = replace(found, promoted=moment)
        self.found = found


def read(events: Iterable[Mapping[str, Any]], described: Mapping[str, Any]) -> Rollout:
    """What a history says of a rollout.

    Args:
        events: oldest first.
        described: DescribeExecution's answer.
    """
    reader = _Reader()
    for event in events:
        reader.read(event)
    return replace(
        reader.found,
        arn=described["executionArn"],
        package=json.loads(described.get("input") or "{}").get("model_package_arn", ""),
        status=described["status"],
        began=described.get("startDate"),
        ended=described.get("stopDate"),
        error=described.get("error", ""),
        cause=described.get("cause", ""),
    )
