"""The SQL of a view: which columns it reads, how it runs for each tick, what is wrong when it does not.

Pure: DuckDB only.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb

from tidegate.columns.duck import connect
from tidegate.errors import ViewSqlError
from tidegate.feature_store.feature_plan import ViewPlan

FIRST, STOP, TICK = '"tidegate first"', '"tidegate stop"', '"tidegate tick"'
"""Columns beside the source's: number of the first tick that sees a row, of the first that no longer does, of
one that does. Ticks are numbered from the epoch on."""

# The user's SQL runs once for each tick, on the rows of that tick's window. Each row is laid out for the
# ticks that see it, in the order of the rows; DuckDB turns the lateral join into one hash join that keeps
# this order, and one aggregation. So a sum of floats is the same to the last bit whichever ticks are computed
# together.
_TICKS = """
    with seen as (
        select * exclude ({first}, {stop}),
            unnest(range(greatest({first}, $low), least({stop}, $high + 1))) as {tick}
        from rows where {stop} > $low and {first} <= $high
    )
    select {columns}, tick.event_ts
    from tick, lateral (
        with source as (select * exclude ({tick}) from seen where seen.{tick} = tick.number)
        {sql}
    ) a
    order by {order}
"""
WRONG_SQL = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.InvalidTypeException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.TypeMismatchException,
)


def query(view: ViewPlan) -> str:
    """Keys, outputs and event_ts of the tables `rows` and `tick`, ordered by keys and tick.

    Parameters: `low` and `high`, numbers of the first and the last tick.
    """
    keys = [f"a.{quoted(key)}" for key in view.keys]
    return _TICKS.format(
        columns=", ".join([*keys, *(f"a.{quoted(name)}" for name in view.outputs)]),
        first=FIRST,
        stop=STOP,
        tick=TICK,
        sql=view.sql,
        order=", ".join([*keys, "tick.event_ts"]),
    )


def seen_by(view: ViewPlan) -> str:
    """The columns `FIRST` and `STOP` of a source row."""
    event, known = (f"epoch_us({quoted(name)})" for name in (view.source.event_ts, view.source.known_ts))
    every, window = view.every_seconds * 1_000_000, view.window_seconds * 1_000_000
    # known when it happened, at the earliest; without a known time it is never seen
    return f"{_ceiling(known, every)} as {FIRST}, {_ceiling(f'({event} + {window})', every)} as {STOP}"


def _ceiling(dividend: str, divisor: int) -> str:
    """Of whole numbers, negative ones too."""
    return f"({dividend} // {divisor} + ({dividend} % {divisor} > 0)::bigint)"


def columns_read(view: ViewPlan, names: Sequence[str]) -> list[str]:
    """Those of the source's columns that the view needs, in the source's order: all, where it cannot be told.

    Every word of the parsed SQL that names a column counts, so that it is never one too few.
    """
    words = _words(view.sql)
    if words is None:
        return list(names)
    wanted = words | {word.lower() for word in (*view.keys, view.source.event_ts, view.source.known_ts)}
    return [name for name in names if name.lower() in wanted]


@lru_cache(maxsize=256)  # a database in memory costs 10 ms, and a view's SQL is looked at for each drop
def _words(sql: str) -> frozenset[str] | None:
    """Every word of parsed SQL in lower case; None where it may mean any column."""
    with connect() as connection:
        [[answer]] = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchall()
    parsed = json.loads(answer)
    found = set(_texts(parsed))
    # a star, a natural join or the row itself may mean any column
    if parsed["error"] or found & {("class", "STAR"), ("ref_type", "NATURAL"), ("column_names", "source")}:
        return None
    return frozenset(value.lower() for _, value in found)


def refused(view: ViewPlan, types: Mapping[str, str], cause: Exception) -> ViewSqlError:
    """The error to raise for what DuckDB said.

    Args:
        types: the columns that the view reads, with the types that the dataset has now.
    """
    said = str(cause)
    places = (*view.keys, view.source.event_ts, view.source.known_ts)
    absent = [name for name in places if name not in types]
    values = [name for name in types if name not in places] or list(types)
    named = [name for name in values if name in said] or values
    what = f"no column {', '.join(absent)}" if absent else f"{', '.join(f'{n} {types[n]}' for n in named)}"
    return ViewSqlError(
        f"view `{view.name}` cannot be computed: its SQL does not fit dataset `{view.source.dataset}`,"
        f" which has {what}",
        cause=" ".join(said.split("\n\n", maxsplit=1)[0].split()),
        hint="a column changed its type or is gone: cast it in the view's SQL, or correct the contract",
    )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _texts(node: Any, member: str = "") -> Iterator[tuple[str, str]]:
    """Every text in parsed SQL with the name of the member that holds it."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, member)
    elif isinstance(node, str):
        yield member, node
