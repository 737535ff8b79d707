"""As much of Thrift's compact protocol as it takes to look into a Parquet file before a parser trusts it.

A value that ends behind the data is an IndexError or a Malformed.
"""

from collections.abc import Iterator

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, STRUCT = range(1, 13)
_FIXED = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}  # bytes
INTEGERS = (_I16, _I32, _I64)
_LONG = 15  # instead of a list's count: the count follows
_MORE = 128  # set in every byte of a number but its last
_BITS = 64
_DEPTH = 16  # of structs inside each other; Parquet's own go four deep


class Malformed(ValueError):  # noqa: N818  # says what the bytes are
    """The bytes are no Thrift."""


class Compact:
    """Reads `data` from `position` on."""

    def __init__(self, data: bytes | memoryview, position: int = 0) -> None:
        self.data = data
        self.position = position

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a struct; the caller takes or skips its value before the next."""
        number = 0
        while head := self.data[self.position]:
            self.position += 1
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 15
        self.position += 1

    def items(self) -> tuple[int, int]:
        """How many items a list has, and their type."""
        count, type_, self.position = _list_head(self.data, self.position)
        return count, type_

    def integer(self) -> int:
        value, self.position = _varint(self.data, self.position)
        return (value >> 1) ^ -(value & 1)

    def binary(self) -> bytes:
        length, start = _varint(self.data, self.position)
        self.position = start + length
        if self.position > len(self.data):
            raise Malformed("it ends too early")
        return bytes(self.data[start : self.position])

    def skip(self, type_: int) -> None:
        """Step over a value."""
        self.position = _behind(self.data, self.position, type_, 0)

    def struct(self, wanted: int) -> int | None:
        """The integer that field `wanted` of the struct here is; the rest of it is stepped over."""
        found = None
        for number, type_ in self.fields():
            if number == wanted and type_ in INTEGERS:
                found = self.integer()
            else:
                self.skip(type_)
        return found


def behind_struct(data: bytes | memoryview, at: int) -> int:
    """The position behind the struct that begins at `at`."""
    return _behind(data, at, STRUCT, 0)


def _behind(data: bytes | memoryview, at: int, type_: int, depth: int) -> int:
    """The position behind the value of `type_` that begins at `at`."""
    if type_ in INTEGERS:
        while data[at] >= _MORE:
            at += 1
        return at + 1
    if type_ == _BINARY:
        length, at = _varint(data, at)
        at += length
    elif type_ in _FIXED:
        at += _FIXED[type_]
    elif depth > _DEPTH:
        raise Malformed("structs are nested too deep")
    elif type_ == STRUCT:
        while head := data[at]:
            at = at + 1 if head >> 4 else _varint(data, at + 1)[1]
            at = _behind(data, at, head & 15, depth + 1)
        at += 1
    else:
        at = _behind_items(data, at, type_, depth)
    if at > len(data):
        raise Malformed("it ends too early")
    return at


def _behind_items(data: bytes | memoryview, at: int, type_: int, depth: int) -> int:
    """The position behind a list, a set or a map."""
    if type_ in (_LIST, _SET):
        count, item, at = _list_head(data, at)
        types: tuple[int, ...] = (item,)
    elif type_ == _MAP:
        count, at = _varint(data, at)
        types = (data[at] >> 4, data[at] & 15) if count else ()
        at += 1 if count else 0
    else:
        raise Malformed(f"type {type_} is unknown")
    if count > len(data):
        raise Malformed(f"a list of {count} items does not fit")
    for _ in range(count):
        for item in types:
            # Inside a list a truth value takes a byte; alone, its type is the value.
            at = _behind(data, at, _BYTE if item in (_TRUE, _FALSE) else item, depth + 1)
    return at


def _list_head(data: bytes | memoryview, at: int) -> tuple[int, int, int]:
    head = data[at]
    if head >> 4 != _LONG:
        return head >> 4, head & 15, at + 1
    count, at = _varint(data, at + 1)
    return count, head & 15, at


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < _MORE:
        return byte, at + 1
    value = shift = 0
    while True:
        value |= (byte & ~_MORE) << shift
        at += 1
        if byte < _MORE:
            return value, at
        shift += 7
        if shift >= _BITS:
            raise Malformed("a number has more than 64 bits")
        byte = data[at]
