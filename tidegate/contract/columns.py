"""From an ODCS property to a column: its type, and the types inside it."""

import re
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.contract.document import Document, Where
from tidegate.contract.plan import NESTED, Column, ColumnType

_MAXIMUM_DECIMAL_DIGITS = 38
_DECIMAL = re.compile(r"(?:decimal|numeric|number)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", re.IGNORECASE)
_FORMATS = {"integer": r"[iu](8|16|32|64)", "number": r"f32|f64"}
# What ISO 8601, which the readers take, is in the letters of Java's DateTimeFormatter, which ODCS uses.
_ISO_FORMATS = {
    "date": r"yyyy-MM-dd",
    "time": r"HH:mm(:ss(\.S{1,6})?)?",
    "timestamp": r"yyyy-MM-dd['T ]{1,3}HH:mm(:ss(\.S{1,6})?)?(X{1,3}|Z|'Z')?",
}
_ELEMENTS = {  # of vectors
    "float16": ("number", "f32"),
    "bfloat16": ("number", "f32"),
    "float32": ("number", "f32"),
    "float64": ("number", "f64"),
    "int8": ("integer", "i8"),
    "uint8": ("integer", "u8"),
}
# What a property may say of values; inside a nested column nothing looks at single values.
_RULES = ("required", "unique", "primaryKey", "enum", "quality")
_OPTIONS_OF_TYPES = ("format", "timezone", "defaultTimezone", "dimensions", "elementType")
_DESCRIPTIONS = ("distanceMetric", "embeddingModel", "embeddingModelVersion", "normalized")
_UNUSABLE = re.compile(r"[<>:,]")  # in a member's name: Glue writes types as text between these


def column_of(
    document: Document, where: Where, entry: dict[str, Any], name: str | None = None
) -> Column | None:
    """The column of a property, or None after telling `document` why it cannot be one."""
    name = entry.get("name", "") if name is None else name
    logical = entry["logicalType"]
    if logical in NESTED or logical == "vector":
        members = _members(document, where, entry, name)
        if members is None:
            return None
        return Column(name=name, type="array" if logical == "vector" else logical, members=members)
    zone = _timezone(document, where, entry)
    return Column(
        name=name,
        type=cast("ColumnType", logical),
        format=_format(document, where, entry, name),
        timezone=zone,
    )


def is_member_name(name: str) -> bool:
    """Whether a member of an object can be called so."""
    return bool(name) and not _UNUSABLE.search(name)


def _format(document: Document, where: Where, entry: dict[str, Any], name: str) -> str | None:
    logical, options = entry["logicalType"], entry.get("logicalTypeOptions", {})
    form, here = options.get("format"), (*where, "logicalTypeOptions", "format")
    if logical in _ISO_FORMATS:
        if form is not None and not re.fullmatch(_ISO_FORMATS[logical], form):
            document.problem(here, f"column `{name}`: dates and times are read as ISO 8601; remove `format`")
        return None
    if logical not in _FORMATS:
        return None
    if form is not None and not re.fullmatch(_FORMATS[logical], form):
        hint = "; `physicalType: decimal(38,0)` holds 38 digits" if form in ("i128", "u128") else ""
        document.problem(here, f"format {form} is not supported{hint}")
    if decimal := _DECIMAL.fullmatch(str(entry.get("physicalType", "")).strip()):
        digits, scale = int(decimal[1]), int(decimal[2] or 0)
        form = f"decimal({digits},{scale})"
        if not scale <= digits <= _MAXIMUM_DECIMAL_DIGITS or not digits:
            document.problem((*where, "physicalType"), f"{form} cannot be stored: at most 38 digits")
        if logical == "integer" and scale:
            document.problem((*where, "physicalType"), f"an integer has no decimal places: {form}")
    return str(form) if form is not None else None


