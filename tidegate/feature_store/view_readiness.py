"""Whether the views that a model looks up are computed so far that it can serve.

Pure standard library.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.feature_store.feature_plan import ViewPlan

MINIMUM_COVERAGE = 0.99


class Computed(Protocol):
    """Of `tidegate.aws.state.ViewState`."""

    @property
    def computed_to(self) -> int:
        """Last tick, seconds since the epoch."""

    @property
    def coverage(self) -> float:
        """Share of the active entities with a row online."""

    @property
    def recorded_at(self) -> str:
        """ISO 8601 UTC."""


def problems(
    views: Sequence[tuple[ViewPlan, Computed | None]],
    *,
    beside: Sequence[tuple[ViewPlan, Computed | None]] = (),
    now: datetime,
) -> list[str]:
    """What is wrong with each; empty when a model of these views can serve.

    A view is too old when nothing was recorded within its TTL, or when it ends more than that before the
    newest view of its source: half a backfill is recorded today, and all of its values are stale. The data's
    own clock may be years behind the wall clock where the past is replayed, so `now` is not held to ticks.

    Args:
        beside: other views that are kept up to date, such as those of the deployed feature set.
    """
    newest: dict[str, int] = {}
    for view, computed in (*views, *beside):
        if computed is not None:
            dataset = view.source.dataset
            newest[dataset] = max(newest.get(dataset, computed.computed_to), computed.computed_to)
    found = []
    for view, computed in views:
        if computed is None:
            found.append(f"{view.version} was never computed: coverage 0 %")
            continue
        told = f"{view.version} has a coverage of {computed.coverage:.1%}"
        unrecorded = (now - datetime.fromisoformat(computed.recorded_at)).total_seconds()
        behind = newest[view.source.dataset] - computed.computed_to
        if computed.coverage < MINIMUM_COVERAGE:
            found.append(f"{told}, below {MINIMUM_COVERAGE:.0%} of its active entities")
        limit = f"its TTL is {_hours(view.ttl_seconds)}"
        if unrecorded > view.ttl_seconds:
            found.append(f"{told}, but nothing of it was recorded for {_hours(unrecorded)}; {limit}")
        elif behind > view.ttl_seconds:
            found.append(f"{told}, but it ends {_hours(behind)} before the newest view; {limit}")
    return found


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours"
