"""What happens to a row before a model sees it: a list of floats in, another out.

Pure standard library. A step is an object with its `kind`:

    check       nan, limit, columns     refuses NaN when `nan` is false, and what is further from 0 than
                                        `limit`, in these columns or, when they are null, in all
    select      columns
    fill        values                  NaN becomes the column's value
    missing                             1 where NaN, else 0
    center      center, scale           (x - center) / scale
    rescale     scale, offset, low, high    x * scale + offset, kept between low and high unless they are null
    lookup      columns                 each with values, codes, missing, unknown; a code of null is NaN, and
                                        "refuse" refuses the row
    one_hot     columns, width          the same, a code being the position of the 1, -1 for none
    branches    branches                lists of steps on the same row, side by side
"""

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any

Row = list[float]
Step = Callable[[Row], Row]
REFUSE = "refuse"


def sequence(documents: Sequence[Mapping[str, Any]]) -> Step:
    """All steps, one after another."""
    steps = [_STEPS[document["kind"]](document) for document in documents]
    if len(steps) == 1:
        return steps[0]

    def run(row: Row) -> Row:
        for step in steps:
            row = step(row)
        return row

    return run


def _check(document: Mapping[str, Any]) -> Step:
    takes_nan, limit, columns = document["nan"], document["limit"], document["columns"]

    def check(row: Row) -> Row:
        # a NaN hides nothing from max and min unless it comes first, and then the comparison fails
        if row and max(row) <= limit and min(row) >= -limit:
            total = sum(row)
            if takes_nan or total == total:  # noqa: PLR0124  NaN alone differs from itself
                return row
        for value in row:
            if value != value:  # noqa: PLR0124
                if not takes_nan:
                    raise ValueError("the model takes no missing values")
            elif not -limit <= value <= limit:
                raise ValueError(f"the model takes no values beyond {limit:g}")
        return row

    def check_some(row: Row) -> Row:
        check([row[i] for i in columns])
        return row

    return check if columns is None else check_some


def _select(document: Mapping[str, Any]) -> Step:
    columns = document["columns"]
    return lambda row: [row[i] for i in columns]


def _fill(document: Mapping[str, Any]) -> Step:
    values = document["values"]
    return lambda row: [f if v != v else v for v, f in zip(row, values, strict=True)]  # noqa: PLR0124


def _missing(document: Mapping[str, Any]) -> Step:
    return lambda row: [float(v != v) for v in row]  # noqa: PLR0124


def _center(document: Mapping[str, Any]) -> Step:
    center, scale = document["center"], document["scale"]
    return lambda row: [(v - c) / s for v, c, s in zip(row, center, scale, strict=True)]


def _rescale(document: Mapping[str, Any]) -> Step:
    scale, offset, low, high = (document[name] for name in ("scale", "offset", "low", "high"))

    def plain(row: Row) -> Row:
        return [v * s + o for v, s, o in zip(row, scale, offset, strict=True)]

    def kept(row: Row) -> Row:
        return [v if v != v else min(max(v, low), high) for v in plain(row)]  # noqa: PLR0124

    return plain if low is None else kept


def _lookup(document: Mapping[str, Any]) -> Step:
    find = _finder(document["columns"])
    return lambda row: [nan if code is None else code for code in find(row)]


def _one_hot(document: Mapping[str, Any]) -> Step:
    find = _finder(document["columns"])
    width = document["width"]

    def encode(row: Row) -> Row:
        out = [0.0] * width
        for position in find(row):
            if position >= 0:
                out[position] = 1.0
        return out

    return encode


def _finder(columns: Sequence[Mapping[str, Any]]) -> Callable[[Row], list[Any]]:
    tables = [
        (dict(zip(column["values"], column["codes"], strict=True)), column["missing"], column["unknown"])
        for column in columns
    ]

    def find(row: Row) -> list[Any]:
        found = []
        for value, (table, missing, unknown) in zip(row, tables, strict=True):
            code = missing if value != value else table.get(value, unknown)  # noqa: PLR0124
            if code == REFUSE:
                raise ValueError("the model takes no category that it has not seen")
            found.append(code)
        return found

    return find


def _branches(document: Mapping[str, Any]) -> Step:
    branches = [sequence(branch) for branch in document["branches"]]
    return lambda row: [value for branch in branches for value in branch(row)]


_STEPS: Mapping[str, Callable[[Mapping[str, Any]], Step]] = {
    "check": _check,
    "select": _select,
    "fill": _fill,
    "missing": _missing,
    "center": _center,
    "rescale": _rescale,
    "lookup": _lookup,
    "one_hot": _one_hot,
    "branches": _branches,
}
