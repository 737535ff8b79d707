"""Comma-separated text with a header row, as RFC 4180 has it: UTF-8, double quotes, any kind of line end."""

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import Batch, Typed, columns_by_name
from tidegate.readers.convert import from_text
from tidegate.readers.text import check_text, first_record_end, pieces
from tidegate.readers.unpack import PEEK_BYTES

_BOM = b"\xef\xbb\xbf"
_MAXIMUM_COLUMNS = 10_000
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


class _RaggedRow(Exception):  # noqa: N818  # becomes a DropUnreadableError once the row's number is known
    def __init__(self, found: re.Match[str]) -> None:
        self.row, self.expected, self.fields = (int(number) for number in found.groups())
        super().__init__(found.string)

    def told(self, rows_before: int, start: int) -> DropUnreadableError:
        row = f"data row {rows_before + self.row}" + (f" after byte {start}" if start else "")
        return DropUnreadableError(
            f"{row} has {self.fields} fields, the header has {self.expected}",
            cause=str(self)[:300],
            hint="quote fields that hold a comma or a newline",
        )


def read(
    stream: io.BufferedReader, file: BinaryIO, start: int, stop: int | None, plan: ContractPlan
) -> Iterator[Batch]:
    """Batches of the records in [start, stop) of `file`; `stream` is `file`, unpacked, at its beginning.

    `stop` is None for all there is. The header is read whatever the range; a drop that is nothing but a
    header gives one batch without rows.
    """
    header, body = _header(stream, plan)
    columns = columns_by_name(plan)
    extra = tuple(name for name in header if name not in columns)
    known = tuple(name for name in header if name in columns)
    first = max(start, body)
    if start > body:
        file.seek(start)
        source: BinaryIO = file
    else:
        source = stream
    offset, rows = first, 0
    for piece in pieces(source, None if stop is None else max(0, stop - first), quoted=True):
        try:
            typed, count = _parse(piece, header, plan, offset)
        except _RaggedRow as cause:
            raise cause.told(rows, start) from cause
        offset += len(piece)
        rows += count
        if count:
            yield Batch.of(plan, typed, count, extra)
    if not rows:
        empty = {name: Typed(values=pa.nulls(0, arrow_type(columns[name]))) for name in known}
        yield Batch.of(plan, empty, 0, extra)


def _header(stream: io.BufferedReader, plan: ContractPlan) -> tuple[tuple[str, ...], int]:
    """Column names, and how many bytes they take; `stream` then stands behind them."""
    head = stream.peek(PEEK_BYTES)
    end = first_record_end(head, quoted=True) or len(head)
    if b"\r" in head[:end].rstrip(b"\r\n"):
        raise DropUnreadableError("lines end in a carriage return alone", hint="end them in a newline")
    if end >= PEEK_BYTES:
        raise DropUnreadableError("the header is longer than 1 MiB", hint="check that lines end in a newline")
    line = stream.read(end)
    check_text(line, 0)
    text = line.removeprefix(_BOM).decode("utf-8")
    names = tuple(name.strip() for name in next(csv.reader(io.StringIO(text, newline="")), []))
    if not any(names):
        raise DropUnreadableError("the file has no header", hint="the first line must name the columns")
    if len(names) > _MAXIMUM_COLUMNS:
        raise DropUnreadableError(
            f"the header names {len(names)} columns; at most {_MAXIMUM_COLUMNS} are read"
        )
    if len(names) == 1 and len(plan.columns) > 1 and (other := re.search(r"[;\t|]", text)):
        raise DropUnreadableError(f"fields are separated by {other[0]!r}", hint="separate them by commas")
    if "" in names:
        raise DropUnreadableError(
            f"column {names.index('') + 1} has no name in the header",
            hint="pandas writes such a column for its index: use to_csv(index=False)",
        )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DropUnreadableError(f"the header names {', '.join(f'`{n}`' for n in repeated)} more than once")
    return names, end


def _parse(
    piece: bytes, header: tuple[str, ...], plan: ContractPlan, offset: int
) -> tuple[dict[str, Typed], int]:
    """The known columns of a piece and its number of rows; typed at once, or by text where that fails."""
    if not piece.strip():
        return {}, 0
    columns = columns_by_name(plan)
    known = [name for name in header if name in columns]
    if b"\0" in piece:
        check_text(piece, offset)
    types = {name: arrow_type(columns[name]) for name in known}
    try:
        table = _read(piece, header, types)
        return {name: Typed(values=_chunk(table, name)) for name in known}, table.num_rows
    except pa.ArrowInvalid as cause:
        if ragged := _RAGGED.search(str(cause)):
            raise _RaggedRow(ragged) from cause
    try:
        table = _read(piece, header, dict.fromkeys(types, pa.string()))
    except pa.ArrowInvalid as cause:
        check_text(piece, offset)
        raise DropUnreadableError("the file is not CSV", cause=str(cause)) from cause
    return {name: from_text(columns[name], _chunk(table, name)) for name in known}, table.num_rows


def _read(piece: bytes, header: tuple[str, ...], types: dict[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(piece),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(header),
            use_threads=False,
            block_size=len(piece) + 1,  # one chunk a column
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=b'"' in piece),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            include_columns=list(types) or [header[0]],
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _chunk(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
