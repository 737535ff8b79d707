"""Which states an online store may have shown; five minutes to propagate."""

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.feature_store.offline_states import shown
from tidegate.ingestion.snapshots import Snapshot

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def states(*minutes, oldest_has_parent=False):
    """Newest first; ids are the minutes of their commits after noon, but 1000 more."""
    return [
        Snapshot(
            table="t",
            snapshot_id=1000 + minute,
            parent_id=1000 + before if before is not None else (7 if oldest_has_parent else None),
            total_rows=1,
            committed_at=NOON + timedelta(minutes=minute),
            operation="append",
        )
        for before, minute in zip((None, *minutes), minutes, strict=False)
    ][::-1]


def at(minutes, seconds=0):
    return NOON + timedelta(minutes=minutes, seconds=seconds)


@pytest.mark.parametrize(
    ("moment", "ids"),
    [
        (at(9), (1000,)),
        (at(10), (1010, 1000)),
        (at(14, 59), (1010, 1000)),
        (at(15), (1010,)),  # the five minutes are over to the second
        (at(19), (1010,)),
        (at(24), (1020, 1010)),
        (at(60), (1020,)),
    ],
)
def test_a_state_counts_beside_the_one_before_until_it_has_propagated(moment, ids):
    assert shown(states(0, 10, 20), moment, FIVE_MINUTES) == ids


def test_several_commits_within_the_time_all_count():
    assert shown(states(0, 10, 12, 13), at(14), FIVE_MINUTES) == (1013, 1012, 1010, 1000)


def test_before_the_first_commit_the_table_was_empty():
    assert shown(states(0, 10), at(-1), FIVE_MINUTES) == (None,)
    assert shown(states(0, 10), at(1), FIVE_MINUTES) == (1000, None)
    assert shown([], at(0), FIVE_MINUTES) == (None,)


def test_a_state_that_has_expired_cannot_be_asked():
    kept = states(10, 20, oldest_has_parent=True)
    assert shown(kept, at(9), FIVE_MINUTES) is None
    assert shown(kept, at(14), FIVE_MINUTES) is None  # the one before may have been shown
    assert shown(kept, at(15), FIVE_MINUTES) == (1010,)


def test_a_commit_in_the_second_of_the_request_counts_because_captures_tell_whole_seconds():
    assert shown(states(0, 10), at(10, -1), FIVE_MINUTES) == (1010, 1000)
    assert shown(states(0, 10), at(10, -3), FIVE_MINUTES) == (1000,)


def test_without_time_to_propagate_only_the_newest_state_counts():
    assert shown(states(0, 10), at(10), timedelta(0)) == (1010,)
