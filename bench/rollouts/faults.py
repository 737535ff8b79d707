"""One candidate with one fault, met first in one step: how its rollout ends, how soon, and what users got."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.rollouts.place import WEIGHTS, Place
from bench.rollouts.users import PER_SECOND, Users

FAULTS = (
    "5xx-1%",
    "5xx-50%",
    "10x-latency",
    "nan",
    "wrong-shape",
    "crash-loop",
    "never-healthy",
    "swapped",
    "drifting",
)
BY_OUTCOMES = ("swapped", "drifting")  # well-formed answers of a healthy server
BEFORE_TRAFFIC = ("golden", "mirror")
STEPS = (*BEFORE_TRAFFIC, *(f"{weight:.0%}" for weight in WEIGHTS))
FOUND_BY = {  # a word of the cause -> what found it
    "golden rows": "golden rows",
    "copied traffic": "copied traffic",
    "outcomes": "outcomes",
    "evidence": "evidence",
    "alarm": "alarm",
    "health check": "health check",
    "too many to advance": "not shown fit",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    fault: str
    step: str  # where the fault was met first
    outcome: str  # how the execution ended: its error, `promoted` or `ABORTED`
    found_by: str = ""
    seconds: float | None  # on the cloud's clock until all traffic was safe; None when it never was
    bad: int
    slow: int  # of the bad: well answered, too late
    answers: int
    cause: str = ""


def faults(place: Place, wanted: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """A row for each (fault, step)."""
    for fault, step in wanted:
        yield _fault(place, fault, step)


def rolled_out(
    place: Place, users: Users, fault: str = "good", meets: str = "users", look: Callable[[str], Any] = id
) -> tuple[str, Mapping[str, Any]]:
    """Approve a candidate and ask until its rollout is over: the execution and how it ended.

    Args:
        look: called once a second with the execution's ARN.
    """
    execution = place.approve(fault, meets)
    while (ended := place.ended(execution)) is None:
        look(execution)
        users.second()
    return execution, ended


def row(
    place: Place, users: Users, execution: str, ended: Mapping[str, Any], *, fault: str, step: str
) -> Row:
    """What became of it, and quiet before the next."""
    cause = ended.get("cause", "")
    outcome = "promoted" if ended["status"] == "SUCCEEDED" else ended.get("error", ended["status"])
    found = next((by for word, by in FOUND_BY.items() if word in cause), "")
    told = Row(
        fault=fault,
        step=step,
        outcome=outcome,
        found_by=found if outcome != "promoted" else "",
        seconds=None if outcome == "promoted" else _seconds(place.history(execution)),
        bad=users.bad,
        slow=users.slow,
        answers=users.answers,
        cause=cause,
    )
    users.close()
    return told


def _fault(place: Place, fault: str, step: str) -> Row:
    is_early, labels = step in BEFORE_TRAFFIC, fault in BY_OUTCOMES
    place.begin_at(0 if is_early else STEPS.index(step) - len(BEFORE_TRAFFIC), outcomes=labels)
    users = Users(place, PER_SECOND, labels=labels)
    execution, ended = rolled_out(place, users, fault, step if is_early else "users")
    found = row(place, users, execution, ended, fault=fault, step=step)
    place.calm()
    return found


def _seconds(history: Sequence[Mapping[str, Any]]) -> float:
    """From the candidate's first share of traffic until it had none; where it had none, from its joining."""
    entered: dict[str, float] = {}
    for event in history:
        if name := event.get("stateEnteredEventDetails", {}).get("name"):
            entered.setdefault(name, event["timestamp"].timestamp())
    left = {
        event["stateExitedEventDetails"]["name"]: event["timestamp"].timestamp()
        for event in history
        if "stateExitedEventDetails" in event
    }
    began = entered.get("ShiftTraffic", entered.get("AddCandidate", entered["PreflightCandidate"]))
    over = left.get("ReturnTraffic", left.get("StopRollout", history[-1]["timestamp"].timestamp()))
    return round(over - began, 1)


class Killer(threading.Thread):
    """Kills what it is told to as soon as a state of an execution is entered; looks as often as it can.

    Once, or at each entry until the execution is over: what takes milliseconds may be done by the kill.
    """

    def __init__(
        self, place: Place, execution: str, state: str, kill: Callable[[], bool], *, once: bool = True
    ) -> None:
        super().__init__(daemon=True)
        self._place, self._execution, self._state, self._kill = place, execution, state, kill
        self._once = once
        self.killed = False

    def run(self) -> None:
        look = self._place.client("stepfunctions").get_execution_history
        while not (self.killed and self._once) and self._execution in self._place.running:
            events = look(executionArn=self._execution, reverseOrder=True, maxResults=5)["events"]
            names = [e.get("stateEnteredEventDetails", {}).get("name") for e in events]
            is_left = any("stateExitedEventDetails" in e for e in events[:1])
            if self._state in names and not is_left:
                self.killed |= self._kill()
