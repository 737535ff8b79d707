"""Whether a feature's function can only answer from its arguments, as far as names tell.

A fence against accidents, not against malice: features.py is the user's own code.
"""

import ast
import types

from tidegate.feature_hash import globals_read, parsed, reached

_ALLOWED_MODULES = ("numpy", "math")
_IMPURE = frozenset(
    {"random", "default_rng", "now", "today", "time", "open", "input", "print", "eval", "exec"}
    | {"__import__", "getattr", "globals", "fromfile", "genfromtxt", "loadtxt"}
)


def impurity(function: types.FunctionType) -> str | None:
    """What makes the function, or a helper it calls, answer differently another time; None if nothing."""
    try:
        found = reached(function)
    except (TypeError, OSError, SyntaxError) as cause:
        return str(cause)
    for value in found.values():
        if isinstance(value, types.ModuleType) and value.__name__ not in _ALLOWED_MODULES:
            return f"it uses the module `{value.__name__}`"
        if isinstance(value, types.FunctionType) and (problem := _of_body(value)):
            return problem
    return None


def _of_body(function: types.FunctionType) -> str | None:
    used = globals_read(function)
    for node in ast.walk(parsed(function)):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
            return f"`{function.__name__}` contains `{ast.unparse(node)}`"
        if isinstance(node, ast.Attribute):
            used.add(node.attr)
    impure = sorted(used & _IMPURE)
    return f"`{function.__name__}` uses `{impure[0]}`, which may answer differently" if impure else None
