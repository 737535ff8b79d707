"""One JSON object a line."""

import io
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.json

from tidegate.contract.plan import Column, ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers import json_lines
from tidegate.readers.batch import Batch, Typed, columns_by_name
from tidegate.readers.json_values import (
    from_json_arrow,
    from_json_values,
    is_parsed_natively,
    json_type,
    loads,
    readable,
)
from tidegate.readers.text import batch_bytes, check_text, pieces

_LARGEST_PIECE = 6 << 20
_BOM = b"\xef\xbb\xbf"


def read(
    stream: io.BufferedReader, file: BinaryIO, start: int, stop: int | None, plan: ContractPlan
) -> Iterator[Batch]:
    """Batches of the lines in [start, stop) of `file`; `stream` is `file`, unpacked, at its beginning.

    A member that a line lacks is null. A column counts as present when any line names it. Members that the
    contract lacks are looked for in the lines that `json_lines.sampled` takes.
    """
    columns = columns_by_name(plan)
    source: BinaryIO = stream
    if start:
        file.seek(start)
        source = file
    offset, rows = start, 0
    length = None if stop is None else stop - start

    def piece_bytes() -> int:
        return batch_bytes(offset - start, rows, _LARGEST_PIECE)

    for piece in pieces(source, length, quoted=False, piece_bytes=piece_bytes):
        mark = len(_BOM) if offset == 0 and bytes(piece.view[:3]) == _BOM else 0
        body = bytes(piece.view[mark:])
        if body.strip():
            check_text(body, offset + mark)
            typed, count, names = _parse(body, columns, offset + mark, rows)
            rows += count
            extra = tuple(name for name in names if name not in columns)
            yield from Batch.of(plan, typed, count, extra).cut()
        offset += piece.stop
    if not rows:
        yield Batch.of(plan, {}, 0, ())


def _parse(
    body: bytes, columns: dict[str, Column], offset: int, rows: int
) -> tuple[dict[str, Typed], int, tuple[str, ...]]:
    """Columns, number of rows, and the names that were seen."""
    lines = json_lines.Lines(body)
    lines.refuse_depth(rows)
    lines.refuse_members(offset, rows)
    if lines.are_objects:
        try:
            return _parse_fast(lines, columns, offset)
        except (pa.ArrowException, ValueError):
            pass  # of mixed types, or not JSON at all: line by line finds which value or line it is
    return _parse_slowly(lines, columns, offset, rows)


def _parse_fast(
    lines: json_lines.Lines, columns: dict[str, Column], offset: int
) -> tuple[dict[str, Typed], int, tuple[str, ...]]:
    names = _names(loads(line) for line in lines.sampled(offset))
    native = {name: column for name, column in columns.items() if is_parsed_natively(column)}
    table = pyarrow.json.read_json(
        pa.BufferReader(lines.body),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines.body) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pa.schema([(name, json_type(column)) for name, column in native.items()]),
            unexpected_field_behavior="ignore",
        ),
    )
    if table.num_rows != len(lines):
        raise ValueError("a line holds more than one object")
    arrays = {name: table.column(name).combine_chunks() for name in native}
    typed = {
        name: from_json_arrow(native[name], array)
        for name, array in arrays.items()
        if array.null_count < len(array) or name in names or lines.name(name)
    }
    others = [name for name in columns if name not in native and (name in names or lines.name(name))]
    if others:
        records = [loads(line) for line in lines]
        typed |= {name: from_json_values(columns[name], [r.get(name) for r in records]) for name in others}
    return typed, table.num_rows, names


def _parse_slowly(
    lines: json_lines.Lines, columns: dict[str, Column], offset: int, rows: int
) -> tuple[dict[str, Typed], int, tuple[str, ...]]:
    records = [_record(line, rows + index) for index, line in enumerate(lines, 1)]
    present = set(chain.from_iterable(records))
    typed = {
        name: from_json_values(column, [record.get(name) for record in records])
        for name, column in columns.items()
        if name in present
    }
    return typed, len(records), _names(loads(line) for line in lines.sampled(offset))


def _record(line: bytes, number: int) -> dict[str, Any]:
    shown = line[:80].decode("utf-8", "replace")
    try:
        record = loads(line)
    except ValueError as cause:
        raise DropUnreadableError(f"line {number} is not JSON", cause=f"{cause}: {shown!r}") from cause
    if not isinstance(record, dict):
        raise DropUnreadableError(
            f"line {number} is not a JSON object",
            cause=f"it begins {shown[:40]!r}",
            hint="write one object a line, without an array around them",
        )
    return record


def _names(records: Iterator[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(readable(name) for record in records for name in record))
