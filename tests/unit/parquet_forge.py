"""Parquet footers taken apart and put together again with something else in them."""

STRUCT, LIST, BINARY = 12, 9, 8
_FIXED = {1: 0, 2: 0, 3: 1, 7: 8}


def forge(body, change):
    """`body` with its footer as `change` leaves it: {number: [type, value]}, structs inside likewise."""
    length = int.from_bytes(body[-8:-4], "little")
    fields, _ = _read_struct(body[-8 - length : -8], 0)
    change(fields)
    footer = _write_struct(fields)
    return body[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def groups_of(fields):
    """The row groups, as structs."""
    return fields[4][1][1]


def chunks_of(group):
    """The metadata of the columns of a row group, as structs."""
    return [chunk[3][1] for chunk in group[1][1][1]]


def schema_of(depth):
    """A file of nothing but a footer, with a column nested `depth` deep."""
    column = {3: [5, 0], 4: [BINARY, b"a"], 5: [5, 1]}
    leaf = {1: [5, 1], 3: [5, 0], 4: [BINARY, b"x"]}
    root = {4: [BINARY, b"schema"], 5: [5, 1]}
    elements = [root, *[column] * depth, leaf]
    fields = {1: [5, 1], 2: [LIST, (STRUCT, elements)], 3: [6, 0], 4: [LIST, (STRUCT, [])]}
    footer = _write_struct(fields)
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _read_struct(data, at):
    fields, number = {}, 0
    while data[at]:
        delta, type_ = data[at] >> 4, data[at] & 15
        assert delta, "writers of today use the short form"
        number += delta
        value, at = _read(data, at + 1, type_)
        fields[number] = [type_, value]
    return fields, at + 1


def _read(data, at, type_):
    if type_ in (4, 5, 6):
        value, at = _read_varint(data, at)
        return (value >> 1) ^ -(value & 1), at
    if type_ == BINARY:
        length, at = _read_varint(data, at)
        return data[at : at + length], at + length
    if type_ == STRUCT:
        return _read_struct(data, at)
    if type_ == LIST:
        count, item, at = data[at] >> 4, data[at] & 15, at + 1
        if count == 15:
            count, at = _read_varint(data, at)
        values = []
        for _ in range(count):
            value, at = _read(data, at, 3 if item in (1, 2) else item)
            values.append(value)
        return (item, values), at
    return data[at : at + _FIXED[type_]], at + _FIXED[type_]


def _read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7


def _write_struct(fields):
    out, last = b"", 0
    for number in sorted(fields):
        type_, value = fields[number]
        out += bytes([(number - last) << 4 | type_]) + _write(type_, value)
        last = number
    return out + b"\0"


def _write(type_, value):
    if type_ in (4, 5, 6):
        return _write_varint((value << 1) ^ (value >> 63))
    if type_ == BINARY:
        return _write_varint(len(value)) + value
    if type_ == STRUCT:
        return _write_struct(value)
    if type_ == LIST:
        item, values = value
        head = bytes([len(values) << 4 | item]) if len(values) < 15 else bytes([0xF0 | item])
        head += _write_varint(len(values)) if len(values) >= 15 else b""
        return head + b"".join(_write(3 if item in (1, 2) else item, inner) for inner in values)
    return value


def _write_varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