def _timezone(document: Document, where: Where, entry: dict[str, Any]) -> str:
    options, here = entry.get("logicalTypeOptions", {}), (*where, "logicalTypeOptions")
    if entry["logicalType"] == "time" and options.get("timezone"):
        document.problem((*here, "timezone"), "times of day are read without a zone; remove `timezone`")
    zone: str = options.get("defaultTimezone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        document.problem((*here, "defaultTimezone"), f"time zone {zone} is unknown")
        return "UTC"
    return zone


def _members(document: Document, where: Where, entry: dict[str, Any], name: str) -> tuple[Column, ...] | None:
    """What a nested column holds; None after telling `document` why that cannot be."""
    logical, options = entry["logicalType"], entry.get("logicalTypeOptions", {})
    if logical == "vector":
        element = options.get("elementType", "float32")
        if element not in _ELEMENTS:
            document.problem(
                (*where, "logicalTypeOptions", "elementType"), f"a vector of {element} cannot be stored"
            )
            return None
        kind, form = _ELEMENTS[element]
        return (Column(name="item", type=cast("ColumnType", kind), format=form),)
    if logical == "object":
        return _object(document, where, entry, name)
    parts = [("items", "item")] if logical == "array" else [("key", "key"), ("value", "value")]
    holder, here = (entry, where) if logical == "array" else (entry["map"], (*where, "map"))
    found = []
    for part, called in parts:
        if part not in holder:
            document.problem(here, f"column `{name}` is an array: `items` must say of what")
            return None
        if called == "key" and holder[part]["logicalType"] in (*NESTED, "vector"):
            document.problem((*here, part), f"column `{name}`: the key of a map cannot be nested")
        found.append(_member(document, (*here, part), holder[part], f"{name}.{called}", called))
    return tuple(member for member in found if member is not None) if None not in found else None


def _object(document: Document, where: Where, entry: dict[str, Any], name: str) -> tuple[Column, ...] | None:
    entries = entry.get("properties") or []
    if not entries:
        document.problem(where, f"column `{name}` is an object: `properties` must say of what")
        return None
    found: list[Column | None] = []
    for index, member in enumerate(entries):
        here, called = (*where, "properties", index), member.get("name", "")
        if not is_member_name(called):
            document.problem(
                here, f"a member of `{name}` cannot be called {called!r}: Glue reads <>:, as its own"
            )
        if called in [other.name for other in found if other is not None]:
            document.problem(here, f"`{name}.{called}` is there twice")
        found.append(_member(document, here, member, f"{name}.{called}", called))
    return tuple(member for member in found if member is not None) if None not in found else None


def _member(document: Document, where: Where, entry: dict[str, Any], path: str, name: str) -> Column | None:
    """A column inside another. Rules see whole values of columns, so it can have none of its own."""
    options = entry.get("logicalTypeOptions", {})
    asked = [key for key in _RULES if entry.get(key)]
    asked += [key for key in options if key not in (*_OPTIONS_OF_TYPES, *_DESCRIPTIONS)]
    if name == "key" and asked == ["required"]:
        asked = []  # it cannot be missing anyway
    for key in asked:
        document.problem(
            where,
            f"`{path}` asks for `{key}`; values inside a nested column are typed and not judged. "
            "Remove it, or deliver the value as a column of its own",
        )
    return column_of(document, where, entry, name)


def check_options(document: Document, where: Where, entry: dict[str, Any], column: Column) -> None:
    """Tell `document` which options of a nested column cannot be judged."""
    for key, value in entry.get("logicalTypeOptions", {}).items():
        if key in ("required", "minProperties", "maxProperties") or (key == "uniqueItems" and value):
            document.problem(
                (*where, "logicalTypeOptions", key),
                f"column `{column.name}`: `{key}` looks inside a value and cannot be judged; remove it",
            )
        elif column.type == "map":
            document.problem(
                (*where, "logicalTypeOptions", key),
                f"column `{column.name}`: a map has no option `{key}`",
            )
    for key in ("unique", "primaryKey", "enum"):
        if entry.get(key):
            document.problem(where, f"column `{column.name}` is nested: `{key}` cannot be judged")
