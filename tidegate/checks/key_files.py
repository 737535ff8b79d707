"""Hashes of the keys of one shard, on disk, in partitions to be compared with those of other shards.

A partition holds the hashes that begin with the same bits, so equal keys of all shards lie in the same one
and partitions can be read one after the other. Nothing here grows with the number of rows: hashes are spilled
every 65,536 rows to a temporary file of 16 bytes a row, and the file left behind has 12 bytes a row.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.checks.counts import FIRST_ROWS
from tidegate.checks.keys import hashes_of, is_plain_text
from tidegate.columns.arrow_values import array_of
from tidegate.contract.plan import ContractPlan
from tidegate.profile.distinct import Hashes

PARTITIONS = 32
RUN_ROWS = 1 << 16
_SHIFT = np.uint64(64 - (PARTITIONS - 1).bit_length())  # leaves the bits that tell the partition
_MEMORY_BYTES = 1 << 20  # of a spill that needs no disk yet
_CROWDED = 2 * RUN_ROWS // PARTITIONS  # entries of one partition in a run; only repeated keys fill it so
_KEPT = FIRST_ROWS + 1  # rows of each key in a crowded partition: the first, and those to be shown

ENTRY = np.dtype([("hash", "<u8"), ("row", "<u4"), ("more", "<u4")])  # `more`: rows left out after this one
Entries = NDArray[Any]  # of ENTRY; rows are 1-based in the shard

_SCHEMA = pa.schema(
    [
        pa.field("hash", pa.uint64(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("more", pa.uint32()),
    ]
)


class KeySpill:
    """Takes the rows of one shard in order and keeps the hashes of their keys."""

    def __init__(self, plan: ContractPlan) -> None:
        self.rules = tuple(index for index, rule in enumerate(plan.rules) if rule.kind == "unique")
        self.rows = 0
        self._columns = [[plan.names.index(name) for name in plan.rules[rule].columns] for rule in self.rules]
        self._runs = [_Runs() for _ in self.rules]
        # Of the rows added last, by column: a profile that counts different texts needs them as well.
        self.text_hashes: dict[int, Hashes] = {}

    def add(self, rows: pa.RecordBatch) -> None:
        self.text_hashes = {}
        for columns, runs in zip(self._columns, self._runs, strict=True):
            hashes, positions = hashes_of([rows.column(index) for index in columns])
            if len(columns) == 1 and len(hashes) == len(rows) and is_plain_text(rows.column(columns[0])):
                self.text_hashes[columns[0]] = hashes
            runs.add(hashes, (positions + (self.rows + 1)).astype(np.uint32))
        self.rows += rows.num_rows

    def write(self, where: BinaryIO | Path) -> None:
        """Leave the keys as one Parquet file, a row group for each rule and partition, and end the spill."""
        schema = _SCHEMA.with_metadata({"rules": ",".join(map(str, self.rules))})
        with pq.ParquetWriter(
            where, schema, compression="none", use_dictionary=False, write_statistics=False
        ) as writer:
            for runs in self._runs:
                for partition in range(PARTITIONS):
                    entries = runs.partition(partition)
                    columns = [array_of(entries[name]) for name in ("hash", "row")]
                    # Nearly always zero: nulls cost no bytes.
                    columns.append(array_of(entries["more"], entries["more"] == 0))
                    writer.write_table(pa.table(columns, schema), row_group_size=max(1, len(entries)))
                runs.close()


class KeyFile:
    """What `KeySpill.write` has left of one shard."""

    def __init__(self, file: BinaryIO | Path) -> None:
        self._parquet = pq.ParquetFile(file)
        rules = self._parquet.schema_arrow.metadata[b"rules"].decode()
        self._rules = [int(rule) for rule in rules.split(",") if rule]

    def sizes(self, rule: int) -> NDArray[np.int64]:
        """Entries in each partition."""
        metadata = self._parquet.metadata
        return np.array([metadata.row_group(group).num_rows for group in self._groups(rule, 0, PARTITIONS)])

    def hashes(self, rule: int, start: int, stop: int) -> Hashes:
        """Of the partitions from `start` to before `stop`."""
        hashes: Hashes = self._read(rule, start, stop, ["hash"]).column("hash").to_numpy()
        return hashes

    def rows(self, rule: int, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row in the shard, and how many rows were left out after it, for each hash."""
        table = self._read(rule, start, stop, ["row", "more"])
        row, more = (pc.fill_null(table.column(name), 0).to_numpy() for name in ("row", "more"))
        return row.astype(np.int64), more.astype(np.int64)

    def _groups(self, rule: int, start: int, stop: int) -> range:
        first = self._rules.index(rule) * PARTITIONS
        return range(first + start, first + stop)

    def _read(self, rule: int, start: int, stop: int, columns: Sequence[str]) -> pa.Table:
        groups = list(self._groups(rule, start, stop))
        return self._parquet.read_row_groups(groups, columns=list(columns), use_threads=False)


