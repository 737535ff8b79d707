"""States of a table: what each is made of, which one a person means, how two differ.

Pure standard library. A snapshot is Iceberg's word for a state; of a dataset, each is a dataset version.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

# properties of a snapshot: what makes it exactly once, and what ingestion writes
KEY = "tidegate.key"
DROP = "tidegate.drop"
VERSION = "tidegate.version"
CONTRACT = "tidegate.contract"
VERDICT = "tidegate.verdict"
OBJECT = "tidegate.object"  # bucket/key that the drop was
SEQUENCER = "tidegate.sequencer"  # S3's, which orders the versions of one object
ACCEPTED = "tidegate.accepted"  # who accepted a drop that the rules would have refused, and why
REPLACES = "tidegate.replaces"  # ids of the drops whose rows it took out, comma between

_VERSION_PREFIX = re.compile(r"[0-9a-f]{7,64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One state of a table, and what was written into it on the way."""

    table: str
    snapshot_id: int
    parent_id: int | None
    total_rows: int
    committed_at: datetime  # UTC
    operation: str  # Iceberg's: append, overwrite, replace or delete
    added_rows: int = 0
    removed_rows: int = 0
    sequence: int = 0  # 1, 2, 3 ... in order of commits; Iceberg's sequence number
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def drop_id(self) -> str:
        return self.properties.get(DROP, "")

    @property
    def version(self) -> str:
        return self.properties.get(VERSION, "")

    @property
    def replaces(self) -> tuple[str, ...]:
        return tuple(drop for drop in self.properties.get(REPLACES, "").split(",") if drop)

    def to_json(self) -> dict[str, Any]:
        """Ids as text: they are 64 bits, and JSON's readers keep 53."""
        return {
            "table": self.table,
            "snapshot_id": str(self.snapshot_id),
            "parent_id": None if self.parent_id is None else str(self.parent_id),
            "committed_at": iso(self.committed_at),
            "operation": self.operation,
            "total_rows": self.total_rows,
            "added_rows": self.added_rows,
            "removed_rows": self.removed_rows,
            "drop_id": self.drop_id or None,
            "replaces": list(self.replaces),
            "verdict": self.properties.get(VERDICT),
            "contract": self.properties.get(CONTRACT),
            "version": self.version or None,
            "tags": list(self.tags),
        }


@dataclass(frozen=True, kw_only=True)
class ColumnChange:
    """A column that is not the same in both states; None where it is not there. A rename keeps its data."""

    before: str | None  # name and type, as `delay: int`
    after: str | None


@dataclass(frozen=True, kw_only=True)
class ColumnFigures:
    """What Iceberg's own metadata tells of a column in one state. Bounds of texts are cut, so not exact."""

    nulls: int | None  # None: a file does not tell
    minimum: Any = None
    maximum: Any = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What leads from one state to another, told by the tables' metadata alone."""

    before: Snapshot
    after: Snapshot
    added_rows: int  # in data files that only `after` has
    removed_rows: int
    columns: tuple[ColumnChange, ...]
    gained: tuple[Snapshot, ...]  # states on the way to `after` that `before` does not hold, oldest first
    lost: tuple[Snapshot, ...]
    figures: Mapping[str, tuple[ColumnFigures, ColumnFigures]]  # of columns where they differ

    def to_json(self) -> dict[str, Any]:
        return {
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "added_rows": self.added_rows,
            "removed_rows": self.removed_rows,
            "columns": [{"before": change.before, "after": change.after} for change in self.columns],
            "gained": [snapshot.to_json() for snapshot in self.gained],
            "lost": [snapshot.to_json() for snapshot in self.lost],
            "figures": {
                name: {"before": _figures(before), "after": _figures(after)}
                for name, (before, after) in self.figures.items()
            },
        }


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime | None:
    """The time that a text names: ISO 8601, UTC unless it says otherwise. A date alone is the day's end."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC) - timedelta(
                milliseconds=1
            )
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def find(snapshots: Sequence[Snapshot], name: str) -> Snapshot | None:
    """The state that a person means by a tag, a snapshot id, or the first digits of a version or drop id."""
    for snapshot in snapshots:
        if name in snapshot.tags or name == str(snapshot.snapshot_id):
            return snapshot
    if _VERSION_PREFIX.fullmatch(name):
        close = [s for s in snapshots if s.version.startswith(name) or s.drop_id.startswith(name)]
        return close[0] if len(close) == 1 else None
    return None


def nearest(snapshots: Iterable[Snapshot], name: str, most: int = 3) -> list[str]:
    """Names of states that look most like a name that is none."""
    names = [
        name for s in snapshots for name in (*s.tags, str(s.snapshot_id), s.version[:12], s.drop_id) if name
    ]
    return difflib.get_close_matches(name, names, n=most, cutoff=0.5)


def _figures(figures: ColumnFigures) -> dict[str, Any]:
    return {"nulls": figures.nulls, "minimum": figures.minimum, "maximum": figures.maximum}
