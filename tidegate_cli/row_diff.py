"""Rows that one state of a table has and another has not, each as often as it has it more often.

DuckDB compares them and spills to disk: neither side need fit in memory.
"""

import tempfile
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

_MEMORY = "1GB"


@dataclass(frozen=True, kw_only=True)
class RowsApart:
    gained: int
    lost: int
    gained_rows: list[dict[str, Any]]  # the first of them
    lost_rows: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        return {
            "gained": self.gained,
            "lost": self.lost,
            "gained_rows": self.gained_rows,
            "lost_rows": self.lost_rows,
        }


def differing(before: pa.RecordBatchReader, after: pa.RecordBatchReader, limit: int) -> RowsApart:
    """What `after` has more than `before` and less, as multisets of rows of the same columns."""
    with (
        tempfile.TemporaryDirectory(prefix="tidegate-") as folder,
        duckdb.connect(
            f"{folder}/rows.duckdb",
            config={
                "memory_limit": _MEMORY,
                "temp_directory": folder,
                "autoinstall_known_extensions": "false",
            },
        ) as database,
    ):
        database.execute("set timezone = 'UTC'")
        for name, reader in (("before", before), ("after", after)):  # a stream can be read once only
            database.from_arrow(reader).create(name)
        database.execute("create table gained as (from after except all from before)")
        database.execute("create table lost as (from before except all from after)")
        (gained, gained_rows), (lost, lost_rows) = (_first(database, t, limit) for t in ("gained", "lost"))
    return RowsApart(gained=gained, lost=lost, gained_rows=gained_rows, lost_rows=lost_rows)


def _first(database: duckdb.DuckDBPyConnection, table: str, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """How many rows, and the first of them in their own order."""
    rows = database.table(table)
    return len(rows), rows.order("all").limit(limit).to_arrow_table().to_pylist()
