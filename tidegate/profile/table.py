"""The profile of a table: one `ColumnProfile` each, to and from Parquet with one row a column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import pyarrow as pa

from tidegate.profile import storage
from tidegate.profile.build import column_builder
from tidegate.profile.column import ColumnProfile, merge_columns
from tidegate.profile.distinct import Hashes
from tidegate.profile.ranks import DROP_RANKS
from tidegate.profile.texts import TextBuilder

_NO_HASHES: Mapping[int, Hashes] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Statistics of some rows, mergeable with those of other rows of the same dataset."""

    rows: int
    columns: dict[str, ColumnProfile]

    def to_table(self) -> pa.Table:
        """One row a column, `storage.SCHEMA`; the rows of a profile without columns are lost."""
        return storage.to_table(list(self.columns.values()), self.rows)

    @classmethod
    def from_table(cls, table: pa.Table) -> Self:
        """What `to_table` wrote, to the last bit."""
        columns, rows = storage.from_table(table)
        return cls(rows=rows, columns={column.name: column for column in columns})


class ProfileBuilder:
    """Profiles record batches of one schema as they stream by."""

    def __init__(self, schema: pa.Schema, *, ranks: int = DROP_RANKS) -> None:
        self.rows = 0
        self.columns = [column_builder(field.name, field.type, ranks) for field in schema]

    def add(self, batch: pa.RecordBatch, text_hashes: Mapping[int, Hashes] = _NO_HASHES) -> None:
        """Some rows; of texts that have been hashed already (`distinct.hash_text`) the hashes, by column."""
        self.rows += batch.num_rows
        for index, column in enumerate(self.columns):
            if index in text_hashes and isinstance(column, TextBuilder):
                column.add(batch.column(index), text_hashes[index])
            else:
                column.add(batch.column(index))

    def finish(self) -> Profile:
        return Profile(rows=self.rows, columns={c.name: c.finish() for c in self.columns})


def profile_batches(batches: Iterable[pa.RecordBatch], *, ranks: int = DROP_RANKS) -> Profile:
    """The profile of record batches that share a schema; without columns when there are none.

    Batches of some 100,000 rows are fastest; the result does not depend on them beyond the sample's bound.
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
