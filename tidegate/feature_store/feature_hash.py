"""A feature version: one hash over everything that decides a feature's value, the same on every Python.

`ast.dump`, `ast.unparse` and `repr` of text change between Python versions, so the tree is written down here,
without empty fields, annotations, docstrings and decorators. Formatting and comments change nothing; a
constant, a helper or a window does.
"""

import ast
import hashlib
import json
import linecache
import types
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.scopes import globals_read

_SKIPPED = frozenset(
    {"annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_params"}
)
_CONSTANTS = (bool, int, float, str, bytes, type(None))


def digest(document: Any) -> str:
    """sha256 (hex) of a JSON document, whatever the order of its members."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def minor_version(library: str) -> str:
    """Its version as far as the last bits of a value may change with it.

    `none` where it is not installed: what only runs transforms has no DuckDB, and compares no hashes.
    """
    try:
        return ".".join(version(library).split(".")[:2])
    except PackageNotFoundError:
        return "none"


def of_plan(plan: FeatureSetPlan, code: Mapping[str, Any]) -> str:
    """The hash of a feature set; `code` is `code_of` each transform, by its name."""
    bare = replace(plan, hash="", transforms=tuple(replace(each, code="") for each in plan.transforms))
    return digest(
        {
            "plan": bare.to_json(),
            # a digest forgets the order of members, and arrays go in and come out by position
            "order": [[list(each.inputs), list(each.outputs)] for each in plan.transforms],
            "code": dict(code),
            "numpy": minor_version("numpy"),
        }
    )


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
            variable of an enclosing function, or a function of another module; or a default is no constant.
    """
    found: dict[str, Any] = {function.__name__: function}
    pending = [function]
    while pending:
        current = pending.pop()
        if current.__closure__:
            names = ", ".join(current.__code__.co_freevars)
            raise TypeError(f"`{current.__name__}` reads {names} of an enclosing function")
        if not _is_constant(_defaults(current)):
            raise TypeError(f"`{current.__name__}` has a default that is not a constant")
        for name in sorted(globals_read(parsed(current)) & set(current.__globals__) - set(found)):
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
    """The syntax tree of a function, with the lines it has in its file. Read only: it is shared.

    Raises:
        TypeError: it is a lambda, or its file says something else by now.
    """
    code = function.__code__
    for node in ast.walk(_tree("".join(linecache.getlines(code.co_filename)))):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    raise TypeError(f"`{function.__name__}` is not a plain function of `{code.co_filename}`")


@lru_cache(maxsize=8)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _defaults(function: types.FunctionType) -> tuple[Any, ...]:
    return (*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items()))


def _is_constant(value: Any) -> bool:
    return all(map(_is_constant, value)) if isinstance(value, tuple) else isinstance(value, _CONSTANTS)


def _described(value: Any) -> Any:
    if isinstance(value, types.FunctionType):
        return [canonical(parsed(value)), _written(_defaults(value))]
    return value.__name__ if isinstance(value, types.ModuleType) else _written(value)


def _written(value: Any) -> Any:
    """A constant, numpy's numbers included, so that 1, 1.0 and True differ."""
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    plain = next((kind for kind in (bool, int, float, str, bytes) if isinstance(value, kind)), None)
    # ascii: which characters repr() shows as they are depends on the Unicode version
    return [type(value).__name__, ascii(plain(value) if plain else value)]


def canonical(node: Any) -> Any:
    """A syntax tree as JSON, equal for equal meaning: on Python 3.10 to 3.14, however it is formatted."""
    if isinstance(node, list):
        return [canonical(item) for item in node]
    if not isinstance(node, ast.AST):
        return ascii(node)
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        node = ast.Assign(targets=[node.target], value=node.value)
    fields = {}
    for name, value in ast.iter_fields(node):
        kept = value
        if name == "body" and isinstance(value, list):
            kept = _statements(node, value)
        elif name == "values" and isinstance(node, ast.JoinedStr):
            kept = _pieces(value)
        elif name == "format_spec" and isinstance(value, ast.JoinedStr) and not _pieces(value.values):
            kept = None  # f"{a:}", with or without an empty text in it
        elif name == "str" and type(node).__name__ == "Interpolation":
            kept = None  # of a t-string: its source text, white space and all
        if name not in _SKIPPED and kept is not None and kept != []:
            fields[name] = canonical(kept)
    return [type(node).__name__, sorted(fields.items())]


def _statements(node: ast.AST, body: list[ast.stmt]) -> list[ast.stmt]:
    """Without docstring and mere annotations."""
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
        body = body[1:]
    kept = [each for each in body if not (isinstance(each, ast.AnnAssign) and each.value is None)]
    return kept or [ast.Pass()]


def _pieces(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, its text in one piece each: how Pythons cut it differs."""
    joined: list[ast.expr] = []
    for part in values:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if not part.value:
                continue
            before = joined[-1] if joined else None
            if isinstance(before, ast.Constant):
                joined[-1] = ast.Constant(value=str(before.value) + part.value)
                continue
        joined.append(part)
    return joined
