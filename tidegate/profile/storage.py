"""Column profiles as rows of a table: plain columns that SQL can ask for, and what is needed to merge again.

Nothing rests in the file's metadata, which a table of the Glue catalog loses.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.columns.arrow_values import array_of, bytes_array, text_array, without_nulls
from tidegate.profile.column import ColumnProfile
from tidegate.profile.frequencies import Value
from tidegate.profile.ranks import Ranks

QUANTILES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}

_DTYPES = {pa.int64(): np.int64, pa.float64(): np.float64, pa.bool_(): np.bool_}

SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("kind", pa.string()),
        ("type", pa.string()),
        ("table_rows", pa.int64()),  # of the profile; a column may be of fewer when it is not in all parts
        ("rows", pa.int64()),
        ("nulls", pa.int64()),
        ("nan", pa.int64()),
        ("infinite", pa.int64()),
        ("minimum", pa.string()),  # as text: 64-bit integers and decimals would not survive a double
        ("maximum", pa.string()),
        ("minimum_number", pa.float64()),
        ("maximum_number", pa.float64()),
        ("mean", pa.float64()),
        ("m2", pa.float64()),
        ("standard_deviation", pa.float64()),
        ("distinct", pa.float64()),
        *((name, pa.float64()) for name in QUANTILES),
        ("min_length", pa.int64()),
        ("max_length", pa.int64()),
        ("total_length", pa.int64()),
        ("counts_all", pa.bool_()),  # whether top_values has every value
        ("top_values", pa.list_(pa.struct([("value", pa.string()), ("count", pa.int64())]))),
        ("top_error", pa.int64()),
        ("rank_values", pa.list_(pa.float64())),
        ("rank_weights", pa.list_(pa.float64())),
        ("registers", pa.binary()),
    ]
)


def to_table(columns: Sequence[ColumnProfile], table_rows: int) -> pa.Table:
    rows = [_row(column, table_rows) for column in columns]
    arrays = [_array([row[field.name] for row in rows], field.type) for field in SCHEMA]
    return pa.table(arrays, schema=SCHEMA)


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_list(type_):
        offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
        return pa.ListArray.from_arrays(array_of(offsets), _items(values, type_.value_type))
    if pa.types.is_binary(type_):
        return bytes_array(values)
    nulls = np.array([value is None for value in values], bool)
    if pa.types.is_string(type_):
        return text_array([value or "" for value in values], nulls)
    return array_of(np.array([value or 0 for value in values], _DTYPES[type_]), nulls)


def _items(lists: list[Any], type_: pa.DataType) -> pa.Array:
    if not pa.types.is_struct(type_):
        return array_of(np.concatenate([np.zeros(0), *lists]))
    tops = [top for listed in lists for top in listed]
    values = text_array([top["value"] for top in tops])
    counts = array_of(np.array([top["count"] for top in tops], np.int64))
    return pa.StructArray.from_arrays([values, counts], fields=list(type_))


def from_table(table: pa.Table) -> tuple[list[ColumnProfile], int]:
    """The columns, and the rows of the profile: 0 when it has no column."""
    rows = table.drop_columns(["rank_values", "rank_weights"]).to_pylist()
    points = zip(_lists(table, "rank_values"), _lists(table, "rank_weights"), strict=True)
    columns = [_column(row, Ranks(*pair, row["counts_all"])) for row, pair in zip(rows, points, strict=True)]
    return columns, max((row["table_rows"] for row in rows), default=0)


def _row(column: ColumnProfile, table_rows: int) -> dict[str, Any]:
    shares = np.array(list(QUANTILES.values()))
    has_ranks = len(column.ranks.values) > 0
    quantiles = column.quantile(shares).tolist() if has_ranks else [None] * len(shares)
    known = column.heavy if column.counts is None else column.counts
    return {
        "column": column.name,
        "kind": column.kind,
        "type": column.type,
        "table_rows": table_rows,
        "rows": column.rows,
        "nulls": column.nulls,
        "nan": column.nan,
        "infinite": column.infinite,
        "minimum": None if column.minimum is None else str(column.minimum),
        "maximum": None if column.maximum is None else str(column.maximum),
        "minimum_number": None if column.minimum is None else float(column.minimum),
        "maximum_number": None if column.maximum is None else float(column.maximum),
        "mean": column.mean,
        "m2": column.m2,
        "standard_deviation": column.standard_deviation,
        "distinct": float(column.distinct),
        **dict(zip(QUANTILES, quantiles, strict=True)),
        "min_length": column.min_length,
        "max_length": column.max_length,
        "total_length": column.total_length,
        "counts_all": column.counts is not None,
        "top_values": [{"value": str(value), "count": count} for value, count in known.items()],
        "top_error": column.heavy_error,
        "rank_values": column.ranks.values,
        "rank_weights": column.ranks.weights,
        "registers": column.registers.tobytes(),
    }


def _column(row: dict[str, Any], ranks: Ranks) -> ColumnProfile:
    parse = str if row["kind"] == "text" else _number
    known: dict[Value, int] = {parse(top["value"]): top["count"] for top in row["top_values"]}
    bound = Decimal if row["type"].startswith("decimal") else _number
    return ColumnProfile(
        name=row["column"],
        kind=row["kind"],
        type=row["type"],
        rows=row["rows"],
        nulls=row["nulls"],
        nan=row["nan"],
        infinite=row["infinite"],
        minimum=None if row["minimum"] is None else bound(row["minimum"]),
        maximum=None if row["maximum"] is None else bound(row["maximum"]),
        mean=row["mean"],
        m2=row["m2"],
        ranks=ranks,
        registers=np.frombuffer(row["registers"], np.uint8),
        counts=known if row["counts_all"] else None,
        heavy={} if row["counts_all"] else known,
        heavy_error=row["top_error"],
        min_length=row["min_length"],
        max_length=row["max_length"],
        total_length=row["total_length"],
    )


def _number(text: str) -> int | float:
    """What `str` made of an integer or a float, exactly."""
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _lists(table: pa.Table, name: str) -> list[NDArray[np.float64]]:
    column = table.column(name).combine_chunks()
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return [without_nulls(column[row].values) for row in range(len(column))]
