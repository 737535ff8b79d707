"""How much more a rollout needs until its step is decided, and how long that takes at the traffic so far.

Pure. A look ahead that supposes all goes on as it did in this step: a plan for a person, no judgement.
"""

import math
from collections.abc import Iterator
from datetime import timedelta

from tidegate.rollout.history import Rollout
from tidegate.rollout.judge import more_to_roll_back
from tidegate.rollout.sequences import MINIMUM_COUNT


def still_needed(found: Rollout) -> Iterator[tuple[str, str]]:
    """(towards what, in words) for the step that was judged last; nothing once the rollout is over."""
    if found.outcome != "running" or not found.judgements:
        return
    newest = found.judgements[-1]
    judgement, step = newest.judgement, found.steps[newest.step]
    if found.step != newest.step:  # the next one bakes
        yield "to advance", f"{found.steps[newest.step + 1].minimum_requests:,} requests of the candidate"
        return
    requests = judgement.candidate_requests
    elapsed = newest.at - found.steps_began[newest.step]
    if judgement.more_requests:
        more = judgement.more_requests
        yield "to advance", f"{more:,} more requests of the candidate{_while(more, requests, elapsed)}"
    hours = timedelta(hours=step.hold_hours) - elapsed
    if hours > timedelta(0):
        yield "to advance", f"{duration(hours)} more that this step lasts"
    yield from _outcomes(found, elapsed)
    back = more_to_roll_back(requests, judgement.evidence, judgement.needed)
    if back is not None:
        yield "to roll back", f"{back:,} more requests like those so far{_while(back, requests, elapsed)}"


def _outcomes(found: Rollout, elapsed: timedelta) -> Iterator[tuple[str, str]]:
    newest = found.judgements[-1]
    least, outcomes = found.steps[newest.step].minimum_outcomes, newest.judgement.outcomes
    if not least or outcomes is None:
        return
    known = outcomes.candidate
    if (missing := max(least, MINIMUM_COUNT) - known) > 0:
        yield "to advance", f"{missing:,} more outcomes of the candidate{_while(missing, known, elapsed)}"
    if outcomes.more:
        worse = outcomes.candidate_loss - outcomes.champion_loss > outcomes.margin
        way = "roll back" if worse else "advance"
        words = f"{outcomes.more:,} more outcomes if they differ as so far"
        yield f"to {way}", f"{words}{_while(outcomes.more, known, elapsed)}"


def _while(more: int, so_far: int, elapsed: timedelta) -> str:
    """How long that takes; nothing where nothing came so far."""
    if not so_far or elapsed <= timedelta(0):
        return ""
    return f", {duration(elapsed * (more / so_far))} at the rate so far"


def duration(time: timedelta) -> str:
    """In two units at most, rounded up so that none is promised too early."""
    seconds = max(0, math.ceil(time.total_seconds()))
    minutes, hours = math.ceil(seconds / 60), math.ceil(seconds / 3600)
    if seconds < 120:  # noqa: PLR2004  two minutes
        return f"{seconds} s"
    if minutes < 120:  # noqa: PLR2004  two hours
        return f"{minutes} min"
    if hours < 72:  # noqa: PLR2004  three days
        return _units(minutes, 60, "h", "min")
    return _units(hours, 24, "days", "h")


def _units(amount: int, of_one: int, large: str, small: str) -> str:
    whole, rest = divmod(amount, of_one)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
