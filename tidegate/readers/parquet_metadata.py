"""What the footer of a Parquet file says, taken from its bytes.

pyarrow's own view of a footer ends the process where the footer contradicts itself: its accessors let C++
exceptions through. And a schema nested some thousand deep ends it even in pyarrow's reader. So what the
reader decides by is read here; pyarrow is handed the file once it has proved sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern

from tidegate.readers.thrift import INTEGERS, STRUCT, Compact, Malformed, behind_struct

_MAXIMUM_COLUMNS = 10_000
_MAXIMUM_DEPTH = 64
_BINARY, _LIST = 8, 9
_REPEATED = 2
_SNAPPY = 1

# Numbers of fields in parquet.thrift
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4  # of the file
_REPETITION, _NAME, _CHILDREN = 3, 4, 5  # of a column in the schema
_CHUNKS, _GROUP_ROWS = 1, 3  # of a row group
_CHUNK_META = 3
_PATH, _CODEC, _VALUES, _UNPACKED, _STORED, _DATA_PAGE, _DICTIONARY_PAGE, _STATISTICS = (
    3, 4, 5, 6, 7, 9, 11, 12,
)  # fmt: skip
_NULLS = 3  # of statistics


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """A column that holds values, and the one of the table that it belongs to."""

    column: str
    position: int  # of that column in the table
    is_repeated: bool  # a row may have none of it or many


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A leaf's pages in one row group."""

    column: str
    is_nested: bool  # the column is more than this leaf
    can_expand: bool  # its codec may unpack to more than some twenty times its size
    values: int
    nulls: int
    unpacked: int
    stored: int
    start: int
    has_dictionary: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RowGroup:
    rows: int
    chunks: tuple[Chunk, ...]

    @property
    def stored(self) -> int:
        return sum(chunk.stored for chunk in self.chunks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """Of the row groups, those that were asked for."""

    rows: int
    leaves: tuple[Leaf, ...]
    groups: tuple[RowGroup, ...]
    group_count: int

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the table, in order."""
        return tuple({leaf.position: leaf.column for leaf in self.leaves}.values())


def parse(footer: bytes, start: int = 0, stop: int | None = None) -> Metadata:
    """The metadata with its row groups in [start, stop).

    Raises:
        ValueError, IndexError: it is no footer.
    """
    reader = Compact(footer)
    rows = count = 0
    leaves: tuple[Leaf, ...] = ()
    groups: list[RowGroup] = []
    for number, type_ in reader.fields():
        if number == _SCHEMA and type_ == _LIST:
            leaves = tuple(_leaves(reader))
        elif number == _ROWS and type_ in INTEGERS:
            rows = reader.integer()
        elif number == _GROUPS and type_ == _LIST:
            count, _ = reader.items()
            for index in range(count):
                if start <= index and (stop is None or index < stop):
                    groups.append(_group(reader))
                else:
                    reader.position = behind_struct(footer, reader.position)
        else:
            reader.skip(type_)
    if not leaves:
        raise Malformed("the footer names no columns")
    return Metadata(rows=rows, leaves=leaves, groups=tuple(groups), group_count=count)


def _leaves(reader: Compact) -> Iterator[Leaf]:
    """The leaves of the tree of columns: preorder, each with its number of children, the root first."""
    count, _ = reader.items()
    if count > _MAXIMUM_COLUMNS * 3:
        raise Malformed(f"it has {count} columns and groups of them; {_MAXIMUM_COLUMNS} are read")
    left: list[int] = []  # children still to come, of each group that is open
    repeated: list[bool] = []
    column, position = "", -1
    for _ in range(count):
        name, children, repetition = _element(reader)
        while left and not left[-1]:
            left.pop()
            repeated.pop()
        if left:
            left[-1] -= 1
        if len(left) == 1:
            column, position = name, position + 1
        is_repeated = repetition == _REPEATED or (bool(repeated) and repeated[-1])
        if children <= 0 and left:
            yield Leaf(column=column, position=position, is_repeated=is_repeated)
            continue
        left.append(children)
        repeated.append(is_repeated and len(left) > 1)
        if len(left) > _MAXIMUM_DEPTH:
            raise Malformed(f"columns are nested more than {_MAXIMUM_DEPTH} deep")


def _element(reader: Compact) -> tuple[str, int, int]:
    """Name, number of children and repetition of a column or a group of them."""
    name, children, repetition = b"", 0, 0
    for number, type_ in reader.fields():
        if number == _NAME and type_ == _BINARY:
            name = reader.binary()
        elif number == _CHILDREN and type_ in INTEGERS:
            children = reader.integer()
        elif number == _REPETITION and type_ in INTEGERS:
            repetition = reader.integer()
        else:
            reader.skip(type_)
    return name.decode(), children, repetition


def _group(reader: Compact) -> RowGroup:
    rows, chunks = -1, []
    for number, type_ in reader.fields():
        if number == _CHUNKS and type_ == _LIST:
            chunks = [_chunk(reader) for _ in range(reader.items()[0])]
        elif number == _GROUP_ROWS and type_ in INTEGERS:
            rows = reader.integer()
        else:
            reader.skip(type_)
    return RowGroup(rows=rows, chunks=tuple(chunks))


def _chunk(reader: Compact) -> Chunk:
    found = None
    for number, type_ in reader.fields():
        if number == _CHUNK_META and type_ == STRUCT:
            found = _chunk_metadata(reader)
        else:
            reader.skip(type_)
    if found is None:
        raise Malformed("a column has no metadata in a row group")
    return found


def _chunk_metadata(reader: Compact) -> Chunk:
    numbers = dict.fromkeys((_CODEC, _VALUES, _UNPACKED, _STORED, _DATA_PAGE), -1)
    dictionary, nulls = None, 0
    path: tuple[bytes, ...] = ()
    for number, type_ in reader.fields():
        if number in numbers and type_ in INTEGERS:
            numbers[number] = reader.integer()
        elif number == _PATH and type_ == _LIST:
            path = tuple(reader.binary() for _ in range(reader.items()[0]))
        elif number == _DICTIONARY_PAGE and type_ in INTEGERS:
            dictionary = reader.integer()
        elif number == _STATISTICS and type_ == STRUCT:
            nulls = reader.struct(_NULLS) or 0
        else:
            reader.skip(type_)
    has_dictionary = dictionary is not None and 0 < dictionary < numbers[_DATA_PAGE]
    return Chunk(
        column=intern(path[0].decode()) if path else "",  # a large file has thousands of chunks
        is_nested=len(path) > 1,
        can_expand=not 0 <= numbers[_CODEC] <= _SNAPPY,
        values=numbers[_VALUES],
        nulls=nulls,
        unpacked=numbers[_UNPACKED],
        stored=numbers[_STORED],
        start=dictionary if dictionary is not None and has_dictionary else numbers[_DATA_PAGE],
        has_dictionary=has_dictionary,
    )
