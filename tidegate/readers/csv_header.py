"""The first line of a CSV file: names of columns, or why it cannot be one."""

import csv
import io
import re

from tidegate.contract.plan import ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.records import first_record_end
from tidegate.readers.text import check_text
from tidegate.readers.unpack import PEEK_BYTES

_BOM = b"\xef\xbb\xbf"
_MAXIMUM_COLUMNS = 10_000


def read_header(stream: io.BufferedReader, plan: ContractPlan) -> tuple[tuple[str, ...], int]:
    """Column names, and how many bytes they take; `stream` then stands behind them.

    Raises:
        DropUnreadableError: the line is no list of distinct names separated by commas.
    """
    head = stream.peek(PEEK_BYTES)
    end = first_record_end(head, quoted=True) or len(head)
    if b"\r" in head[:end].rstrip(b"\r\n"):
        raise DropUnreadableError("lines end in a carriage return alone", hint="end them in a newline")
    if end >= PEEK_BYTES:
        raise DropUnreadableError("the header is longer than 1 MiB", hint="check that lines end in a newline")
    line = stream.read(end)
    check_text(line, 0)
    text = line.removeprefix(_BOM).decode("utf-8")
    names = _names(text)
    if len(names) == 1 and len(plan.columns) > 1 and (other := re.search(r"[;\t|]", text)):
        raise DropUnreadableError(f"fields are separated by {other[0]!r}", hint="separate them by commas")
    if "" in names:
        raise DropUnreadableError(
            f"column {names.index('') + 1} has no name in the header",
            hint="pandas writes such a column for its index: use to_csv(index=False)"
            if not names[0]
            else "the header ends in a comma, or a name was left out",
        )
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise DropUnreadableError(f"the header names {', '.join(f'`{n}`' for n in repeated)} more than once")
    return names, end


def _names(text: str) -> tuple[str, ...]:
    try:
        fields = next(csv.reader(io.StringIO(text, newline="")), [])
    except csv.Error as cause:  # a name above 128 KiB
        raise DropUnreadableError("the header is not CSV", cause=str(cause)) from cause
    names = tuple(name.strip() for name in fields)
    if not any(names):
        raise DropUnreadableError("the file has no header", hint="the first line must name the columns")
    if len(names) > _MAXIMUM_COLUMNS:
        raise DropUnreadableError(
            f"the header names {len(names)} columns; at most {_MAXIMUM_COLUMNS} are read"
        )
    return names
