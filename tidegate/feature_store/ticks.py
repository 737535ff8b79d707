"""Ticks: the moments a view has rows for, and which of them a change of the dataset touches.

Pure standard library. Times are whole seconds since the epoch; a tick lies on a multiple of the view's
`every_seconds`. A row with event time e is seen by ticks in [e, e + window).
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.messages.message import Message

MOST_INTERVALS = 20  # of one view in one run; where there are more, the closest are computed as one


@dataclass(frozen=True, kw_only=True)
class Interval(Message):
    """From one moment to another, both included."""

    start: int
    stop: int


def tick_at_or_after(view: ViewPlan, second: int) -> int:
    return -(-second // view.every_seconds) * view.every_seconds


def tick_at_or_before(view: ViewPlan, second: int) -> int:
    return second // view.every_seconds * view.every_seconds


def horizon(view: ViewPlan, newest_event: int, now: int) -> int:
    """The last tick to compute: the first that sees the newest event, but never one that is yet to come.

    A row of a tick after now would take the place of the one that is right until then.
    """
    return min(tick_at_or_after(view, newest_event), tick_at_or_before(view, now))


def touched(view: ViewPlan, changed: Iterable[Interval], last: int) -> tuple[Interval, ...]:
    """Ticks that see an event of `changed`, as far as `last`: intervals apart from each other, in order."""
    found = (
        Interval(
            start=tick_at_or_after(view, span.start),
            stop=min(tick_at_or_before(view, span.stop + view.window_seconds), last),
        )
        for span in changed
    )
    return together((span for span in found if span.start <= span.stop), view.every_seconds)


def to_compute(
    view: ViewPlan,
    *,
    first_event: int,
    last: int,
    computed_to: int | None,
    changed: Iterable[Interval],
    asked: Interval | None = None,
) -> tuple[Interval, ...]:
    """The ticks of a view that a run computes, none after `last`.

    All ticks after `computed_to`, those that see a change, and those that were asked for. So any sequence of
    changes leaves the same newest rows behind as computing everything at its end. A view that was never
    computed gets its whole history.

    Args:
        first_event: of the dataset.
        last: the view's horizon.
        changed: spans of event times of rows that came or went since the view was last computed.
    """
    start = tick_at_or_after(view, first_event)
    if computed_to is None:
        return (Interval(start=start, stop=last),) if start <= last else ()
    fresh = Interval(start=max(start, computed_to + view.every_seconds), stop=last)
    spans = [*touched(view, changed, last), fresh]
    if asked is not None:
        spans.append(
            Interval(
                start=max(start, tick_at_or_after(view, asked.start)),
                stop=min(last, tick_at_or_before(view, asked.stop)),
            )
        )
    return together((span for span in spans if span.start <= span.stop), view.every_seconds)


def together(spans: Iterable[Interval], gap: int = 0) -> tuple[Interval, ...]:
    """The same moments as intervals more than `gap` apart, in order; of too many the closest are joined."""
    joined: list[Interval] = []
    for span in sorted(spans, key=lambda span: span.start):
        if joined and span.start <= joined[-1].stop + gap:
            joined[-1] = Interval(start=joined[-1].start, stop=max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    if len(joined) <= MOST_INTERVALS:
        return tuple(joined)
    apart = sorted(after.start - before.stop for before, after in itertools.pairwise(joined))
    return together(joined, apart[len(joined) - MOST_INTERVALS - 1])


def count(view: ViewPlan, intervals: Sequence[Interval]) -> int:
    """How many ticks lie in the intervals."""
    return sum((span.stop - span.start) // view.every_seconds + 1 for span in intervals)
