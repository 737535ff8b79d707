"""What the look-ups of one request found, counted as one model sees it, under the names of its metrics.

Pure standard library. Alarms and the dashboard read these metrics, as shares of one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.looked_up import LACKS, MISSING, Lack, Views, lack_of

LOOKED_UP = "FeaturesLookedUp"  # values: a row's column each
STALE = "StaleFeatures"
ABSENT = "MissingFeatures"
FAILED = "FailedFeatures"
WITHOUT_VALUE = "NullFeatures"  # all of these, and the nulls that an aggregate itself gave
ENTITIES = "EntitiesLookedUp"  # of rows and views, those that name an entity and could be read
ENTITIES_FOUND = "EntitiesFound"
AGE = "FeatureAgeSeconds"


@dataclass
class Tally:
    values: int = 0
    nulls: int = 0  # usable, and yet null
    lacking: dict[Lack, int] = field(default_factory=lambda: dict.fromkeys(LACKS, 0))
    columns: dict[Lack, set[str]] = field(default_factory=lambda: {lack: set() for lack in LACKS})
    entities: int = 0
    entities_found: int = 0
    age_seconds: float | None = None  # of the oldest value at its row's moment, stale ones too

    def told(self) -> dict[str, list[str]]:
        """Lack -> columns that had it in one row or more."""
        return {lack: sorted(names) for lack, names in self.columns.items()}

    def counts(self) -> Iterator[tuple[str, int]]:
        """Metrics of the unit Count; none when the model looks nothing up."""
        if self.values:
            yield LOOKED_UP, self.values
            yield STALE, self.lacking["stale"]
            yield ABSENT, self.lacking["missing"]
            yield FAILED, self.lacking["failed"]
            yield WITHOUT_VALUE, self.nulls + sum(self.lacking.values())
            yield ENTITIES, self.entities
            yield ENTITIES_FOUND, self.entities_found


def tally(
    plan: FeatureSetPlan, rows: Sequence[Mapping[str, Any]], found: Sequence[Views], moments: Sequence[float]
) -> Tally:
    """Of the look-ups of request rows, each at its moment (seconds since the epoch)."""
    made = Tally()
    for view in plan.views:
        version, outputs = view.version, view.outputs
        for row, views, moment in zip(rows, found, moments, strict=True):
            member = views.get(version, MISSING)
            lack = lack_of(view, member, moment)
            made.values += len(outputs)
            if lack is None:
                made.nulls += sum(member["v"].get(name) is None for name in outputs)
            else:
                made.lacking[lack] += len(outputs)
                made.columns[lack].update(outputs)
            event_ts = member.get("et")
            if lack != "failed" and view.entity(row) is not None:
                made.entities += 1
                made.entities_found += event_ts is not None
            if event_ts is not None and event_ts <= moment:
                made.age_seconds = max(made.age_seconds or 0.0, moment - event_ts)
    return made
