"""The profile of a table: one `ColumnProfile` each, to and from Parquet with one row a column."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from tidegate.profile import distinct
from tidegate.profile.build import ColumnBuilder
from tidegate.profile.column import ColumnProfile, merge_columns
from tidegate.profile.ranks import DROP_RANKS, Ranks

_SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("kind", pa.string()),
        ("type", pa.string()),
        ("rows", pa.int64()),
        ("nulls", pa.int64()),
        ("nan", pa.int64()),
        ("infinite", pa.int64()),
        ("minimum", pa.string()),  # JSON numbers as text: 64-bit integers would not survive a double
        ("maximum", pa.string()),
        ("mean", pa.float64()),
        ("m2", pa.float64()),
        ("rank_values", pa.list_(pa.float64())),
        ("rank_weights", pa.list_(pa.float64())),
        ("registers", pa.binary(distinct.REGISTERS)),
        ("values", pa.string()),  # JSON [[value, count], ...]; null when there are too many
    ]
)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Statistics of some rows, mergeable with those of other rows of the same dataset."""

    rows: int
    columns: dict[str, ColumnProfile]

    def to_table(self) -> pa.Table:
        """One row a column. An empty profile of known columns keeps them."""
        rows = [_row(column) for column in self.columns.values()]
        return pa.Table.from_pylist(rows, _SCHEMA.with_metadata({"rows": str(self.rows)}))

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        columns = {row["column"]: _column(row) for row in table.to_pylist()}
        return cls(rows=int(table.schema.metadata[b"rows"]), columns=columns)


class ProfileBuilder:
    """Profiles record batches of one schema as they stream by."""

    def __init__(self, schema: pa.Schema, *, ranks: int = DROP_RANKS) -> None:
        self.rows = 0
        self.columns = [ColumnBuilder(field.name, field.type, ranks) for field in schema]

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        for index, column in enumerate(self.columns):
            column.add(batch.column(index))

    def finish(self) -> Profile:
        return Profile(rows=self.rows, columns={c.whole.name: c.finish() for c in self.columns})


def profile_batches(batches: Iterable[pa.RecordBatch], *, ranks: int = DROP_RANKS) -> Profile:
    """The profile of record batches that share a schema; without columns when there are none.

    Batches of some 65,536 rows are fastest; the result does not depend on them beyond the sample's bound.
    """
    builder: ProfileBuilder | None = None
    for batch in batches:
        builder = builder or ProfileBuilder(batch.schema, ranks=ranks)
        builder.add(batch)
    return builder.finish() if builder else Profile(rows=0, columns={})


def merge(profiles: Sequence[Profile], *, ranks: int = DROP_RANKS) -> Profile:
    """All rows of `profiles` as one profile; a column counts the rows of the profiles that have it.

    Raises:
        ValueError: a column is text in one profile and a number in another.
    """
    names = dict.fromkeys(name for profile in profiles for name in profile.columns)
    return Profile(
        rows=sum(profile.rows for profile in profiles),
        columns={
            name: merge_columns([p.columns[name] for p in profiles if name in p.columns], ranks)
            for name in names
        },
    )


def _row(column: ColumnProfile) -> dict[str, Any]:
    return {
        "column": column.name,
        "kind": column.kind,
        "type": column.type,
        "rows": column.rows,
        "nulls": column.nulls,
        "nan": column.nan,
        "infinite": column.infinite,
        "minimum": json.dumps(column.minimum),
        "maximum": json.dumps(column.maximum),
        "mean": column.mean,
        "m2": column.m2,
        "rank_values": column.ranks.values,
        "rank_weights": column.ranks.weights,
        "registers": column.registers.tobytes(),
        "values": None if column.counts is None else json.dumps(list(column.counts.items())),
    }


def _column(row: dict[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        name=row["column"],
        kind=row["kind"],
        type=row["type"],
        rows=row["rows"],
        nulls=row["nulls"],
        nan=row["nan"],
        infinite=row["infinite"],
        minimum=json.loads(row["minimum"]),
        maximum=json.loads(row["maximum"]),
        mean=row["mean"],
        m2=row["m2"],
        ranks=Ranks(np.array(row["rank_values"], np.float64), np.array(row["rank_weights"], np.float64)),
        registers=np.frombuffer(row["registers"], np.uint8),
        counts=None if row["values"] is None else dict(json.loads(row["values"])),
    )
