"""A first contract from a file: what was seen in all of its rows, for a person to edit.

Types come from every row, bounds and counts from one more pass through the readers that a drop goes through:
what the inferred contract says of the file is what the pipeline would find.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.columns.arrow_types import arrow_schema, column_of
from tidegate.contract.columns import is_member_name
from tidegate.contract.draft import Draft, Seen, write
from tidegate.contract.json_types import json_types
from tidegate.contract.local_file import read_file
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.contract.text_types import CSV_CHAINS, JSON_CHAINS, TextType
from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import FileFormat, format_of
from tidegate.profile import ProfileBuilder
from tidegate.profile.distinct import hash_text
from tidegate.readers.batch import Batch

_KEY_TYPES = ("string", "integer", "date", "timestamp")  # floats differ by accident
_OTHER_SEPARATOR = re.compile(r"[;\t|]")
_UNNAMED = "dataset"


def infer(path: Path, *, name: str | None = None) -> str:
    """The text of an ODCS contract that the file keeps.

    Args:
        path: of a format the readers take.
        name: of the dataset; from the file's name when not given.

    Raises:
        DropUnreadableError: the file cannot be parsed; the text says where and why.
    """
    return write(draft_of(path, name=name))


def draft_of(path: Path, *, name: str | None = None) -> Draft:
    """What there is to say of the file, column by column."""
    raw, left_out = _raw_columns(path)
    columns = _typed(path, raw)
    plan = _plan(columns)
    builder = ProfileBuilder(arrow_schema(columns))
    observed = {column.name: _Observed(column=column) for column in columns}
    rows = 0
    for batch in read_file(path, plan):
        builder.add(batch.rows)
        for index, column in enumerate(columns):
            observed[column.name].add(batch.rows.column(index), batch, rows)
        rows += batch.rows.num_rows
    profile = builder.finish()
    return Draft(
        name=name or dataset_name(path),
        source=path.name,
        rows=rows,
        columns=tuple(
            Seen(
                column=column,
                profile=profile.columns[column.name],
                has_repeats=observed[column.name].has_repeats(),
                failed=observed[column.name].failed,
                first_failed=observed[column.name].first_failed,
            )
            for column in columns
        ),
        left_out=left_out,
    )


def dataset_name(path: Path) -> str:
    """The file's name without its endings, in the letters that a table's name may have."""
    words = re.sub(r"[^a-z0-9]+", "_", path.name.lower().split(".")[0]).strip("_")
    return re.sub(r"^[^a-z]+", "", words)[:100] or _UNNAMED


def _plan(columns: list[Column]) -> ContractPlan:
    rules = tuple(Rule(kind="type", columns=(column.name,)) for column in columns)
    return ContractPlan(id="", version="", dataset="", hash="", columns=tuple(columns), rules=rules)


def _raw_columns(path: Path) -> tuple[list[Column], dict[str, str]]:
    """Columns as they lie in the file, and names of those that no contract can have, with the reason."""
    file_format = format_of(path.name)
    if file_format is None or file_format.name == "csv":
        return _csv_columns(path), {}
    types = _declared_types(path, file_format)
    columns, left_out = [], {}
    for name, type_ in types.items():
        column = column_of(name, type_)
        if column is None:
            left_out[name] = f"no type of a contract holds {type_}"
        elif not name or not _are_named(column):
            left_out[name] = "it, or a member of it, has a name that Glue cannot read"
        else:
            columns.append(column)
    return columns, left_out


def _declared_types(path: Path, file_format: FileFormat) -> dict[str, pa.DataType]:
    next(iter(read_file(path, _plan([]))), None)  # refuses what is no such file
    if file_format.name == "jsonl":
        return json_types(path, file_format)
    schema = pq.read_schema(path)
    return {field.name: field.type for field in schema}


def _csv_columns(path: Path) -> list[Column]:
    """All text: of no columns of a contract, every one of the file is an extra one."""
    names = next(iter(read_file(path, _plan([])))).extra
    if len(names) == 1 and (other := _OTHER_SEPARATOR.search(names[0])):
        raise DropUnreadableError(f"fields are separated by {other[0]!r}", hint="separate them by commas")
    return [Column(name=name, type="string") for name in names]


def _are_named(column: Column) -> bool:
    names = [member.name for member in column.members]
    return (
        all(map(is_member_name, names))
        and len(set(names)) == len(names)
        and all(map(_are_named, column.members))
    )


def _typed(path: Path, raw: list[Column]) -> list[Column]:
    """With types for the columns of text, where the format has no better word for them."""
    file_format = format_of(path.name)
    texts = [index for index, column in enumerate(raw) if column.type == "string"]
    if file_format is None or file_format.name == "parquet" or not texts:
        return raw
    chains = CSV_CHAINS if file_format.name == "csv" else JSON_CHAINS
    types = {index: TextType(chains) for index in texts}
    mixed: set[str] = set()
    for batch in read_file(path, _plan(raw)):
        mixed |= set(batch.failed)
        for index, type_ in types.items():
            type_.add(batch.rows.column(index))
    return [
        types[index].column(column.name) if index in types and column.name not in mixed else column
        for index, column in enumerate(raw)
    ]


@dataclass(kw_only=True)
class _Observed:
    """What the profile does not say of a column: whether a value occurs twice, and what could not be read."""

    column: Column
    failed: int = 0
    first_failed: tuple[int, str] | None = None
    is_key: bool = True
    hashes: list[NDArray[np.uint64]] = field(default_factory=list)

    def add(self, values: pa.Array, batch: Batch, rows_before: int) -> None:
        if found := batch.failed.get(self.column.name):
            self.failed += len(found.positions)
            if self.first_failed is None:
                self.first_failed = rows_before + int(found.positions[0]) + 1, found.texts[0]
        if not self.is_key or self.column.type not in _KEY_TYPES or values.null_count:
            self.is_key, self.hashes = False, []
            return
        if not len(values):
            return
        hashes = hash_text(values.cast(pa.string()))
        if _has_repeats(hashes):
            self.is_key, self.hashes = False, []
        else:
            self.hashes.append(hashes)

    def has_repeats(self) -> bool:
        """False only when no two rows share a value: different hashes come from different values."""
        return not self.is_key or (len(self.hashes) > 1 and _has_repeats(np.concatenate(self.hashes)))


def _has_repeats(hashes: NDArray[np.uint64]) -> bool:
    ordered = np.sort(hashes)
    return bool((ordered[1:] == ordered[:-1]).any())
