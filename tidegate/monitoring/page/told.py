"""A document of any shape as facts and tables: what is added to it one day is shown without being known."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.report import words
from tidegate.report.pieces import facts, table, text

_DEPTH = 3  # objects within objects that are followed
_LINES = 200  # of one table


def told(document: Mapping[str, Any], *, without: Sequence[str] = ()) -> str:
    """Plain members as facts, lists of objects as a table each, objects as sections of their own."""
    members = {name: value for name, value in document.items() if name not in without}
    return "".join(_parts(members, _DEPTH))


def _parts(members: Mapping[str, Any], depth: int) -> Iterator[str]:
    plain = [(title(name), shown(value)) for name, value in members.items() if _is_plain(value)]
    if plain:
        yield facts(plain)
    for name, value in members.items():
        if isinstance(value, Mapping) and value and depth:
            rows = _rows_of(value)
            yield f"<h3>{text(title(name))}</h3>"
            yield _table(name, rows) if rows else "".join(_parts(value, depth - 1))
        elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            yield f"<h3>{text(title(name))}</h3>{_table(name, value)}"


def _rows_of(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An object of objects, as of variants by name: a row for each."""
    if not all(isinstance(each, Mapping) for each in value.values()):
        return []
    return [{"": name, **each} for name, each in value.items()]


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    numeric = {column for column in columns if _is_numeric([row.get(column) for row in rows])}
    heads = [f"#{title(column)}" if column in numeric else title(column) for column in columns]
    lines = (
        "<tr>"
        + "".join(
            f"<td{' class=n' if column in numeric else ''}>{text(shown(row.get(column)))}"
            for column in columns
        )
        for row in rows[:_LINES]
    )
    return table(title(name), heads, lines)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping) and not (
        isinstance(value, list) and any(isinstance(each, Mapping) for each in value)
    )


def _is_numeric(values: Sequence[Any]) -> bool:
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in there)


def title(name: str) -> str:
    """`age_seconds` as `Age seconds`."""
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def shown(value: Any) -> str:
    """One value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{title(name)} {shown(each)}" for name, each in value.items())
    return str(value)
