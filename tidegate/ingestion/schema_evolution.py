"""What a table's columns may become when the contract changes, and what they may not.

Pure; pyarrow's types. The rules are those of the Iceberg specification, "Schema Evolution": an old file must
stay readable under the new type.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.types as t


def changes(table: pa.Schema, wanted: pa.Schema) -> bool:
    """Whether the table must change to hold rows of `wanted`: a new column, a wider type, a null allowed.

    Order does not count: columns are found by name. One that `wanted` lacks stays, and is null in new rows.
    """
    return any(_field_changes(_named(table, field.name), field) for field in wanted)


def conflicts(table: pa.Schema, wanted: pa.Schema, past: Sequence[pa.Schema] = ()) -> list[str]:
    """Why the table cannot hold rows of `wanted`; empty when it can.

    A type narrower than the table's is a conflict unless the column had it in a schema of the `past`: a drop
    that was judged under an older contract may be recorded after the table has been widened.
    """
    found: list[str] = []
    for field in wanted:
        current = _named(table, field.name)
        earlier = [old for schema in past if (old := _named(schema, field.name)) is not None]
        found += _field_conflicts(field.name, current, field, earlier)
    return found


def widens(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether files of `old` may be read as `new`."""
    if t.is_decimal(old) and t.is_decimal(new):
        return bool(old.scale == new.scale and old.precision < new.precision)
    return (old, new) in {(pa.int32(), pa.int64()), (pa.float32(), pa.float64())}


def _field_changes(current: pa.Field | None, wanted: pa.Field) -> bool:
    if current is None or (wanted.nullable and not current.nullable):
        return True
    pairs = _members(current.type, wanted.type)
    if pairs is not None:
        return any(_field_changes(old, new) for old, new in pairs)
    return widens(_plain(current.type), _plain(wanted.type))


def _field_conflicts(
    path: str, current: pa.Field | None, wanted: pa.Field, earlier: Iterable[pa.Field]
) -> Iterator[str]:
    if current is None:
        if not wanted.nullable:
            yield f"`{path}` is new and must not be null, but the rows that are there have no value"
        return
    pairs = _members(current.type, wanted.type)
    if pairs is not None:
        for old, new in pairs:
            past = [each for field in earlier if (each := _member(field.type, new.name)) is not None]
            yield from _field_conflicts(f"{path}.{new.name}", old, new, past)
        return
    old_type, new_type = _plain(current.type), _plain(wanted.type)
    if old_type == new_type or widens(old_type, new_type):
        return
    if widens(new_type, old_type) and any(_plain(field.type) == new_type for field in earlier):
        return
    verb = "narrow" if widens(new_type, old_type) else "change"
    yield f"`{path}` would {verb} from {old_type} to {new_type}"


def _members(current: pa.DataType, wanted: pa.DataType) -> list[tuple[pa.Field | None, pa.Field]] | None:
    """Pairs of what two nested types of one kind hold; None when they are not that."""
    if t.is_struct(current) and t.is_struct(wanted):
        return [(_member(current, field.name), field) for field in wanted]
    if _is_list(current) and _is_list(wanted):
        return [(current.value_field.with_name("element"), wanted.value_field.with_name("element"))]
    if t.is_map(current) and t.is_map(wanted):
        return [
            (current.key_field.with_name("key"), wanted.key_field.with_name("key")),
            (current.item_field.with_name("value"), wanted.item_field.with_name("value")),
        ]
    return None


def _member(nested: pa.DataType, name: str) -> pa.Field | None:
    if t.is_struct(nested):
        index = nested.get_field_index(name)
        return nested.field(index) if index >= 0 else None
    if _is_list(nested):
        return nested.value_field if name == "element" else None
    if t.is_map(nested):
        return {"key": nested.key_field, "value": nested.item_field}.get(name)
    return None


def _named(schema: pa.Schema, name: str) -> pa.Field | None:
    index = schema.get_field_index(name)
    return schema.field(index) if index >= 0 else None


def _is_list(kind: pa.DataType) -> bool:
    return bool(t.is_list(kind) or t.is_large_list(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    """The same type without what only Arrow tells apart: 32 or 64 bits of offsets."""
    if t.is_large_string(kind):
        return pa.string()
    return pa.binary() if t.is_large_binary(kind) else kind
