"""A compiled model as functions: a row in, predictions of all its outputs out.

Pure standard library. Kinds, each with `steps` before it and a `link` behind it:

    linear      coefficients, intercepts
    trees       see tidegate.compiled.trees
    calibrated  members, each a model and a calibrator for each output; the mean of them
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from tidegate.compiled import trees, unrolled
from tidegate.compiled.layout import Layout
from tidegate.compiled.links import LINKS, Link, Scores, calibrator
from tidegate.compiled.steps import sequence


@dataclass(frozen=True)
class Model:
    """What comes before, the scores themselves, and what comes after."""

    prepare: Callable[[Any], Any]
    score: Callable[[Any], Scores]
    link: Link

    def __call__(self, row: Any) -> Scores:
        return self.link(self.score(self.prepare(row)))


def load(document: Mapping[str, Any], layout: Layout | None = None) -> Model:
    """Of rows that are vectors of floats, or as `layout` says."""
    kinds = {"linear": _linear, "trees": trees.scores, "calibrated": _calibrated}
    link = LINKS[document.get("link", "identity")]
    steps = sequence(document["steps"])
    if layout is None:
        return Model(steps, kinds[document["kind"]](document), link)
    is_whole = document["kind"] == "trees" and _passes_all(document["steps"], layout)
    if is_whole and (scores := unrolled.scores(document, layout)) is not None:
        return Model(lambda row: row, scores, link)
    vector = layout.vector
    return Model(lambda row: steps(vector(row)), kinds[document["kind"]](document), link)


def _passes_all(steps: Sequence[Mapping[str, Any]], layout: Layout) -> bool:
    """Whether all that is done to a row is to check codes of categories, which are small numbers or NaN."""
    return all(
        step["kind"] == "check"
        and step["nan"]
        and step["columns"] is not None
        and set(step["columns"]) <= layout.codes.keys()
        for step in steps
    )


def _linear(document: Mapping[str, Any]) -> Callable[[list[float]], Scores]:
    lines = list(zip(document["coefficients"], document["intercepts"], strict=True))
    return lambda row: [sum(map(mul, coefficients, row)) + intercept for coefficients, intercept in lines]


def _calibrated(document: Mapping[str, Any]) -> Callable[[list[float]], Scores]:
    members = [
        (load(member["model"]), [calibrator(one) for one in member["calibrators"]])
        for member in document["members"]
    ]

    def mean(row: list[float]) -> Scores:
        totals: Scores | None = None
        for model, calibrators in members:
            found = [at(score) for at, score in zip(calibrators, model(row), strict=True)]
            if len(found) > 1:
                total = sum(found)
                found = [value / total for value in found] if total else [1.0 / len(found)] * len(found)
            totals = found if totals is None else [a + b for a, b in zip(totals, found, strict=True)]
        return [value / len(members) for value in totals or ()]

    return mean
