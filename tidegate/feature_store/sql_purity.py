"""Whether a SELECT in DuckDB's dialect answers from the rows of `source` alone, in whatever order they lie.

Judged on DuckDB's own syntax tree and its own table of functions: what that table calls volatile, what reads
elsewhere and what depends on the order of rows is refused. A fence against accidents, not against malice.
"""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import duckdb

from tidegate.columns.duck import connect

Tree = Any  # JSON of `json_serialize_sql`

_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_READ = frozenset({"BASE_TABLE", "JOIN", "SUBQUERY", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY"})
# names that are no columns: DuckDB reads the clock or the session where no column is called so
_CLOCK_WORDS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
    | {"current_catalog", "current_schema"}
)
# clocks that DuckDB 2.0 says are consistent
_CLOCKS = frozenset({"current_localtime", "current_localtimestamp"})
_BY_ORDER = frozenset(
    {"first", "last", "any_value", "arbitrary", "list", "array_agg", "string_agg", "group_concat"}
    | {"listagg", "mode", "lttb"}
)
_BY_CHANCE = {
    "reservoir_quantile": "quantile_cont",
    "approx_quantile": "quantile_cont",
    "approx_top_k": "histogram",
}
_WINDOWS_BY_ORDER = frozenset(
    {"row_number", "first_value", "last_value", "nth_value", "lag", "lead", "ntile", *_BY_ORDER}
    | {"rank", "dense_rank", "rank_dense", "percent_rank", "cume_dist", "fill"}
)
_ORDERED = "the result depends on the order of rows, which nothing fixes"
_OVER_LISTS = frozenset({"list_aggregate", "list_aggr", "aggregate", "array_aggregate", "array_aggr"})


def impurity(connection: duckdb.DuckDBPyConnection, sql: str, columns: Iterable[str]) -> str | None:
    """What makes the statement answer differently another time; None if nothing.

    Args:
        columns: those of `source`; a column may be called `current_date`.
    """
    tree = _parsed(connection, sql)
    if tree["error"]:
        told = " ".join(str(tree["error_message"]).split())
        return "it is no plain SELECT" if tree["error_type"] == "not implemented" else told
    if len(tree["statements"]) != 1:
        return f"it is {len(tree['statements'])} statements, not one"
    known = {name.lower() for name in columns}
    return next(_problems(connection, tree["statements"][0], known), None)


def looks_beyond_its_row(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether the statement has a window, an aggregate or a subquery."""
    functions = _functions()
    return any(
        node["class"] in ("WINDOW", "SUBQUERY")
        or (node["class"] == "FUNCTION" and "aggregate" in functions.get(_name(node), ([], set()))[1])
        for node in _nodes(_parsed(connection, sql))
        if "class" in node
    )


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> Tree:
    query = (
        "select json_serialize_sql(?::varchar, skip_null := true, skip_empty := true, skip_default := true)"
    )
    return json.loads(connection.execute(query, [sql]).fetchall()[0][0])


def _nodes(tree: Tree) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(each)


def _problems(connection: duckdb.DuckDBPyConnection, tree: Tree, columns: set[str]) -> Iterator[str]:
    nodes = list(_nodes(tree))
    named = {each["key"].lower() for node in nodes for each in node.get("cte_map", {}).get("map", ())}
    if "source" in named:
        yield "it calls a table of its own `source`"
    for node in nodes:
        yield from _of_rows(node, named)
        yield from _of_expression(connection, node, columns)


def _of_rows(node: dict[str, Any], named: set[str]) -> Iterator[str]:
    """Where the rows of a SELECT come from, and which of them it takes."""
    if "sample" in node:
        yield "it takes a sample of the rows"
    yield from _of_modifiers(node.get("modifiers", []))
    for member in ("from_table", "left", "right"):
        table = node.get(member)
        if isinstance(table, dict) and "class" not in table:  # an expression has sides too
            yield from _of_table(table, named)


def _of_expression(
    connection: duckdb.DuckDBPyConnection, node: dict[str, Any], columns: set[str]
) -> Iterator[str]:
    kind = node.get("class")
    if kind == "FUNCTION":
        yield from _of_function(connection, node, columns)
    elif kind == "WINDOW":
        yield from _of_window(connection, node, columns)
    elif kind == "COLUMN_REF" and len(node["column_names"]) == 1:
        word = node["column_names"][0].lower()
        if word in _CLOCK_WORDS - columns:
            yield f"`{word}` reads the clock or the session"


def _of_modifiers(modifiers: list[dict[str, Any]]) -> Iterator[str]:
    kinds = {each["type"]: each for each in modifiers}
    if "ORDER_MODIFIER" in kinds:
        return
    if "LIMIT_MODIFIER" in kinds or "LIMIT_PERCENT_MODIFIER" in kinds:
        yield f"`limit` without `order by`: {_ORDERED}"
    if kinds.get("DISTINCT_MODIFIER", {}).get("distinct_on_targets"):
        yield f"`distinct on` without `order by`: {_ORDERED}"


def _of_table(table: dict[str, Any], named: set[str]) -> Iterator[str]:
    kind = table.get("type")
    if kind not in _READ:
        yield f"it reads a {str(kind).lower().replace('_', ' ')}; it may read `source` only"
    elif kind == "BASE_TABLE" and (
        table["table_name"].lower() not in {"source", *named} or "schema_name" in table
    ):
        yield f"it reads `{table['table_name']}`; it may read `source` only"
    elif kind == "TABLE_FUNCTION" and table["function"]["function_name"].lower() not in _TABLE_FUNCTIONS:
        yield f"`{table['function']['function_name']}` reads what is not in `source`"
    elif kind == "JOIN" and table.get("ref_type") == "POSITIONAL":
        yield f"`positional join`: {_ORDERED}"


def _name(node: dict[str, Any]) -> str:
    return str(node["function_name"]).lower()


def _of_function(
    connection: duckdb.DuckDBPyConnection, node: dict[str, Any], columns: set[str]
) -> Iterator[str]:
    name, arguments = _name(node), node.get("arguments", [])
    yield from _of_name(connection, name, len(arguments), columns)
    if name in _BY_ORDER and not node.get("order_bys", {}).get("orders"):
        yield f"`{name}` without `order by`: {_ORDERED}; arg_max(x, time) or {name}(x order by time) do not"
    if name in _OVER_LISTS:
        for each in arguments:
            inner = str(each["expression"].get("literal", {}).get("text", "")).lower()
            if inner in _BY_CHANCE:
                yield from _of_name(connection, inner, 1, columns)


def _of_window(
    connection: duckdb.DuckDBPyConnection, node: dict[str, Any], columns: set[str]
) -> Iterator[str]:
    name = _name(node)
    yield from _of_name(connection, name, len(node.get("arguments", [])), columns)
    ordered = node.get("orders") or node.get("arg_orders")
    if name in _WINDOWS_BY_ORDER and not ordered:
        yield f"`{name}() over` without `order by`: {_ORDERED}"


def _of_name(
    connection: duckdb.DuckDBPyConnection, name: str, arguments: int, columns: set[str]
) -> Iterator[str]:
    macros, kinds = _functions().get(name, ([], set()))
    if "volatile" in kinds or name in _CLOCKS or (name == "age" and arguments == 1):
        yield f"`{name}` answers differently another time, or has an effect"
    elif "table" in kinds and not kinds & {"scalar", "aggregate", "macro"} and name not in _TABLE_FUNCTIONS:
        yield f"`{name}` reads what is not in `source`"
    elif name in _BY_CHANCE:
        yield f"`{name}` depends on chance or on the order of rows; use {_BY_CHANCE[name]}"
    elif "scalar" not in kinds and "aggregate" not in kinds:
        for definition in macros:
            inner = next(_problems(connection, _parsed(connection, f"select {definition}"), columns), None)
            if inner:
                yield f"`{name}`: {inner}"


@lru_cache(maxsize=1)
def _functions() -> dict[str, tuple[list[str], set[str]]]:
    """Name -> definitions of a macro, and what DuckDB's table says of any function of that name."""
    query = "select function_name, function_type, stability, macro_definition from duckdb_functions()"
    with connect() as connection:
        rows = connection.execute(query).fetchall()
    table: dict[str, tuple[list[str], set[str]]] = {}
    for name, kind, stability, definition in rows:
        macros, kinds = table.setdefault(name.lower(), ([], set()))
        kinds.add("table" if kind in ("table", "pragma", "table_macro") else kind)
        if kind in ("scalar", "aggregate", "window") and stability != "CONSISTENT":
            kinds.add("volatile")
        if kind == "macro" and definition:
            macros.append(definition)
    return table
