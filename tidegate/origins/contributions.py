"""What each feature added to a compiled model's score of one row; with `base` they sum to the margin.

Pure standard library. Of trees it is the walk of the row: each question moves the expected value, which is
the mean of the leaves below by the training rows in them, and the difference belongs to the feature that was
asked about (Saabas, 2014, "Interpreting random forests"). Of a line it is coefficient times value. The margin
is what comes before the link and the calibration, log odds of most classifiers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.compiled import steps
from tidegate.compiled.scorer import Scorer
from tidegate.compiled.trees import MISSING

PATH, LINE, MIXED = "tree path", "linear terms", "mean over calibrated members"
MEMBERS = "scores of the members, before their calibration"
SCALES = {
    "logistic": "log odds",
    "logistic_doubled": "half of the log odds",
    "softmax": "log odds of the class, up to a constant",
    "exponential": "logarithm of the value",
    "identity": "the prediction itself",
}


@dataclass(frozen=True, kw_only=True)
class Contributions:
    method: str  # PATH, LINE or MIXED; of tidegate.origins.replacement, its own
    scale: str  # what the numbers are
    output: str | None  # the class they speak of, where there are several
    base: float  # the score before anything is known of the row
    margin: float  # base and contributions together; their sum but for rounding
    by_feature: Mapping[str, float]  # in the order of the model's features


class NotExplainableError(ValueError):
    """The document does not say how many training rows came to a node."""


@dataclass(frozen=True)
class _Part:
    base: float
    terms: list[float]  # one for each column of the row

    def scaled(self, by: float) -> "_Part":
        return _Part(self.base * by, [term * by for term in self.terms])


def of_row(
    document: Mapping[str, Any], row: Mapping[str, Any], scorer: Scorer | None = None
) -> Contributions:
    """Contributions to the answer of a `compiled.json` to named feature values; of the class it answers.

    `scorer` is of the document, where the caller has one: large trees take a while to make.

    Raises:
        NotExplainableError: trees compiled before covers were kept.
        ValueError: the model cannot take a value.
    """
    scorer = scorer or Scorer.load(document)
    vector = scorer.vector(row)
    told = _told(scorer, document, vector)
    columns: list[int | None] = list(range(len(vector)))
    part = _of_model(document["model"], vector, columns, len(vector), told.output)
    if told.flipped:
        part = part.scaled(-1.0)
    kind, link = document["model"]["kind"], document["model"].get("link", "identity")
    return Contributions(
        method={"trees": PATH, "linear": LINE, "calibrated": MIXED}[kind],
        scale=MEMBERS if kind == "calibrated" else SCALES.get(link, f"before the link {link}"),
        output=told.name,
        base=part.base,
        margin=_total(part),
        by_feature=dict(zip(scorer.features, part.terms, strict=True)),
    )


@dataclass(frozen=True)
class _Told:
    """Which output is explained. Of two classes only the second has a score: flipped, it is the first's."""

    output: int = 0
    name: str | None = None
    flipped: bool = False


def _told(scorer: Scorer, document: Mapping[str, Any], vector: list[float]) -> _Told:
    answered = scorer.one(vector)
    if not isinstance(answered, list):
        return _Told()
    best = max(range(len(answered)), key=answered.__getitem__)
    name, fitted = scorer.classes[best], document["columns"]
    if len(scorer.model(vector)) == 1:
        return _Told(name=name, flipped=best == 0)
    return _Told(best if fitted is None else fitted.index(best), name)


def _total(part: _Part) -> float:
    return part.base + sum(part.terms)


def _of_model(
    document: Mapping[str, Any], row: list[float], columns: list[int | None], width: int, output: int
) -> _Part:
    """Of a model and its steps.

    Args:
        row: what the steps take.
        columns: which feature each of its values is made of; None for none.
        width: how many features there are.
    """
    prepared = steps.sequence(document["steps"])(row)
    made_of = _through(document["steps"], columns)
    if document["kind"] == "calibrated":
        parts = [_of_model(m["model"], prepared, made_of, width, output) for m in document["members"]]
        return _mean(parts)
    found = (
        _of_line(document, prepared, output)
        if document["kind"] == "linear"
        else _of_trees(document, prepared, output)
    )
    terms = [0.0] * width
    for feature, term in zip(made_of, found.terms, strict=True):
        if feature is not None:
            terms[feature] += term
    return _Part(found.base, terms)


