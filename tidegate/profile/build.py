"""Which builder profiles a column."""

import pyarrow as pa

from tidegate.profile.arrays import kind_of, plain_type
from tidegate.profile.numbers import NumberBuilder
from tidegate.profile.others import OtherBuilder
from tidegate.profile.texts import TextBuilder

ColumnBuilder = NumberBuilder | TextBuilder | OtherBuilder


def column_builder(name: str, type_: pa.DataType, ranks: int) -> ColumnBuilder:
    """For arrays of `type_`, or of dictionaries of it; `ranks` is how many are kept of a number."""
    plain = plain_type(type_)
    kind = kind_of(plain)
    if kind == "number":
        return NumberBuilder(name, plain, ranks)
    return TextBuilder(name, plain) if kind == "text" else OtherBuilder(name, plain)
