"""Where the features of a vector lie in a row as requests bring it. Pure standard library."""

from collections.abc import Callable, Mapping, Sequence
from math import nan
from operator import itemgetter
from typing import Any

Values = Sequence[float | str | None]


class Layout:
    """Of the features of one model.

    Args:
        places: of each feature, in the vector's order, its place in a row.
        size: how many values a row has.
        codes: of features that are texts, by their positions in the vector: text -> code.
    """

    def __init__(self, places: Sequence[int], size: int, codes: Mapping[int, Mapping[str, float]]) -> None:
        self.places = tuple(places)
        self.size = size
        self.codes = codes
        self.pick = _picker(self.places)

    def vector(self, row: Values) -> list[float]:
        """Texts become the codes of their categories; NaN is what is missing or unknown."""
        vector: list[Any] = [nan if value is None else value for value in self.pick(row)]
        for position, codes in self.codes.items():
            vector[position] = codes.get(vector[position], nan)
        return vector

    def columns(self, rows: Sequence[Values]) -> list[Sequence[Any]]:
        """The same of many rows, a sequence for each feature, but that a number that is missing is None."""
        given = list(zip(*rows, strict=True))
        columns: list[Sequence[Any]] = [given[place] for place in self.places]
        for position, codes in self.codes.items():
            columns[position] = [codes.get(value, nan) for value in columns[position]]
        return columns


def _picker(places: tuple[int, ...]) -> Callable[[Values], tuple[Any, ...]]:
    """The values at these places; `itemgetter` of one gives no tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple(row[i] for i in places)
