"""The post: which news of incidents goes out at once, which is held, and what becomes one message.

Pure. One item of the state table keeps it, so that whoever hands in news sees what others did a moment ago. A
letter stays in the outbox until it is sent; one that its owner never sent is anybody's after five minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from tidegate.incidents.incident import Incident, News
from tidegate.incidents.sections import IncidentsSection
from tidegate.incidents.words import Letter, digest, letter, line, storm
from tidegate.messages.message import Message

STORM_SECONDS = 60
ABANDONED_SECONDS = 300
BODIES_HELD = 50  # whole letters; of more only their lines are kept
NEWS_KNOWN = 500  # what was handed in last, by id and number
DAY_MINUTES = 1440


@dataclass(frozen=True, kw_only=True)
class Held(Message):
    """News that waits, and for what."""

    cause: str
    news: News
    why: Literal["quiet", "storm", "hold"]
    until: float  # seconds since the epoch; of a hold
    line: str
    letter: Letter | None


@dataclass(frozen=True, kw_only=True)
class Posted(Message):
    """A letter on its way."""

    owner: str  # the invocation that sends it
    at: float
    letter: Letter


@dataclass(frozen=True, kw_only=True)
class Post(Message):
    sent: tuple[float, ...] = ()  # moments of openings told one by one, of the last minute
    storm_at: float = 0.0  # the last opening of the storm that was told as one
    storm_urgent: bool = False  # whether that message said that something is urgent
    held: tuple[Held, ...] = ()
    outbox: tuple[Posted, ...] = ()
    known: tuple[str, ...] = ()  # news handed in: two that handle one cause at once both bring it


@dataclass(frozen=True, kw_only=True)
class Clerk:
    """Who posts, when, and by which rules."""

    prefix: str  # of the pipeline
    rules: IncidentsSection
    owner: str
    now: float

    @property
    def is_quiet(self) -> bool:
        minutes = self.rules.quiet_minutes
        if minutes is None:
            return False
        begins, ends = minutes
        at = datetime.fromtimestamp(self.now, UTC)
        since = (60 * at.hour + at.minute - begins) % DAY_MINUTES
        return since < (ends - begins) % DAY_MINUTES

    def post(self, post: Post, found: Letter) -> Post:
        return replace(post, outbox=(*post.outbox, Posted(owner=self.owner, at=self.now, letter=found)))

    def is_mine(self, posted: Posted) -> bool:
        """Whether to send it: one's own, or one whose owner is gone."""
        return posted.owner == self.owner or not 0 <= self.now - posted.at < ABANDONED_SECONDS


def handed_in(post: Post, incident: Incident, clerk: Clerk) -> Post:
    """The post with all news of an incident that it does not have yet."""
    for number, news in enumerate(incident.untold, incident.spoken):
        name = f"{incident.id}/{number}"
        if name in post.known:
            continue
        post = replace(post, known=(*post.known, name)[-NEWS_KNOWN:])
        post = (
            _recovered(post, incident, clerk) if news == "recovered" else _rings(post, incident, news, clerk)
        )
    return post


def due(post: Post, clerk: Clerk) -> Post:
    """What was held and need not be any more: one letter, or one digest of several."""
    ready = [held for held in post.held if _is_due(held, post, clerk)]
    if not ready:
        return post
    post = replace(post, held=tuple(held for held in post.held if held not in ready))
    alone = ready[0].letter if len(ready) == 1 else None
    return clerk.post(post, alone or digest(clerk.prefix, [held.line for held in ready]))


def _rings(post: Post, incident: Incident, news: News, clerk: Clerk) -> Post:
    if news == "reopened" and any(_is_of(held, incident) for held in post.held):
        return _without(post, incident, "recovered")  # nobody was told that it had recovered
    if clerk.is_quiet and not incident.urgent:
        return _hold(post, incident, news, "quiet", clerk)
    sent = tuple(at for at in post.sent if 0 <= clerk.now - at < STORM_SECONDS)
    goes_on = 0 <= clerk.now - post.storm_at < STORM_SECONDS
    if not goes_on and len(sent) < clerk.rules.storm:
        return clerk.post(replace(post, sent=(*sent, clerk.now)), letter(clerk.prefix, incident, news))
    post = replace(post, sent=sent, storm_at=clerk.now)
    if not goes_on:
        post = replace(post, storm_urgent=incident.urgent)
        return clerk.post(post, storm(clerk.prefix, line(incident, news), len(sent) + 1))
    if incident.urgent and not post.storm_urgent:
        return clerk.post(replace(post, storm_urgent=True), letter(clerk.prefix, incident, news))
    return _hold(post, incident, news, "storm", clerk)


def _recovered(post: Post, incident: Incident, clerk: Clerk) -> Post:
    waiting = [held for held in post.held if _is_of(held, incident) and held.news != "recovered"]
    if waiting:  # it came and went before anybody was told: one line says both
        post = _without(post, incident)
        return _hold(post, incident, "recovered", waiting[0].why, clerk)
    if incident.kind == "alarm" and clerk.rules.hold_seconds:
        return _hold(post, incident, "recovered", "hold", clerk)
    if clerk.is_quiet and not incident.urgent:
        return _hold(post, incident, "recovered", "quiet", clerk)
    return clerk.post(post, letter(clerk.prefix, incident, "recovered"))


def _hold(
    post: Post, incident: Incident, news: News, why: Literal["quiet", "storm", "hold"], clerk: Clerk
) -> Post:
    whole = letter(clerk.prefix, incident, news) if len(post.held) < BODIES_HELD else None
    held = Held(
        cause=incident.cause,
        news=news,
        why=why,
        until=clerk.now + clerk.rules.hold_seconds,
        line=line(incident, news),
        letter=whole,
    )
    return replace(post, held=(*post.held, held))


def _is_due(held: Held, post: Post, clerk: Clerk) -> bool:
    if held.why == "storm":
        return not 0 <= clerk.now - post.storm_at < STORM_SECONDS
    if clerk.is_quiet:
        return False
    # a moment further away than the hold time is of a clock that has been set back since
    return held.why == "quiet" or not 0 < held.until - clerk.now <= clerk.rules.hold_seconds


def _is_of(held: Held, incident: Incident) -> bool:
    return held.cause == incident.cause


def _without(post: Post, incident: Incident, news: News | None = None) -> Post:
    kept = (held for held in post.held if not (_is_of(held, incident) and news in (None, held.news)))
    return replace(post, held=tuple(kept))


def mine(post: Post, clerk: Clerk) -> Iterator[Posted]:
    """Letters that this clerk has to send."""
    return (posted for posted in post.outbox if clerk.is_mine(posted))
