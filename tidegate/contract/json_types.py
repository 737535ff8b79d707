"""The types of the members of JSON Lines, told by every line of the file."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.json

from tidegate.contract.local_file import MAXIMUM_BYTES
from tidegate.ingestion.formats import FileFormat
from tidegate.readers.unpack import open_text

_PIECE_BYTES = 4 << 20
_INT64 = range(-(2**63), 2**63)


def json_types(path: Path, file_format: FileFormat) -> dict[str, pa.DataType]:
    """The type of each member that any line has; text where lines disagree.

    Raises:
        DropUnreadableError: the archive is damaged. Lines that are no JSON are left for the reader to refuse.
    """
    found: dict[str, pa.DataType] = {}
    with path.open("rb") as file:
        stream = open_text(file, file_format.compression, MAXIMUM_BYTES)
        for piece in _pieces(stream):
            if piece.strip():
                for name, type_ in _of_piece(piece).items():
                    found[name] = united(found.get(name, pa.null()), type_)
    return {name: _without_empty(type_) for name, type_ in found.items()}


def united(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type of JSON that takes the values of both; text when there is none."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(united(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        members = {field.name: field.type for field in one}
        for field in other:
            members[field.name] = united(members.get(field.name, pa.null()), field.type)
        return pa.struct(list(members.items()))
    return pa.string()


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time."""
    rest = b""
    while piece := stream.read(_PIECE_BYTES):
        head, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield rest + head
            rest = tail
        else:
            rest += piece
    yield rest


def _of_piece(piece: bytes) -> dict[str, pa.DataType]:
    try:
        schema = pyarrow.json.read_json(
            pa.BufferReader(piece.removeprefix(b"\xef\xbb\xbf")),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(piece) + 1),
        ).schema
    except (pa.ArrowException, ValueError):
        return _of_lines(piece)
    return {field.name: _without_times(field.type) for field in schema}


def _without_times(type_: pa.DataType) -> pa.DataType:
    """What looked like a time to Arrow is text, as it stands in the file."""
    if pa.types.is_list(type_):
        return pa.list_(_without_times(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, _without_times(field.type)) for field in type_])
    return pa.string() if pa.types.is_temporal(type_) else type_


def _without_empty(type_: pa.DataType) -> pa.DataType:
    """Without members that are empty objects in every line: no contract has such a type."""
    if pa.types.is_list(type_):
        return pa.list_(_without_empty(type_.value_type))
    if not pa.types.is_struct(type_):
        return type_
    members = [(field.name, _without_empty(field.type)) for field in type_]
    return pa.struct([(name, kind) for name, kind in members if kind != pa.struct([])])


def _of_lines(piece: bytes) -> dict[str, pa.DataType]:
    found: dict[str, pa.DataType] = {}
    for line in piece.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            for name, value in record.items():
                found[name] = united(found.get(name, pa.null()), _of_value(value))
    return found


def _of_value(value: Any) -> pa.DataType:
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if value in _INT64 else pa.float64()
    if isinstance(value, float):
        return pa.float64()
    if isinstance(value, list):
        return pa.list_(_all(map(_of_value, value)))
    if isinstance(value, dict):
        return pa.struct([(name, _of_value(member)) for name, member in value.items()])
    return pa.null() if value is None else pa.string()


def _all(types: Iterable[pa.DataType]) -> pa.DataType:
    found = pa.null()
    for type_ in types:
        found = united(found, type_)
    return found
