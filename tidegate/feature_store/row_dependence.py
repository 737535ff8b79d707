"""Whether a transform gives each row what it gives that row alone: tried, on rows made for its dtypes.

What serving rests on: one row must get the very bits that it got among others in training. Pure: the rows are
the same each time.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tidegate.columns.dtypes import WITHOUT_MISSING, Column, Mask, as_dtype, is_missing
from tidegate.errors import ConfigError
from tidegate.feature_store.transforms import outputs_of

if TYPE_CHECKING:  # which checks its transforms by what is here
    from tidegate.features import Transform

_ROWS = 29  # of each kind: odd, so that vectors of 2, 4 and 8 numbers leave a rest
_HINT = "row i of an output may depend on row i of the inputs only: no mean, sort, cumsum or shift"
_USUAL = {  # two of them at most are drawn in a row: ties
    "float64": (0.5, 1.0, 1.0, 2.0, 3.25, 10.0, 12.0, 77.7, -1.0, -4.5),
    "int64": (0.0, 1.0, 1.0, 2.0, 3.0, 7.0, 23.0, 100.0, -1.0, -5.0),
    "bool": (0.0, 1.0, 1.0),
    "string": ("a", "b", "b", "B", "ab", "UA"),
    "timestamp": (0.0, 1357034400.0, 1357034400.0, 1362877200.5, 1700000000.0),
}
_ODD = {
    "float64": (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e-300, 1e300, -1e300, 2.0**53, 0.1, -1.0, -1.0),
    "int64": (np.nan, 0.0, 2.0**31, -(2.0**31), 2.0**53, -(2.0**53), 2.0**62, -1.0, -1.0),
    "bool": (np.nan, 0.0, 1.0, 1.0),
    "string": (None, "", " ", "0", "é", "\N{SNOWMAN}", "a" * 300, "today", None),
    "timestamp": (np.nan, 0.0, -1.0, -62135596800.0, 253402300799.999999, 951782400.0, 1e9 + 1e-6),
}
_KIND = {"float32": "float64", "int32": "int64"}


def check_rows(transform: "Transform") -> None:
    """Try the transform on some dozens of rows.

    Raises:
        ConfigError: a row gets another answer among others than alone, or the second time; the function
            fails, changes its inputs, or returns other arrays than it declares. The cause shows the row.
    """
    frozen = dataclasses.replace(transform, function=_reading_only(transform.function))
    with np.errstate(all="ignore"):
        for values in (_USUAL, _ODD):
            _try_rows(frozen, _rows(transform.plan.inputs, values))


def _reading_only(function: types.FunctionType) -> types.FunctionType:
    """The function, with inputs that cannot be written to."""

    def called(*arrays: NDArray[np.generic]) -> object:
        for array in arrays:
            array.flags.writeable = False
        return function(*arrays)

    return called  # type: ignore[return-value]


def _rows(inputs: dict[str, str], values: Mapping[str, tuple[object, ...]]) -> dict[str, Column]:
    draw = np.random.default_rng(len(inputs))
    columns: dict[str, Column] = {}
    for name, dtype in inputs.items():
        of_dtype = values[_KIND.get(dtype, dtype)]
        every = list(of_dtype) * (_ROWS // len(of_dtype) + 1)
        column = np.array(every[:_ROWS], dtype=object if dtype == "string" else np.float64)
        columns[name] = column[draw.permutation(_ROWS)]
    return columns


def _try_rows(transform: "Transform", columns: dict[str, Column]) -> None:
    """Raises ConfigError with the row that shows what is wrong."""
    whole = _called(transform, columns)
    _check_held(transform, columns, whole)
    for rows in _selections():
        part = _called(transform, {name: column[rows] for name, column in columns.items()})
        for name, column in part.items():
            if differing := np.flatnonzero(~_same(column, whole[name][rows])).tolist():
                row = int(rows[differing[0]])
                among = "alone" if len(rows) == 1 else f"among {len(rows)} in another order"
                raise ConfigError(
                    f"transform `{transform.plan.name}` depends on other rows",
                    cause=f"`{name}` of {_told(transform, columns, row)} is {column[differing[0]]} {among}, "
                    f"{whole[name][row]} among {_ROWS} rows",
                    hint=_HINT,
                )


def _selections() -> Iterator[NDArray[np.intp]]:
    """Each row alone, then all of them once more and in other orders."""
    every = np.arange(_ROWS)
    yield from every.reshape(-1, 1)
    yield from (every, every[::-1], np.random.default_rng(1).permutation(_ROWS), every[3:16])


def _called(transform: "Transform", columns: dict[str, Column]) -> dict[str, NDArray[np.float64]]:
    try:
        return outputs_of(transform, columns)
    except ConfigError:
        raise
    except Exception as cause:
        name, rows = transform.plan.name, len(next(iter(columns.values())))
        told = f"{type(cause).__name__}: {cause}"
        if "read-only" in str(cause):
            raise ConfigError(
                f"transform `{name}` changes its inputs", cause=told, hint="make a copy: a = a.copy()"
            ) from cause
        if rows == 1:
            raise ConfigError(
                f"transform `{name}` fails", cause=f"of {_told(transform, columns, 0)}: {told}"
            ) from cause
        for row in range(rows):  # which of them?
            _called(transform, {each: column[row : row + 1] for each, column in columns.items()})
        raise ConfigError(
            f"transform `{name}` fails for several rows at once",
            cause=told,
            hint="it gets arrays, not numbers: np.where instead of if, np.maximum instead of max",
        ) from cause


def _check_held(
    transform: "Transform", columns: dict[str, Column], whole: dict[str, NDArray[np.float64]]
) -> None:
    """Numbers that are not whole, from a transform that declares whole ones."""
    loose = {name: "float64" for name, dtype in transform.plan.outputs.items() if dtype in WITHOUT_MISSING}
    if not loose:
        return
    plan = dataclasses.replace(transform.plan, outputs=transform.plan.outputs | loose)
    for name, column in outputs_of(dataclasses.replace(transform, plan=plan), columns).items():
        dtype = transform.plan.outputs[name]
        wrong = np.flatnonzero(np.isfinite(column) & np.isnan(whole[name]) & _is_wrong(column, dtype))
        for row in wrong[:1].tolist():
            raise ConfigError(
                f"transform `{transform.plan.name}`: output `{name}`",
                cause=f"of {_told(transform, columns, row)} is {column[row]}, which is no {dtype}",
                hint="np.trunc, np.floor or a comparison makes such values; or declare float64",
            )


def _is_wrong(column: NDArray[np.float64], dtype: str) -> Mask:
    """Not whole, or no truth value. What is only too large becomes missing, as it does when served."""
    return is_missing(column, "bool") if dtype == "bool" else column != np.trunc(column)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> Mask:
    """The same bits, or both missing: NaN has many."""
    same: Mask = (one.view(np.uint64) == other.view(np.uint64)) | (np.isnan(one) & np.isnan(other))
    return same


def _told(transform: "Transform", columns: dict[str, Column], row: int) -> str:
    """The row as the function sees it."""
    found = []
    for name, dtype in transform.plan.inputs.items():
        cell = columns[name][row : row + 1]
        shown = cell if bool(is_missing(cell, dtype)[0]) else as_dtype(cell, dtype)
        found.append(f"{name}={shown.tolist()[0]!r}")
    return ", ".join(found)
