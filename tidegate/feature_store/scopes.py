"""Which names a function looks up outside itself, read off its syntax tree.

`symtable` would need source text without annotations, and a code object's names depend on what each Python
optimises away; this walk gives one answer on every Python.
"""

import ast
from collections.abc import Iterable, Iterator
from itertools import chain

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def globals_read(function: ast.FunctionDef) -> set[str]:
    """Names that are neither the function's own nor of its annotations, those of its defaults included."""
    return set(_read_by(function, frozenset()))


def _read_by(function: _Function, outer: frozenset[str]) -> Iterator[str]:
    """What a function reads that neither it nor a scope around it binds."""
    arguments = function.args
    defaults = [*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)]
    yield from _read_in(defaults, outer)  # they are made where the function is
    own = {each.arg for each in ast.walk(arguments) if isinstance(each, ast.arg)}
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    yield from _read_in(body, outer | own | set(_bound_by(body)))


def _read_in(nodes: Iterable[ast.AST], bound: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and node.id not in bound:
                yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _read_by(node, bound)
        elif isinstance(node, _COMPREHENSIONS):
            yield from _read_by_comprehension(node, bound)
        elif isinstance(node, ast.AnnAssign):
            yield from _read_in([node.target, *([node.value] if node.value else [])], bound)
        else:
            yield from _read_in(ast.iter_child_nodes(node), bound)


def _read_by_comprehension(node: _Comprehension, bound: frozenset[str]) -> Iterator[str]:
    """Its first iterable belongs to the scope around it."""
    first = node.generators[0].iter
    yield from _read_in([first], bound)
    targets = (each.target for each in node.generators)
    own = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    rest = (each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.comprehension))
    generators = chain.from_iterable(map(ast.iter_child_nodes, node.generators))
    yield from _read_in((each for each in chain(rest, generators) if each is not first), bound | own)


def _bound_by(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What statements of one scope give a value, without going into other scopes."""
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, _COMPREHENSIONS):  # an assignment expression in it binds outside of it
            inside = (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            yield from (target.id for target in inside)
        elif not isinstance(node, _NESTED):
            yield from _bound_by(ast.iter_child_nodes(node))
