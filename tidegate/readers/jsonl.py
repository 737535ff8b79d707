"""One JSON object a line."""

import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import Column, ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import Batch, Failed, Typed, columns_by_name, failed
from tidegate.readers.convert import from_arrow, from_text
from tidegate.readers.text import check_text, pieces

_BOM = b"\xef\xbb\xbf"
_SAMPLED_LINES = 100  # of a piece, for the names of its members
_TEXTUAL = ("date", "time", "timestamp")  # JSON has no such values: ISO 8601 text
_INT64 = range(-(2**63), 2**63)


def read(
    stream: io.BufferedReader, file: BinaryIO, start: int, stop: int | None, plan: ContractPlan
) -> Iterator[Batch]:
    """Batches of the lines in [start, stop) of `file`; `stream` is `file`, unpacked, at its beginning.

    A member that a line lacks is null. A column counts as present when the first lines of a piece name it or
    any line has a value of it.
    """
    columns = columns_by_name(plan)
    source: BinaryIO = stream
    if start:
        file.seek(start)
        source = file
    offset, rows = start, 0
    for whole in pieces(source, None if stop is None else stop - start, quoted=False):
        piece = whole.removeprefix(_BOM) if offset == 0 else whole
        if piece.strip():
            typed, count, names = _parse(piece, columns, offset, rows)
            rows += count
            yield Batch.of(plan, typed, count, tuple(name for name in names if name not in columns))
        offset += len(whole)
    if not rows:
        yield Batch.of(plan, {}, 0, ())


def _parse(
    piece: bytes, columns: dict[str, Column], offset: int, rows: int
) -> tuple[dict[str, Typed], int, tuple[str, ...]]:
    try:
        names = tuple(
            dict.fromkeys(n for line in islice(_lines(piece), _SAMPLED_LINES) for n in json.loads(line))
        )
        schema = pa.schema([(name, _json_type(column)) for name, column in columns.items()])
        table = pyarrow.json.read_json(
            pa.BufferReader(piece),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(piece) + 1),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )
    except (pa.ArrowException, ValueError, TypeError, RecursionError):
        # Of mixed types, or not JSON at all: line by line finds which value or line it is.
        return _parse_slowly(piece, columns, offset, rows)
    arrays = {name: table.column(name).combine_chunks() for name in columns}
    typed = {
        name: _typed_text(columns[name], array)
        for name, array in arrays.items()
        if name in names or array.null_count < len(array)
    }
    return typed, table.num_rows, names


def _parse_slowly(
    piece: bytes, columns: dict[str, Column], offset: int, rows: int
) -> tuple[dict[str, Typed], int, tuple[str, ...]]:
    check_text(piece, offset)
    records: list[dict[str, Any]] = []
    for line in _lines(piece):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as cause:
            raise DropUnreadableError(
                f"line {rows + len(records) + 1} is not JSON", cause=f"{cause}: {line[:80]!r}"
            ) from cause
        if not isinstance(record, dict):
            raise DropUnreadableError(
                f"line {rows + len(records) + 1} is not a JSON object",
                cause=f"it begins {line[:40].decode()!r}",
                hint="write one object a line, without an array around them",
            )
        records.append(record)
    names = tuple(dict.fromkeys(name for record in records for name in record))
    typed = {
        name: _from_python(columns[name], [record.get(name) for record in records])
        for name in names
        if name in columns
    }
    return typed, len(records), names


def _lines(piece: bytes) -> Iterator[bytes]:
    return (line for line in piece.splitlines() if line.strip())


def _json_type(column: Column) -> pa.DataType:
    if column.type in _TEXTUAL:
        return pa.string()
    if column.type == "number":
        return pa.float64()
    return pa.int64() if column.type == "integer" else arrow_type(column)


def _typed_text(column: Column, array: pa.Array) -> Typed:
    return from_text(column, array) if column.type in _TEXTUAL else from_arrow(column, array)


def _from_python(column: Column, values: list[Any]) -> Typed:
    """Values as json.loads gives them, each checked alone."""
    fits = [value is None or _is_of(column, value) for value in values]
    positions = np.array([index for index, good in enumerate(fits) if not good], np.int64)
    kept = [value if good else None for value, good in zip(values, fits, strict=True)]
    if column.type == "number":
        kept = [None if value is None else float(value) for value in kept]
    elif column.type == "integer":
        kept = [None if value is None else int(value) for value in kept]
    typed = _typed_text(column, pa.array(kept, _json_type(column)))
    return Typed(
        values=typed.values,
        failed=_joined(failed(positions, [str(values[i]) for i in positions]), typed.failed),
    )


def _is_of(column: Column, value: Any) -> bool:
    if column.type == "boolean":
        return isinstance(value, bool)
    if column.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if column.type == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool) and int(value) in _INT64
    return isinstance(value, str)


def _joined(one: Failed | None, other: Failed | None) -> Failed | None:
    if one is None or other is None:
        return one or other
    positions = np.concatenate([one.positions, other.positions])
    order = np.argsort(positions)
    texts = (*one.texts, *other.texts)
    return Failed(positions=positions[order], texts=tuple(texts[index] for index in order))
