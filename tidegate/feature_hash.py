"""A feature version: one hash over everything that decides a feature's value, the same on every Python.

`ast.dump` and `ast.unparse` change between Python versions, so the tree is written down here, without empty
fields, annotations, docstrings and decorators. Formatting and comments change nothing; a constant, a helper
or a window does.
"""

import ast
import hashlib
import inspect
import json
import textwrap
import types
from typing import Any

_SKIPPED = frozenset(
    {"annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_params"}
)
_CONSTANTS = (bool, int, float, str, bytes, tuple, type(None))


def digest(document: Any) -> str:
    """sha256 (hex) of a JSON document, whatever the order of its members."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(function: types.FunctionType) -> dict[str, Any]:
    """A function, each function of ours it calls and each constant it reads, by name.

    Raises:
        TypeError: it reads a global that has no stable value, such as a set or an object.
    """
    found: dict[str, Any] = {}
    _reach(function, found)
    return found


def _reach(function: types.FunctionType, found: dict[str, Any]) -> None:
    tree = parsed(function)
    found[function.__name__] = _canonical(tree)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in sorted(names & set(function.__globals__) - set(found)):
        value = function.__globals__[name]
        value = getattr(value, "function", value)  # a transform that another one calls
        if isinstance(value, types.FunctionType):
            if value.__module__ == function.__module__:
                _reach(value, found)
        elif isinstance(value, types.ModuleType):
            found[name] = value.__name__
        elif isinstance(value, _CONSTANTS):
            found[name] = repr(value)
        elif not _is_annotation_only(name, tree):
            raise TypeError(f"`{name}` is a {type(value).__name__}; a feature may read constants only")


def parsed(function: types.FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function's source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(f"`{function.__name__}` is not a plain function")
    return node


def _is_annotation_only(name: str, tree: ast.FunctionDef) -> bool:
    annotations = [arg.annotation for arg in ast.walk(tree) if isinstance(arg, ast.arg) and arg.annotation]
    annotations += [node.annotation for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    annotations += [tree.returns] if tree.returns else []
    inside = {id(n) for a in annotations for n in ast.walk(a) if isinstance(n, ast.Name)}
    inside |= {id(n) for d in tree.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)}
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    return all(id(node) in inside for node in uses)


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
