"""Small trees as Python code: one expression a tree, `0.25 if x3 <= 1.5 else ...`, for one row.

The interpreter then asks a node's question in three instructions where a walk needs a dozen: a third of the
time. The code is built as a syntax tree out of numbers and never read as text, so a model cannot smuggle any
in. Pure standard library.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

MOST_NODES = 20_000  # building and holding code costs some 10 microseconds and 150 bytes a node
MOST_DEPTH = 60  # of nested expressions, far from what Python's own compiler can take
_TOTAL, _ROW = "total", "row"

Sum = Callable[[float, list[Any]], float]  # (base, the row, then the codes of its categories)


def sum_of_leaves(document: Mapping[str, Any]) -> Sum | None:
    """Base plus the leaf of each tree, one after another; None of too large a model.

    Args:
        document: of `tidegate.compiled.trees`, with one output and leaves that are numbers.
    """
    if len(document["features"]) > MOST_NODES or _depth(document) > MOST_DEPTH:
        return None
    nodes = _expressions(document)
    columns = range(document["width"] + len(document["sets"]))
    names = ast.Tuple([ast.Name(_column(i), ast.Store()) for i in columns], ast.Store())
    body: list[ast.stmt] = [ast.Assign([names], _name(_ROW))]
    body += [
        ast.AugAssign(ast.Name(_TOTAL, ast.Store()), ast.Add(), nodes[root]) for root in document["roots"]
    ]
    module = ast.parse(f"def leaves({_TOTAL}, {_ROW}): pass")
    function: Any = module.body[0]
    function.body = [*body, ast.Return(_name(_TOTAL))]
    made: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(module), "<trees>", "exec")
    exec(code, made)  # noqa: S102  made here, of numbers and names of our own
    found: Sum = made["leaves"]
    return found


def _expressions(document: Mapping[str, Any]) -> list[ast.expr]:
    """What each node, with all below it, comes to."""
    features, thresholds, rights = (document[name] for name in ("features", "thresholds", "rights"))
    negated, width = document["negated"], document["width"]
    members = [frozenset(one) for one in document["members"]]
    found: list[Any] = [None] * len(features)
    for i in range(len(features) - 1, -1, -1):
        column, threshold, right = features[i], thresholds[i], rights[i]
        if not right:
            found[i] = ast.Constant(float(threshold))
            continue
        question: ast.cmpop = ast.LtE()
        if column >= width + len(negated):
            column, limit, question = column - len(negated), members[threshold], ast.In()
        elif column >= width:  # `-x <= t` is `x >= -t`, for NaN too, and saves the negative
            column, limit, question = negated[column - width], -float(threshold), ast.GtE()
        else:
            limit = float(threshold)
        asked = ast.Compare(_name(_column(column)), [question], [ast.Constant(limit)])
        found[i] = ast.IfExp(asked, found[i + 1], found[i + right])
    return found


def _depth(document: Mapping[str, Any]) -> int:
    rights = document["rights"]
    depths = [1] * len(rights)
    for i in range(len(rights) - 1, -1, -1):
        if rights[i]:
            depths[i] = 1 + max(depths[i + 1], depths[i + rights[i]])
    return max(depths)


def _column(position: int) -> str:
    return f"x{int(position)}"


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())
