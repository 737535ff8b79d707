"""A feature version: one hash over everything that decides a feature's value, the same on every Python.

`ast.dump` and `ast.unparse` change between Python versions, so the tree is written down here, without empty
fields, annotations, docstrings and decorators. Formatting and comments change nothing; a constant, a helper
or a window does.
"""

import ast
import hashlib
import inspect
import json
import symtable
import textwrap
import types
from typing import Any

_SKIPPED = frozenset(
    {"annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_params"}
)
_CONSTANTS = (bool, int, float, str, bytes, type(None))


def digest(document: Any) -> str:
    """sha256 (hex) of a JSON document, whatever the order of its members."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(function: types.FunctionType) -> dict[str, Any]:
    """A function, each function of ours it calls and each constant it reads, by name.

    Raises:
        TypeError: see `reached`.
    """
    return {name: _described(value) for name, value in reached(function).items()}


def reached(function: types.FunctionType) -> dict[str, Any]:
    """The function and every global that it, and the helpers it calls, read: functions, modules, constants.

    Raises:
        TypeError: one of them has no stable value, such as a set or an object, or no source beside it: a
            variable of an enclosing function, or a function of another module.
    """
    found: dict[str, Any] = {function.__name__: function}
    pending = [function]
    while pending:
        current = pending.pop()
        if current.__closure__:
            names = ", ".join(current.__code__.co_freevars)
            raise TypeError(f"`{current.__name__}` reads {names} of an enclosing function")
        for name in sorted(globals_read(current) & set(current.__globals__) - set(found)):
            value = current.__globals__[name]
            value = getattr(value, "function", value)  # a transform that another one calls
            if isinstance(value, types.FunctionType):
                if value.__module__ != function.__module__:
                    raise TypeError(f"`{name}` is a function of {value.__module__}; define it beside its use")
                pending.append(value)
            elif not isinstance(value, types.ModuleType) and not _is_constant(value):
                raise TypeError(f"`{name}` is a {type(value).__name__}; a feature may read constants only")
            found[name] = value
    return found


def parsed(function: types.FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function's source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(f"`{function.__name__}` is not a plain function")
    return node


def globals_read(function: types.FunctionType) -> set[str]:
    """Names that are looked up outside the function when it runs; neither its own nor annotations."""
    tree = parsed(function)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns = [], None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(value=None)
    return _looked_up(symtable.symtable(ast.unparse(tree), function.__name__, "exec"))


def _looked_up(table: symtable.SymbolTable) -> set[str]:
    found = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() and symbol.is_global()
    }
    return found.union(*map(_looked_up, table.get_children()))


def _is_constant(value: Any) -> bool:
    return all(map(_is_constant, value)) if isinstance(value, tuple) else isinstance(value, _CONSTANTS)


def _described(value: Any) -> Any:
    if isinstance(value, types.FunctionType):
        return _canonical(parsed(value))
    return value.__name__ if isinstance(value, types.ModuleType) else repr(value)


def _canonical(node: Any) -> Any:
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {}
    for name, value in ast.iter_fields(node):
        kept = value
        if name == "body" and isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            kept = value[1:] or [ast.Pass()]
        if name not in _SKIPPED and kept is not None and kept != []:
            fields[name] = _canonical(kept)
    return [type(node).__name__, sorted(fields.items())]
