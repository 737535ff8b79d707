"""Values as requests hold them in JSON, made what features are computed from; standard library alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.moments import seconds

MOMENTS = frozenset({"timestamp", "date"})
Value = float | str | None  # timestamps are seconds since the epoch, truths 0 and 1; None is missing


class NotFiniteError(ValueError):
    """The model answered NaN or infinity."""


def columns(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, list[Value]]:
    """The members of `types`, each a list of len(rows). One that is absent counts as missing.

    Raises:
        ValueError: a value cannot be of its column's type; the text names the member.
    """
    return {name: _column(name, kind, [row.get(name) for row in rows]) for name, kind in types.items()}


def _column(name: str, kind: str, given: list[Any]) -> list[Value]:
    convert = _text if kind == "string" else seconds if kind in MOMENTS else _number
    try:
        return [None if value is None else convert(value) for value in given]
    except (TypeError, ValueError, OverflowError) as cause:
        raise ValueError(f"`{name}` must be a {kind}: {cause}") from cause


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"got {value!r}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str):  # float() would take "nan" and "inf", and numbers in quotes
        raise TypeError(f"got {value!r}")
    return float(value)
