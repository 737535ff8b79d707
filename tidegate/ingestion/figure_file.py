"""Figures as bytes and back: some 2 KB for twenty columns, small enough for a row of the ledger.

Pure. Six significant digits of a value, two of its error and three of its scale: more is noise. What a figure
is tested as follows from its value, so it is not kept.
"""

import json
import zlib
from collections.abc import Mapping
from itertools import groupby

from tidegate.ingestion.figures import Figure, FigureKey, figure

_FORMAT = 1


def pack_figures(figures: Mapping[FigureKey, Figure]) -> bytes:
    """For the ledger; `unpack_figures` reads it."""
    names = list(dict.fromkeys(name for _, name in figures))
    numbers = {name: index for index, name in enumerate(names)}
    columns = []
    for column, items in groupby(figures.items(), key=lambda item: item[0][0]):
        kept = [(numbers[name], _rounded(item)) for (_, name), item in items]
        columns.append([column, [index for index, _ in kept], [numbers for _, numbers in kept]])
    document = [_FORMAT, names, columns]
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), 9)


def unpack_figures(packed: bytes) -> dict[FigureKey, Figure]:
    """What `pack_figures` was given, within the digits it keeps.

    Raises:
        ValueError: these are no packed figures, or of a format not known here.
    """
    try:
        form, names, columns = json.loads(zlib.decompress(packed))
    except (zlib.error, TypeError) as cause:
        raise ValueError(f"no packed figures: {cause}") from cause
    if form != _FORMAT:
        raise ValueError(f"figures are packed in format {form}, known is {_FORMAT}")
    flat: dict[FigureKey, list[float]] = {
        (column, names[index]): numbers
        for column, indices, kept in columns
        for index, numbers in zip(indices, kept, strict=True)
    }
    rows = flat.get((None, "rows"), [1.0])[0]
    return {key: _figure(key[1], numbers, rows) for key, numbers in flat.items()}


def _rounded(item: Figure) -> list[float]:
    """Value, error, scale; trailing ones that follow from the value are left out."""
    numbers = [_digits(item.value, 6), _digits(item.error, 2), _digits(item.scale, 3)]
    if item.scale <= abs(item.value):
        numbers.pop()
        if not item.error:
            numbers.pop()
    return numbers


def _figure(name: str, numbers: list[float], rows: float) -> Figure:
    value, error, scale = (*numbers, 0.0, 0.0)[:3]
    return figure(name, float(value), rows=rows, error=float(error), scale=float(scale))


def _digits(value: float, digits: int) -> float:
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded  # noqa: PLR2004  # shorter in JSON, exact in a float