@dataclass(kw_only=True)
class _Runs:
    """Entries of one rule: the newest in memory, older ones on disk in runs that are ordered by partition."""

    hashes: list[Hashes] = field(default_factory=list)
    rows: list[NDArray[np.uint32]] = field(default_factory=list)
    waiting: int = 0
    bounds: list[NDArray[np.int64]] = field(default_factory=list)  # of the partitions of each run, in entries
    spill: IO[bytes] = field(
        default_factory=lambda: tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115  # see `close`
    )

    def add(self, hashes: Hashes, rows: NDArray[np.uint32]) -> None:
        for start in range(0, len(hashes), RUN_ROWS):
            self.hashes.append(hashes[start : start + RUN_ROWS])
            self.rows.append(rows[start : start + RUN_ROWS])
            self.waiting += len(self.hashes[-1])
            if self.waiting >= RUN_ROWS:
                self._cut()

    def partition(self, number: int) -> Entries:
        if self.waiting:
            self._cut()
        pieces = [np.zeros(0, ENTRY)]
        for bounds in self.bounds:
            self.spill.seek(int(bounds[number]) * ENTRY.itemsize)
            length = int(bounds[number + 1] - bounds[number])
            pieces.append(np.frombuffer(self.spill.read(length * ENTRY.itemsize), ENTRY))
        return np.concatenate(pieces)

    def close(self) -> None:
        self.spill.close()

    def _cut(self) -> None:
        """End the run."""
        hashes, rows = np.concatenate(self.hashes), np.concatenate(self.rows)
        self.hashes, self.rows, self.waiting = [], [], 0
        partitions = (hashes >> _SHIFT).astype(np.uint8)
        order = np.argsort(partitions, kind="stable")
        entries = np.empty(len(order), ENTRY)
        entries["hash"], entries["row"], entries["more"] = hashes[order], rows[order], 0
        sizes = np.diff(np.searchsorted(partitions[order], np.arange(PARTITIONS + 1)))
        if sizes.max() > _CROWDED:
            pieces = np.split(entries, np.cumsum(sizes)[:-1])
            pieces = [thinned(piece) if len(piece) > _CROWDED else piece for piece in pieces]
            entries, sizes = np.concatenate(pieces), np.array([len(piece) for piece in pieces])
        start = self.spill.seek(0, 2) // ENTRY.itemsize
        self.spill.write(entries.view(np.uint8).data)
        self.bounds.append(start + np.concatenate([[0], np.cumsum(sizes)]))


def thinned(entries: Entries) -> Entries:
    """The first rows of each hash, the last of which says how many more there were."""
    entries = entries[np.argsort(entries["hash"], kind="stable")]  # rows stay ascending
    starts = np.flatnonzero(np.concatenate([[True], entries["hash"][1:] != entries["hash"][:-1]]))
    counts = np.diff(np.append(starts, len(entries)))
    place = np.arange(len(entries)) - np.repeat(starts, counts)
    entries["more"][(starts + _KEPT - 1)[counts > _KEPT]] = (counts - _KEPT)[counts > _KEPT]
    return entries[place < _KEPT]
