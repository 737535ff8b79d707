"""One incident: what opened it, what has been seen since, what was done and what came of it.

Pure. The cause is its identity: while it is open, and for a hold time after it recovered, more of the same
is the same incident. Events come late, twice and out of order; none of that makes a second one.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from tidegate.messages.message import Message

Kind = Literal["alarm", "quarantine", "execution", "approval", "rollout", "retraining", "bad-data"]
# opens; adds to what is there; ends what is open; records what was over before anybody heard of it
Change = Literal["opens", "adds", "recovers", "ends"]
News = Literal["opened", "reopened", "recovered"]
KEPT = 10  # newest sentences of evidence, and drops
EVENTS_KEPT = 100  # ids of events; duplicates come within minutes


@dataclass(frozen=True, kw_only=True)
class Occurrence(Message):
    """What one event says about one cause."""

    event: str  # its id: the same event again is nothing new
    at: str  # ISO 8601 UTC
    change: Change
    kind: Kind
    cause: str  # kind/what, such as alarm/features-skew
    what: str  # one sentence
    tell: bool = True  # send a message when it opens or recovers
    urgent: bool = False  # quiet hours do not hold it back
    model: str = ""
    drop: str = ""
    window: str = ""  # run of the monitoring
    columns: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    action: str = ""
    outcome: str = ""
    runbook: str = ""
    next: tuple[str, ...] = ()  # what a person types


@dataclass(frozen=True, kw_only=True)
class Incident(Message):
    """The record of one incident; moments are ISO 8601 UTC."""

    id: str
    kind: Kind
    cause: str
    state: Literal["open", "recovered"]
    what: str
    opened: str
    last_seen: str
    recovered: str | None = None
    count: int = 1  # events that said it is so
    flaps: int = 0  # times it opened again within the hold time
    urgent: bool = False
    told: bool = False  # whether its opening is a matter for a message
    model: str = ""
    drop: str = ""
    window: str = ""
    columns: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    action: str = ""
    outcome: str = ""
    runbook: str = ""
    next: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    untold: tuple[News, ...] = ()  # news that the post does not have yet
    spoken: int = 0  # news that it has


def happened(
    current: Incident | None, seen: Occurrence, hold_seconds: float
) -> tuple[Incident | None, Incident | None]:
    """The incident of the cause after an occurrence, and the one it takes the place of, if it does.

    Args:
        current: the newest incident of the cause. The same object comes back when nothing is new.
    """
    if current is None:
        return (None if seen.change == "recovers" else _opened(seen)), None
    if seen.event in current.events:
        return current, None
    if seen.change in ("recovers", "ends"):
        return _ended(current, seen), None
    if current.state == "open":
        return _seen_again(current, seen), None
    since = (moment(seen.at) - moment(current.recovered or current.last_seen)).total_seconds()
    # it came late: what it tells of is over; and a training run, once over, is not begun again
    if seen.change == "adds" or since <= 0 or current.kind == "retraining":
        return _merged(current, seen), None
    if since <= hold_seconds:
        opened = replace(_merged(current, seen), state="open", recovered=None, flaps=current.flaps + 1)
        return _with_news(opened, "reopened", tell=current.told), None
    return _opened(seen), current


def incident_id(cause: str, opened: str) -> str:
    """Eight hexadecimal digits: the same opening always has the same id."""
    return hashlib.sha256(f"{cause}@{opened}".encode()).hexdigest()[:8]


def moment(text: str) -> datetime:
    """A moment as AWS's events write it; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _opened(seen: Occurrence) -> Incident:
    over = seen.change == "ends"
    opened = Incident(
        id=incident_id(seen.cause, seen.at),
        kind=seen.kind,
        cause=seen.cause,
        state="recovered" if over else "open",
        what=seen.what,
        opened=seen.at,
        last_seen=seen.at,
        recovered=seen.at if over else None,
        urgent=seen.urgent,
        told=seen.tell,
        model=seen.model,
        drop=seen.drop,
        window=seen.window,
        columns=seen.columns,
        evidence=seen.evidence[-KEPT:],
        action=seen.action,
        outcome=seen.outcome,
        runbook=seen.runbook,
        next=seen.next,
        events=(seen.event,),
    )
    tell = seen.tell and seen.change != "adds"
    return _with_news(opened, "recovered" if over else "opened", tell=tell)


def _seen_again(current: Incident, seen: Occurrence) -> Incident:
    merged = _merged(current, seen)
    if seen.change == "opens" and seen.tell and not current.told:
        # it was on record only, as a cause that waits; now it is something to tell
        return _with_news(replace(merged, told=True, what=seen.what), "opened", tell=True)
    return merged


def _ended(current: Incident, seen: Occurrence) -> Incident:
    if current.state == "recovered":
        return _merged(current, seen) if seen.change == "ends" else current
    if seen.change == "recovers" and moment(seen.at) < moment(current.last_seen):  # older than what opened it
        return current
    ended = replace(_merged(current, seen), state="recovered", recovered=seen.at)
    return _with_news(ended, "recovered", tell=current.told or (seen.change == "ends" and seen.tell))


def _merged(current: Incident, seen: Occurrence) -> Incident:
    is_so = seen.change == "opens"
    return replace(
        current,
        last_seen=max(current.last_seen, seen.at, key=moment),
        count=current.count + is_so,
        urgent=current.urgent or seen.urgent,
        model=seen.model or current.model,
        drop=seen.drop or current.drop,
        window=seen.window or current.window,
        columns=tuple(dict.fromkeys((*current.columns, *seen.columns))),
        evidence=tuple(dict.fromkeys((*current.evidence, *seen.evidence)))[-KEPT:],
        action=seen.action or current.action,
        outcome=seen.outcome or current.outcome,
        next=seen.next or current.next,
        events=(*current.events, seen.event)[-EVENTS_KEPT:],
    )


def _with_news(incident: Incident, news: News, *, tell: bool) -> Incident:
    return replace(incident, untold=(*incident.untold, news)) if tell else incident
