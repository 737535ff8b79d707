"""The recent past that a drop is compared with: the last accepted drops together, or those of its weekday.

Pure. Which drops they are is told first, so that only their profiles need be read.
"""

from collections import Counter
from collections.abc import Sequence

from tidegate.ingestion.figures import PastDrop
from tidegate.ingestion.usual import MINIMUM_HISTORY, SEASONS, WEEKDAYS, weekday
from tidegate.profile import BASELINE_RANKS, Profile, merge
from tidegate.statistics.drift import Reference

ROLLING_DROPS = 8  # accepted drops that together are the recent reference


def reference_drops(history: Sequence[PastDrop], arrived_at: str) -> list[PastDrop]:
    """The drops to merge, newest first; none while there are fewer than five.

    Those of the same weekday when every weekday has at least four since a person last accepted a new level.
    """
    if len(history) < MINIMUM_HISTORY:
        return []
    alike = _of_weekday(history, arrived_at)
    return alike or list(history[:ROLLING_DROPS])


def recent_reference(drops: Sequence[tuple[PastDrop, Profile]], arrived_at: str) -> Reference:
    """Their profiles as one. A column whose new level was accepted is known only from that drop on.

    Args:
        drops: as `reference_drops` chose them, with their profiles; at least one.
        arrived_at: of the drop to judge.
    """
    kept, levelled = [], set[str]()
    for past, profile in drops:
        columns = {name: column for name, column in profile.columns.items() if name not in levelled}
        kept.append(Profile(rows=profile.rows, columns=columns))
        levelled |= {column for column, _ in past.shifted if column is not None}
    days = {weekday(past.arrived_at) for past, _ in drops}
    today = weekday(arrived_at)
    day = ""
    if today is not None and len(drops) > 1 and days == {today}:
        day = f"{WEEKDAYS[today]} "
    against = f"the last {len(drops)} accepted {day}drops"
    return Reference(against=against, profile=merge(kept, ranks=BASELINE_RANKS), kind="recent")


def _of_weekday(history: Sequence[PastDrop], arrived_at: str) -> list[PastDrop]:
    since = len(history)
    for age, past in enumerate(history):
        if past.shifted:
            since = age + 1
            break
    level = history[:since]
    days = Counter(weekday(past.arrived_at) for past in level)
    if any(days[day] < SEASONS for day in range(len(WEEKDAYS))):
        return []
    today = weekday(arrived_at)
    return [past for past in level if weekday(past.arrived_at) == today][:ROLLING_DROPS]
