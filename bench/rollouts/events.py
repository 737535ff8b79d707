"""What else may happen to a rollout: nobody asks, two at once, an alarm rings, the judge or machine dies."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.rollouts.faults import Killer, Row, rolled_out, row
from bench.rollouts.place import LOOK_SECONDS, WEIGHTS, Place
from bench.rollouts.users import Users

LAST_TWO = len(WEIGHTS) - 2
JUDGE = b"_HANDLER=functions.judge_rollout.handler"


def good(place: Place) -> Row:
    """The control: a candidate without a fault walks through all steps."""
    place.begin_at()
    users = Users(place)
    execution, ended = rolled_out(place, users)
    found = row(place, users, execution, ended, fault="none", step="all steps")
    place.calm()
    return found


def no_traffic(place: Place) -> Row:
    place.begin_at()
    users = Users(place, 0)
    execution, ended = rolled_out(place, users)
    return row(place, users, execution, ended, fault="no traffic at all", step="5%")


def alarm_rings(place: Place) -> Row:
    """The champion failed half of its users until its alarm rang; it is good again when the package comes."""
    place.begin_at(LAST_TWO)
    users = Users(place)
    place.behave("5xx-50%", version=place.versions[place.champion()])
    while not place.rings():
        users.ask()
        place.clock.advance(5)
        time.sleep(LOOK_SECONDS)
    users.close()
    users = Users(place)
    execution, ended = rolled_out(place, users)
    found = row(place, users, execution, ended, fault="alarm already rings", step="preflight")
    place.calm()
    return found


def judge_dies(place: Place) -> Row:
    place.begin_at(LAST_TWO)
    users, killers = Users(place), list[Killer]()

    def watch(execution: str) -> None:
        if not killers:
            killers.append(Killer(place, execution, "JudgeRollout", lambda: kill_judge(place), once=False))
            killers[0].start()

    execution, ended = rolled_out(place, users, look=watch)
    found = row(place, users, execution, ended, fault="judge killed", step="75%")
    place.calm()
    return found


def machine_dies(place: Place) -> Row:
    """Safe when the recorded champion has all traffic; over when the candidate has no instances either."""
    place.begin_at(LAST_TWO)
    users, stopped = Users(place), list[float]()

    def stop(execution: str) -> None:
        if not stopped and len(place.shares()) > 1:
            stopped.append(place.clock.time())
            place.client("stepfunctions").stop_execution(executionArn=execution)

    execution, ended = rolled_out(place, users, look=stop)
    while list(place.shares()) != [place.champion()]:
        users.second()
    seconds = round(place.clock.time() - stopped[0], 1)
    while place.is_locked():
        users.second()
    left = "nothing left" if place.variants() == [place.champion()] else "instances left"
    found = row(place, users, execution, ended, fault="machine killed mid-shift", step="75%")
    place.calm()
    return replace(found, outcome=f"{found.outcome}, {left}", seconds=seconds)


def two_at_once(place: Place) -> Row:
    """The second waits for its turn: never have more than two variants traffic, and both are promoted."""
    place.begin_at(LAST_TWO)
    users = Users(place)
    first = place.approve()
    second = place.approve()
    waited = False
    ends: dict[str, Mapping[str, Any]] = {}
    while len(ends) < 2:  # noqa: PLR2004  both
        for execution in (first, second):
            if execution not in ends and (ended := place.ended(execution)):
                ends[execution] = ended
        waited |= first not in ends and _states(place, second)[-1:] == ["WaitForTurn"]
        users.second()
    found = row(place, users, second, ends[second], fault="two rollouts at once", step="75%")
    outcomes = [ends[e].get("error", "promoted") for e in (first, second)]
    place.calm()
    return replace(found, outcome=", ".join(outcomes) + (", in turn" if waited else ""))


EVENTS: Mapping[str, Callable[[Place], Row]] = {
    "no traffic": no_traffic,
    "alarm rings": alarm_rings,
    "judge killed": judge_dies,
    "machine killed": machine_dies,
    "two at once": two_at_once,
    "none": good,
}


def events(place: Place, wanted: Sequence[str]) -> Iterator[Row]:
    for name in wanted:
        yield EVENTS[name](place)


def kill_judge(place: Place) -> bool:
    """SIGKILL the processes that run this cloud's judge; whether there was one."""
    wanted, found = {JUDGE, f"AWS_ENDPOINT_URL={place.url}".encode()}, False
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted <= {*(process / "environ").read_bytes().split(b"\0")}:
                os.kill(int(process.name), signal.SIGKILL)
                found = True
    return found


def _states(place: Place, execution: str) -> list[str]:
    entered = [event.get("stateEnteredEventDetails", {}).get("name") for event in place.history(execution)]
    return [name for name in entered if name]
