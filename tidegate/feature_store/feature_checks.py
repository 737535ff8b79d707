"""Whether a feature set fits the contract of its dataset: every column, type and statement of it.

Statements are bound by DuckDB to an empty table of the contract's types, as they will be to a full one.
"""

from collections.abc import Iterator

import duckdb

from tidegate.columns.arrow_types import arrow_schema, duckdb_type
from tidegate.columns.duck import connect
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.feature_store.sql_purity import impurity, looks_beyond_its_row
from tidegate.settings.config import TaskName

_SENT = ("string", "integer", "number", "boolean", "date", "timestamp")  # what an instance can hold
_IDENTIFIES = ("string", "integer", "boolean", "date")  # types whose text is one for one value
_FITS = {  # a contract's type -> dtypes that a transform may declare for it
    "string": ("string",),
    "integer": ("int64", "int32", "float64", "float32"),
    "number": ("float64", "float32"),
    "boolean": ("bool", "int64", "int32", "float64", "float32"),
    "date": ("timestamp",),
    "timestamp": ("timestamp",),
}
_FITS_OUTPUT = {  # the same for what an aggregate or a transform gives
    "float64": ("float64", "float32"),
    "float32": ("float64", "float32"),
    "int64": ("int64", "int32", "float64", "float32"),
    "int32": ("int64", "int32", "float64", "float32"),
    "bool": ("bool", "int64", "int32", "float64", "float32"),
}
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT")
_LABELS: dict[TaskName, str] = {
    "binary": "0, 1 or null; write a condition, such as outcome = 'lost'",
    "multiclass": "the name of a class, or null",
    "regression": "a number, or null",
}
_WIDE = ("BIGINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT")


def mistakes(features: FeatureSetPlan, contract: ContractPlan, task: TaskName = "binary") -> Iterator[str]:
    """One sentence each; `task` says what the label has to be."""
    source = features.source
    if source.dataset != contract.dataset:
        yield f"the features read dataset `{source.dataset}`, the contract describes `{contract.dataset}`"
        return
    for name in dict.fromkeys((source.event_ts, source.known_ts)):
        if name not in contract.names:
            yield f"the source's time `{name}` is not a column of the contract"
        elif contract.column(name).type != "timestamp":
            yield f"the source's time `{name}` is a {contract.column(name).type} in the contract"
    for name in features.request:
        if name not in contract.names:
            yield f"request column `{name}` is not a column of the contract"
        elif (kind := contract.column(name).type) not in _SENT:
            yield f"request column `{name}` is of type {kind}, which no instance holds"
    yield from _of_transforms(features, contract)
    yield from _of_sql(features, contract, task)


def _of_transforms(features: FeatureSetPlan, contract: ContractPlan) -> Iterator[str]:
    made = {name: dtype for view in features.views for name, dtype in view.outputs.items()}
    sent = {name: contract.column(name).type for name in features.request if name in contract.names}
    for transform in features.transforms:
        for name, dtype in transform.inputs.items():
            is_a = made.get(name) or sent.get(name)
            fits = _FITS_OUTPUT[made[name]] if name in made else _FITS.get(str(is_a))
            if fits and dtype not in fits:
                yield (
                    f"transform `{transform.name}` takes `{name}` as {dtype}, it is a {is_a}: "
                    f"declare {' or '.join(fits)}"
                )
        made |= transform.outputs


def _of_sql(features: FeatureSetPlan, contract: ContractPlan, task: TaskName) -> Iterator[str]:
    with connect() as connection:
        connection.register("source", arrow_schema(contract.columns).empty_table())
        yield from _of_label(connection, features, contract, task)
        for view in features.views:
            yield from (f"aggregate `{view.name}`{each}" for each in _of_view(connection, view, contract))


def _of_label(
    connection: duckdb.DuckDBPyConnection, features: FeatureSetPlan, contract: ContractPlan, task: TaskName
) -> Iterator[str]:
    label, where = features.label, f"label `{features.label.name}`"
    request = [f'"{name}", ' for name in features.request if name in contract.names]
    sql = f"select {''.join(request)}{label.sql} as label from source"  # noqa: S608  no data
    if problem := impurity(connection, sql, contract.names):
        yield f"{where}: {problem}"
    elif looks_beyond_its_row(connection, sql):
        yield f"{where} looks beyond its row: it may read the columns of one row only"
    else:
        columns = _columns(connection, sql)
        if isinstance(columns, str):
            yield f"{where}: {columns}"
        elif len(columns) != len(request) + 1:
            yield f"{where} gives {len(columns) - len(request)} columns, not one"
        elif not _labels(columns["label"], task):
            yield f"{where} is a {columns['label']}; for task {task} it must be {_LABELS[task]}"


def _of_view(connection: duckdb.DuckDBPyConnection, view: ViewPlan, contract: ContractPlan) -> Iterator[str]:
    """What follows the name of the aggregate."""
    keys = {key: contract.column(key) for key in view.keys if key in contract.names}
    for key in view.keys:
        if key not in keys:
            yield f": its key `{key}` is not a column of the contract"
        elif keys[key].type not in _IDENTIFIES:
            yield f": its key `{key}` is a {keys[key].type}; an entity is told by {', '.join(_IDENTIFIES)}"
    if problem := impurity(connection, view.sql, contract.names):
        yield f": {problem}"
        return
    columns = _columns(connection, f"select * from ({view.sql})")  # noqa: S608  no data
    if isinstance(columns, str):
        yield f": {columns}"
    elif set(columns) != {*view.keys, *view.outputs}:
        declared = ", ".join(sorted({*view.keys, *view.outputs}))
        yield f" gives {', '.join(sorted(columns))}; its keys and outputs are {declared}"
    else:
        yield from _of_types(view, columns, {name: duckdb_type(column) for name, column in keys.items()})


def _of_types(view: ViewPlan, columns: dict[str, str], keys: dict[str, str]) -> Iterator[str]:
    for name, kind in keys.items():
        if columns[name] != kind:
            yield f" gives its key `{name}` as {columns[name]}, a request has it as {kind}"
    for name, dtype in view.outputs.items():
        if not _casts(columns[name], dtype):
            yield f" gives `{name}` as {columns[name]}, which does not fit {dtype}: cast it in the SQL"


def _columns(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, str] | str:
    """Column -> type in DuckDB's words, or why there are none."""
    try:
        relation = connection.sql(sql)
    except duckdb.Error as cause:
        return str(cause).splitlines()[0]
    return {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}


def _labels(kind: str, task: TaskName) -> bool:
    """Whether values of a type of DuckDB may be labels; names of classes may be numbers too."""
    named = task == "multiclass" and (kind == "VARCHAR" or kind.startswith("ENUM"))
    return named or _casts(kind, "float64")


def _casts(kind: str, dtype: str) -> bool:
    """Whether every value of a type of DuckDB is one of the dtype, the largest integers left aside."""
    if kind == "BOOLEAN":
        return True
    whole = kind in _WHOLE or (kind in _WIDE and dtype != "int32") or kind.endswith(",0)")
    if dtype in ("int64", "int32"):
        return whole
    return dtype != "bool" and (whole or kind in (*_WIDE, "FLOAT", "DOUBLE") or kind.startswith("DECIMAL"))
