"""As much of Thrift's compact protocol as it takes to look into a Parquet file before a parser trusts it."""

from collections.abc import Iterator
from typing import Any

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
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
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 15

    def items(self) -> tuple[int, int]:
        """How many items a list has, and their type."""
        head = self._byte()
        count = head >> 4
        return (self._varint() if count == _LONG else count), head & 15

    def integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, type_: int, depth: int = 0) -> None:
        """Step over a value."""
        if depth > _DEPTH:
            raise Malformed("structs are nested too deep")
        if type_ in (_TRUE, _FALSE):
            return
        if type_ in (_I16, _I32, _I64):
            self._varint()
        elif type_ == _BINARY:
            self._advance(self._varint())
        elif type_ in (_BYTE, _DOUBLE):
            self._advance(1 if type_ == _BYTE else 8)
        elif type_ in (_LIST, _SET):
            count, item = self.items()
            self._skip_items(count, (item,), depth)
        elif type_ == _MAP:
            count = self._varint()
            pair = self._byte() if count else 0
            self._skip_items(count, (pair >> 4, pair & 15), depth)
        elif type_ == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise Malformed(f"type {type_} is unknown")

    def _skip_items(self, count: int, types: tuple[int, ...], depth: int) -> None:
        if count > len(self.data):
            raise Malformed(f"a list of {count} items does not fit")
        for _ in range(count):
            for type_ in types:
                if type_ in (_TRUE, _FALSE):
                    self._advance(1)  # inside a list a truth value takes a byte
                else:
                    self.skip(type_, depth + 1)

    def _advance(self, length: int) -> None:
        self.position += length
        if self.position > len(self.data):
            raise Malformed("it ends too early")

    def _byte(self) -> int:
        self._advance(1)
        return self.data[self.position - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & ~_MORE) << shift
            if byte < _MORE:
                return value
            shift += 7
            if shift >= _BITS:
                raise Malformed("a number has more than 64 bits")


def struct_of(reader: Compact, wanted: dict[int, str]) -> dict[str, Any]:
    """The integers among `wanted` of the struct that begins here; everything else is stepped over."""
    found: dict[str, Any] = {}
    for number, type_ in reader.fields():
        if number in wanted and type_ in (_I16, _I32, _I64):
            found[wanted[number]] = reader.integer()
        else:
            reader.skip(type_)
    return found
