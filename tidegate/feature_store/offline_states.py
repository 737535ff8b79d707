"""Which states of an offline table the online store may have shown at a moment of the wall clock.

Pure. A state is shown from its commit on, but online values follow up to the propagation time later: until
then the states before it count as well.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from tidegate.ingestion.snapshots import Snapshot

# captures tell whole seconds, and the clocks of two machines are never quite the same
CLOCKS = timedelta(seconds=2)


def shown(states: Sequence[Snapshot], at: datetime, propagation: timedelta) -> tuple[int | None, ...] | None:
    """Snapshot ids, newest first, at least one; None in their place stands for the table before its first.

    Args:
        states: a table's states, newest first, as far as they have not expired.

    Returns:
        None when a state that counts has expired.
    """
    commits = [state.committed_at for state in reversed(states)]
    newest = bisect_right(commits, at + CLOCKS)  # how many states were there at the request
    oldest = bisect_right(commits, at - propagation)  # and how many that long before it
    every: list[int | None] = [state.snapshot_id for state in reversed(states)]
    ids = every[max(oldest - 1, 0) : newest]
    if oldest == 0:
        if states and states[-1].parent_id is not None:
            return None
        ids.insert(0, None)
    return tuple(reversed(ids))
