"""Small trees as Python code: one expression a tree, `0.25 if x3 <= 1.5 else ...`, for one row.

The interpreter then asks a node's question in three instructions where a walk needs a dozen: a third of the
time. What brings the row to the trees is in the same function, as a call costs what three trees do. What a
category answers to all nodes that ask for it is known beforehand, so a node only picks its own answer.

The trees' code is a syntax tree made of numbers: no text of a model's is ever read as code. Pure standard
library.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import nan
from typing import Any

from tidegate.compiled.layout import Layout
from tidegate.compiled.links import Scores

MOST_NODES = 20_000  # building and holding code costs some 10 microseconds and 150 bytes a node
MOST_DEPTH = 60  # of nested expressions, far from what Python's own compiler can take
ADDED_AT_ONCE = 10  # trees of one expression, whose sum stays on the interpreter's stack

Answers = tuple[bool, ...]  # of a category, to each of the sets that nodes ask for
Sum = Callable[[Any], Scores]


def scores(document: Mapping[str, Any], layout: Layout | None = None) -> Sum | None:
    """Raw scores of one row, as tidegate.compiled.trees has them; None of too large a model.

    Args:
        layout: of rows as requests bring them; without it a row is a vector of floats.
    """
    additions = len(document["roots"]) * len(document["base"])
    if len(document["features"]) + additions > MOST_NODES or _depth(document) > MOST_DEPTH:
        return None
    sets = _Sets(document)
    trees = _expressions(document, sets)
    names: dict[str, Any] = {"nan": nan}
    body = [*_columns(document, layout, sets, names), *_sums(document, trees)]
    module = ast.parse("def scores(row): pass")
    function: Any = module.body[0]
    function.body = body
    code = compile(ast.fix_missing_locations(module), "<trees>", "exec")
    exec(code, names)  # noqa: S102  made here, of numbers and names of our own
    found: Sum = names["scores"]
    return found


class _Sets:
    """Of each categorical column the sets of codes that its nodes ask for, each once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.first: int = document["width"] + len(document["negated"])  # columns from here on are theirs
        self._values = [one["values"] for one in document["sets"]]
        self._members = [frozenset(members) for members in document["members"]]
        self._asked: list[dict[frozenset[int], int]] = [{} for _ in self._values]

    def place(self, column: int, at: int) -> tuple[int, int]:
        """The set's column, counted from the first, and where among its answers that of `members[at]` is."""
        asked = self._asked[column - self.first]
        return column - self.first, asked.setdefault(self._members[at], len(asked))

    def answers(self, number: int) -> tuple[dict[float, Answers], Answers]:
        """Of each value, and of all others."""
        asked, missing = self._asked[number], -1
        found = {
            float(v): tuple(code in left for left in asked) for code, v in enumerate(self._values[number])
        }
        return found, tuple(missing in left for left in asked)


def _expressions(document: Mapping[str, Any], sets: _Sets) -> list[ast.expr]:
    """What each tree comes to: a number, or with a table of vectors one of them."""
    features, thresholds, rights = (document[name] for name in ("features", "thresholds", "rights"))
    negated, width, table = document["negated"], document["width"], document["leaves"]
    found: list[Any] = [None] * len(features)
    for i in range(len(features) - 1, -1, -1):
        column, threshold, right = features[i], thresholds[i], rights[i]
        if not right:
            value: Any = float(threshold) if table is None else tuple(map(float, table[threshold]))
            found[i] = ast.Constant(value)
            continue
        question: ast.expr
        if column >= sets.first:
            number, place = sets.place(column, threshold)
            question = ast.Subscript(_name(f"s{number}"), ast.Constant(place), ast.Load())
        elif column >= width:  # `-x <= t` is `x >= -t`, for NaN too, and saves the negative
            limit = ast.Constant(-float(threshold))
            question = ast.Compare(_name(f"x{int(negated[column - width])}"), [ast.GtE()], [limit])
        else:
            limit = ast.Constant(float(threshold))
            question = ast.Compare(_name(f"x{int(column)}"), [ast.LtE()], [limit])
        found[i] = ast.IfExp(question, found[i + 1], found[i + right])
    return [found[root] for root in document["roots"]]


def _columns(
    document: Mapping[str, Any], layout: Layout | None, sets: _Sets, names: dict[str, Any]
) -> Iterator[ast.stmt]:
    """From a row to numbers `x0`, `x1`, ... and answers `s0`, `s1`, ...; `names` gets what that needs."""
    width, negated = document["width"], document["negated"]
    places, size = (range(width), width) if layout is None else (layout.places, layout.size)
    columns = ["_"] * size
    for column, place in enumerate(places):
        columns[place] = f"x{column}"
    yield from _statements(f"{', '.join(columns)}, = row")
    codes = {} if layout is None else layout.codes
    for number, one in enumerate(document["sets"]):
        column = int(one["column"])
        answers, names[f"others{number}"] = sets.answers(number)
        texts = codes.get(column)
        known = answers if texts is None else {t: answers[c] for t, c in texts.items() if c in answers}
        names[f"answers{number}"] = known.get
        yield from _statements(f"s{number} = answers{number}(x{column}, others{number})")
    if layout is None:
        return
    numbers = {
        int(negated[feature - width] if feature >= width else feature)
        for feature, right in zip(document["features"], document["rights"], strict=True)
        if right and feature < sets.first
    }
    for column in sorted(numbers):
        if column in codes:
            names[f"codes{column}"] = codes[column].get
            yield from _statements(f"x{column} = codes{column}(x{column}, nan)")
        else:
            yield from _statements(f"if x{column} is None: x{column} = nan")


def _sums(document: Mapping[str, Any], trees: Sequence[ast.expr]) -> Iterator[ast.stmt]:
    """Base plus the trees, one after another, to `t0`, `t1`, ... of the outputs."""
    base, divisor = document["base"], document["divisor"]
    outputs = range(len(base))
    for output in outputs:
        yield ast.Assign([ast.Name(f"t{output}", ast.Store())], ast.Constant(float(base[output])))
    if document["leaves"] is None:
        for output in outputs:
            mine = trees[output :: len(base)]
            for at in range(0, len(mine), ADDED_AT_ONCE):
                total: ast.expr = _name(f"t{output}")
                for tree in mine[at : at + ADDED_AT_ONCE]:
                    total = ast.BinOp(total, ast.Add(), tree)
                yield ast.Assign([ast.Name(f"t{output}", ast.Store())], total)
    else:
        for tree in trees:
            values = ast.Tuple([ast.Name(f"v{output}", ast.Store()) for output in outputs], ast.Store())
            yield ast.Assign([values], tree)
            for output in outputs:
                yield from _statements(f"t{output} += v{output}")
    over = f" / {int(divisor)}" if divisor != 1 else ""
    returned = ast.parse(f"[{', '.join(f't{output}{over}' for output in outputs)}]", mode="eval")
    yield ast.Return(returned.body)


def _depth(document: Mapping[str, Any]) -> int:
    rights = document["rights"]
    depths = [1] * len(rights)
    for i in range(len(rights) - 1, -1, -1):
        if rights[i]:
            depths[i] = 1 + max(depths[i + 1], depths[i + rights[i]])
    return max(depths)


def _statements(text: str) -> list[ast.stmt]:
    """Of text of our own: names with numbers that were counted here."""
    return ast.parse(text).body


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())
