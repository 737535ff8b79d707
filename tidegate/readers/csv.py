"""Comma-separated text with a header row, as RFC 4180 has it: UTF-8, double quotes, any kind of line end."""

import io
import re
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from tidegate.columns.arrow_types import arrow_type
from tidegate.contract.plan import ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import Batch, Typed, columns_by_name
from tidegate.readers.csv_forms import Forms
from tidegate.readers.csv_header import read_header
from tidegate.readers.text import Piece, batch_bytes, check_text, pieces

_LARGEST_PIECE = 12 << 20
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
    header, body = read_header(stream, plan)
    columns = columns_by_name(plan)
    extra = tuple(name for name in header if name not in columns)
    forms = Forms(header, columns)
    first = max(start, body)
    if start > body:
        file.seek(start)
        source: BinaryIO = file
    else:
        source = stream
    offset, rows = first, 0
    length = None if stop is None else max(0, stop - first)

    def piece_bytes() -> int:
        return batch_bytes(offset - first, rows, _LARGEST_PIECE)

    for piece in pieces(source, length, quoted=True, piece_bytes=piece_bytes):
        try:
            typed, found = _parse(piece, header, forms, offset)
        except _RaggedRow as cause:
            raise cause.told(rows, start) from cause
        offset += piece.stop
        rows += found
        if found:
            yield from Batch.of(plan, typed, found, extra).cut()
    if not rows:
        empty = {column.name: Typed(values=pa.nulls(0, arrow_type(column))) for column in forms.columns}
        yield Batch.of(plan, empty, 0, extra)


def _parse(piece: Piece, header: tuple[str, ...], forms: Forms, offset: int) -> tuple[dict[str, Typed], int]:
    """The known columns of a piece and its number of rows."""
    if piece.is_blank:
        return {}, 0
    if piece.has(b"\0"):
        check_text(bytes(piece), offset)
    for attempt in count():
        try:
            table = _read(piece, header, forms.types)
            typed = {column.name: forms.typed(column, _chunk(table, column.name)) for column in forms.columns}
        except pa.ArrowInvalid as cause:
            if ragged := _RAGGED.search(str(cause)):
                raise _RaggedRow(ragged) from cause
            if not forms.give_way(cause, attempt):
                check_text(bytes(piece), offset)
                raise DropUnreadableError("the file is not CSV", cause=str(cause)[:300]) from cause
        else:
            return typed, table.num_rows
    raise AssertionError("unreachable")


def _read(piece: Piece, header: tuple[str, ...], types: dict[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(piece.view)),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(header),
            use_threads=False,
            block_size=piece.stop + 1,  # one chunk a column, so that no newline is taken for its end
        ),
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
