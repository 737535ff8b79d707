"""Where records of text end: at a newline, unless it stands inside a quoted field."""

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]

_QUOTE = 34
_BEFORE_A_FIELD = (44, 10, 13)  # comma, newline, carriage return


def last_record_end(buffer: bytearray | bytes, stop: int, *, quoted: bool) -> int:
    """Behind the last newline of `buffer[:stop]` that ends a record; 0 when there is none.

    `quoted`: a newline inside a quoted field belongs to the record (CSV). The buffer begins with a record.
    """
    newline = buffer.rfind(b"\n", 0, stop)
    if not quoted or newline < 0 or buffer.find(b'"', 0, newline) < 0:
        return newline + 1
    quotes = field_quotes(buffer, newline)
    while newline >= 0 and (before := int(np.searchsorted(quotes, newline))) % 2:
        newline = buffer.rfind(b"\n", 0, int(quotes[before - 1]))
    return newline + 1


def first_record_end(buffer: bytearray | bytes, *, quoted: bool) -> int:
    """Behind the first newline that ends a record; 0 when there is none."""
    newline = buffer.find(b"\n")
    if not quoted or newline < 0 or buffer.find(b'"', 0, newline) < 0:
        return newline + 1
    quotes = field_quotes(buffer, len(buffer))
    while newline >= 0 and (before := int(np.searchsorted(quotes, newline))) % 2:
        if before == len(quotes):
            return 0
        newline = buffer.find(b"\n", int(quotes[before]))
    return newline + 1


def is_open(buffer: bytearray | bytes, stop: int) -> bool:
    """Whether a quoted field is begun and not ended in `buffer[:stop]`."""
    return buffer.find(b'"', 0, stop) >= 0 and len(field_quotes(buffer, stop)) % 2 == 1


def field_quotes(buffer: bytearray | bytes, stop: int) -> Positions:
    """The quotes of `buffer[:stop]` that begin and end quoted fields, by turns.

    A quote begins a field where a field begins; elsewhere in an unquoted one, as in 5" pipe, it is a mark
    like any other, as it is to pyarrow's parser. Doubled quotes end a field and begin it anew, which comes
    to the same.
    """
    content = np.frombuffer(buffer, np.uint8, stop)
    quotes: Positions = np.flatnonzero(content == _QUOTE)
    opening = quotes[::2]
    before = content[opening - 1]
    # Most files quote whole fields only: then every other quote begins one.
    begins = (before == _BEFORE_A_FIELD[0]) | (before == _BEFORE_A_FIELD[1]) | (before == _BEFORE_A_FIELD[2])
    begins[1:] |= opening[1:] - 1 == quotes[1:-1:2]
    if len(begins):
        begins[0] |= opening[0] == 0
    return quotes if begins.all() else _one_by_one(content, quotes)


def _one_by_one(content: NDArray[np.uint8], quotes: Positions) -> Positions:
    places = quotes.tolist()
    begins = (np.isin(content[quotes - 1], _BEFORE_A_FIELD) | (quotes == 0)).tolist()
    found: list[int] = []
    inside, index = False, 0
    while index < len(places):
        place = places[index]
        if inside and index + 1 < len(places) and places[index + 1] == place + 1:
            index += 1  # a doubled quote is one mark of the value
        elif inside or begins[index]:
            found.append(place)
            inside = not inside
        index += 1
    return np.array(found, np.int64)
