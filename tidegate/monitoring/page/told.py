"""A document of any shape as facts and tables: what is added to it one day is shown without being known."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate.report import words
from tidegate.report.pieces import facts, table, text

_DEPTH = 3  # objects within objects that are followed
_EPOCH_SECONDS = (1e9, 1e10)  # from 2001 on: smaller numbers are none
_LINES = 200  # of one table
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_TITLES = {
    "error_share": "Share of errors",
    "fallback_share": "Share of fallbacks",
    "look_ups": "Values looked up",
    "looks": "The windows that were looked at",
    "model_latency p50": "Model latency, median, ms",
    "model_latency p99": "Model latency, p99, ms",
    "model_latency slowest_at": "Slowest minute",
    "overhead_latency p50": "Overhead, median, ms",
    "overhead_latency p99": "Overhead, p99, ms",
    "overhead_latency slowest_at": "Slowest minute of it",
    "busiest": "Most in a period",
    "trained_days": "Days since training",
    "serving_days": "Days in service",
}


def told(document: Mapping[str, Any], *, without: Sequence[str] = ()) -> str:
    """Plain members as facts, lists of objects as a table each, objects as sections of their own."""
    members = {name: value for name, value in document.items() if name not in without}
    return "".join(_parts(members, _DEPTH))


def _parts(members: Mapping[str, Any], depth: int) -> Iterator[str]:
    plain = [
        (title(name), shown(value, name))
        for name, value in members.items()
        if _is_plain(value) and value not in (None, "", [])
    ]
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
    rows = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    numeric = {column for column in columns if _is_numeric([row.get(column) for row in rows])}
    heads = [f"#{title(column)}" if column in numeric else title(column) for column in columns]
    lines = (
        "<tr>"
        + "".join(
            f"<td{' class=n' if column in numeric else ''}>{text(shown(row.get(column), column))}"
            for column in columns
        )
        for row in rows[:_LINES]
    )
    return table(title(name), heads, lines)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Members of an object within a row stand beside the row's own."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        within = value if isinstance(value, Mapping) else None
        found |= {name: value} if within is None else {f"{name} {each}": within[each] for each in within}
    return found


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping) and not (
        isinstance(value, list) and any(isinstance(each, Mapping) for each in value)
    )


def _is_numeric(values: Sequence[Any]) -> bool:
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in there)


def title(name: str) -> str:
    """`age_seconds` as `Age seconds`, unless there are better words for it."""
    if name in _TITLES:
        return _TITLES[name]
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def shown(value: Any, name: str = "") -> str:
    """One value as a person reads it; seconds since the epoch are a time where the name says so."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        is_time = name.endswith(("_at", "_tick")) and _EPOCH_SECONDS[0] <= value < _EPOCH_SECONDS[1]
        return (
            words.moment(datetime.fromtimestamp(value, UTC).isoformat()) if is_time else words.number(value)
        )
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{title(name)} {shown(each)}" for name, each in value.items())
    return _name_of(str(value))


def _name_of(value: str) -> str:
    """An ARN as what it names, a time as a time; any other text as it is."""
    if value.startswith("arn:"):
        return value.split(":", 5)[-1]
    return words.moment(value) if _TIME.match(value) else value
