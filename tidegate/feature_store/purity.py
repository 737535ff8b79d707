"""Whether a feature's function can only answer from its arguments, as far as names tell.

A fence against accidents, not against malice: features.py is the user's own code.
"""

import ast
import builtins
import linecache
import re
import types
from collections.abc import Iterator
from pathlib import Path

from tidegate.errors import ConfigError
from tidegate.feature_store.feature_hash import parsed, reached
from tidegate.feature_store.scopes import globals_read

ALLOWED_MODULES = ("numpy", "math")
# Of Python's own functions, those that answer from their arguments alone; a set made from texts has another
# order in each process.
_BUILTINS = frozenset(
    {"abs", "all", "any", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float"}
    | {"format", "int", "isinstance", "len", "list", "map", "max", "min", "ord", "pow", "range", "reversed"}
    | {"round", "slice", "sorted", "str", "sum", "tuple", "zip", "ArithmeticError", "IndexError", "KeyError"}
    | {"OverflowError", "TypeError", "ValueError", "ZeroDivisionError", "NotImplemented", "Ellipsis"}
)
_CHANCE = frozenset({"random", "default_rng", "RandomState", "Generator"})
_CLOCK = frozenset({"now", "today", "utcnow", "time", "time_ns", "perf_counter", "monotonic"})
_OUTSIDE = frozenset(
    {"fromfile", "genfromtxt", "loadtxt", "load", "save", "savez", "savez_compressed", "savetxt", "tofile"}
    | {"memmap", "DataSource", "lib", "ctypeslib", "f2py", "testing", "show_config", "open"}
)
_STATE = frozenset({"seterr", "seterrcall", "setbufsize", "set_printoptions", "setflags"})
_UNWRITTEN = frozenset({"empty", "empty_like", "ndarray"})
_WHY = {
    _CHANCE: "which may answer differently each time",
    _CLOCK: "which may answer differently each time",
    _OUTSIDE: "which reads or writes outside of the arguments",
    _STATE: "which changes how others compute",
    _UNWRITTEN: "which holds whatever was in memory; use np.zeros or np.full",
}
_REFUSED = (
    *(ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.ClassDef, ast.AsyncFunctionDef),
    *(ast.Await, ast.Yield, ast.YieldFrom),
)


def check_pure(function: types.FunctionType, where: str) -> None:
    """Raise ConfigError if the function, or a helper it calls, may answer differently another time."""
    if problem := impurity(function):
        raise ConfigError(f"{where} is not pure", cause=problem, hint="numpy and math are allowed")


def impurity(function: types.FunctionType) -> str | None:
    """What makes the function, or a helper it calls, answer differently another time; None if nothing."""
    try:
        found = reached(function)
    except (TypeError, OSError, SyntaxError) as cause:
        return str(cause)
    for name, value in found.items():
        if isinstance(value, types.ModuleType) and value.__name__ not in ALLOWED_MODULES:
            return f"it uses the module `{value.__name__}`"
        if isinstance(value, types.FunctionType):
            for line, problem in _of_body(value):
                where = f"{Path(value.__code__.co_filename).name}:{line}"
                return f"`{name}` {problem} ({where})"
    return None


def _of_body(function: types.FunctionType) -> Iterator[tuple[int, str]]:
    """Line and problem."""
    tree = parsed(function)
    known, outside = function.__globals__, globals_read(tree)
    for node in _nodes(tree):
        line = getattr(node, "lineno", tree.lineno)
        if isinstance(node, _REFUSED):
            yield line, f"contains `{linecache.getline(function.__code__.co_filename, line).strip()}`"
        elif isinstance(node, ast.Attribute):
            if why := _why_not(node.attr):
                yield line, f"uses `{node.attr}`, {why}"
        elif isinstance(node, ast.Name) and node.id in outside:
            if node.id in known:  # `reached` has judged its value; what it is called tells nothing
                continue
            if hasattr(builtins, node.id) and node.id not in _BUILTINS:
                yield line, f"uses `{node.id}`, which may answer differently each time"
        elif isinstance(node, ast.Constant) and _is_today(node.value) and _makes_dates(tree):
            yield line, f"reads the clock by {node.value!r}"


def _nodes(tree: ast.FunctionDef) -> Iterator[ast.AST]:
    """Of its arguments' defaults and its body; decorators and annotations compute no value."""
    pending: list[ast.AST] = [*tree.args.defaults, *filter(None, tree.args.kw_defaults), *tree.body]
    while pending:
        node = pending.pop(0)
        yield node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list", "type_params"):
                pending += [
                    each
                    for each in (value if isinstance(value, list) else [value])
                    if isinstance(each, ast.AST)
                ]


def _why_not(attribute: str) -> str | None:
    if attribute.startswith("__"):
        return "which reaches into Python itself"
    return next((why for names, why in _WHY.items() if attribute in names), None)


def _is_today(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("now", "today")


def _makes_dates(tree: ast.FunctionDef) -> bool:
    """Whether it makes dates: numpy reads "now" and "today" as moments."""
    return re.search("datetime64|M8", ast.dump(tree)) is not None