def _mean(parts: Sequence[_Part]) -> _Part:
    share = 1.0 / len(parts)
    terms = [sum(values) * share for values in zip(*(part.terms for part in parts), strict=True)]
    return _Part(sum(part.base for part in parts) * share, terms)


def _of_line(document: Mapping[str, Any], row: list[float], output: int) -> _Part:
    coefficients = document["coefficients"][output]
    return _Part(document["intercepts"][output], [c * x for c, x in zip(coefficients, row, strict=True)])


def _of_trees(document: Mapping[str, Any], row: list[float], output: int) -> _Part:
    """Each tree's root is its expected value; of several outputs, tree j adds to output j modulo them."""
    if "covers" not in document:
        raise NotExplainableError("the trees were compiled without the training rows of their nodes")
    features, rights = document["features"], document["rights"]
    means = _means(document, output)
    widened, made_of = _widened(document, row)
    terms = [0.0] * len(row)
    base = document["base"][output]
    in_turns = document["leaves"] is None and len(document["base"]) > 1
    for number, root in enumerate(document["roots"]):
        if in_turns and number % len(document["base"]) != output:
            continue
        base += means[root]
        at = root
        while rights[at]:
            column = features[at]
            left = _is_left(document, column, document["thresholds"][at], widened)
            child = at + 1 if left else at + rights[at]
            terms[made_of[column]] += means[child] - means[at]
            at = child
    return _Part(base, terms).scaled(1.0 / document["divisor"])


def _is_left(document: Mapping[str, Any], column: int, threshold: Any, row: Sequence[float]) -> bool:
    if column >= document["width"] + len(document["negated"]):
        return row[column] in document["members"][threshold]
    return row[column] <= float(threshold)


def _widened(document: Mapping[str, Any], row: list[float]) -> tuple[list[float], list[int]]:
    """The row with its further columns behind it, and which of its own each is made of."""
    negated, sets = document["negated"], document["sets"]
    codes: list[float] = []
    for one in sets:
        value, values = row[one["column"]], one["values"]
        codes.append(values.index(value) if value in values else MISSING)
    made_of = [*range(len(row)), *negated, *(one["column"] for one in sets)]
    return [*row, *(-row[i] for i in negated), *codes], made_of


def _means(document: Mapping[str, Any], output: int) -> list[float]:
    """The mean of the leaves below each node, by the training rows in them; children come after parents."""
    values, rights, covers = document["thresholds"], document["rights"], document["covers"]
    table = document["leaves"]
    means = [0.0] * len(values)
    for at in range(len(values) - 1, -1, -1):
        right = rights[at]
        if not right:
            means[at] = values[at] if table is None else table[values[at]][output]
            continue
        one, other = at + 1, at + right
        total = covers[one] + covers[other]
        share = covers[one] / total if total else 0.5
        means[at] = means[one] * share + means[other] * (1.0 - share)
    return means


def _through(documents: Iterable[Mapping[str, Any]], columns: list[int | None]) -> list[int | None]:
    """Which feature each value is made of after these steps: every step works on columns alone."""
    for document in documents:
        kind = document["kind"]
        if kind == "select":
            columns = [columns[i] for i in document["columns"]]
        elif kind == "one_hot":
            columns = _spread(document, columns)
        elif kind == "branches":
            columns = [made for branch in document["branches"] for made in _through(branch, columns)]
    return columns


def _spread(document: Mapping[str, Any], columns: list[int | None]) -> list[int | None]:
    found: list[int | None] = [None] * document["width"]
    for feature, one in zip(columns, document["columns"], strict=True):
        for code in (*one["codes"], one["missing"], one["unknown"]):
            if isinstance(code, int) and code >= 0:
                found[code] = feature
    return found
