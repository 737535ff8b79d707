"""The states of a dataset by its Iceberg metadata file, and whose rows each of them holds.

Pure standard library. The metadata file is JSON that says it all; pyiceberg would read it too, after 0.6 s of
imports.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from tidegate.ingestion.snapshots import Snapshot


@dataclass(frozen=True)
class History:
    """States by snapshot id, as far as they have not expired."""

    table: str
    states: Mapping[int, Snapshot]
    current: int | None

    @classmethod
    def of(cls, table: str, metadata: Mapping[str, Any]) -> Self:
        """Of a metadata document of Iceberg's table specification, version 1 or 2."""
        found = [_state(table, each) for each in metadata.get("snapshots") or ()]
        current = metadata.get("current-snapshot-id")
        return cls(table, {each.snapshot_id: each for each in found}, None if current == -1 else current)

    def line(self, snapshot_id: int | None) -> Iterator[Snapshot]:
        """The state and those it was made on top of, newest first."""
        while snapshot_id is not None and (state := self.states.get(snapshot_id)) is not None:
            yield state
            snapshot_id = state.parent_id

    def held(self, snapshot_id: int | None) -> tuple[Snapshot, ...]:
        """States that added the rows of this one, oldest first: one for each drop that nobody replaced."""
        kept: list[Snapshot] = []
        replaced: set[str] = set()
        for state in self.line(snapshot_id):
            if state.drop_id and state.drop_id not in replaced:
                kept.append(state)
            replaced.update(state.replaces)
        return tuple(reversed(kept))

    def of_revision(self, revision: int) -> Snapshot | None:
        """The state of that sequence number."""
        return next((state for state in self.line(self.current) if state.sequence == revision), None)

    def span(self, drop_id: str) -> tuple[int, int | None] | None:
        """Sequence numbers of the first state with rows of a drop, and of the first that has them no more.

        None as the second while they are there; None for a drop that was never recorded, or is forgotten.
        """
        first, gone = None, None
        for state in self.line(self.current):
            if drop_id in state.replaces:
                gone = state.sequence
            if state.drop_id == drop_id:
                first = state.sequence
        return None if first is None else (first, gone)


def _state(table: str, document: Mapping[str, Any]) -> Snapshot:
    summary = dict(document.get("summary") or {})
    return Snapshot(
        table=table,
        snapshot_id=int(document["snapshot-id"]),
        parent_id=document.get("parent-snapshot-id"),
        sequence=int(document.get("sequence-number", 0)),
        total_rows=int(summary.get("total-records", 0)),
        committed_at=datetime.fromtimestamp(document["timestamp-ms"] / 1000, UTC),
        operation=summary.pop("operation", "append"),
        added_rows=int(summary.get("added-records", 0)),
        removed_rows=int(summary.get("deleted-records", 0)),
        properties=summary,
    )
