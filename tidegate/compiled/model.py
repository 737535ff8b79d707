"""A compiled model as functions: a row of floats in, predictions of all its outputs out.

Pure standard library. Kinds, each with `steps` before it and a `link` behind it:

    linear      coefficients, intercepts
    trees       see tidegate.compiled.trees
    calibrated  members, each a model and a calibrator for each output; the mean of them
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import mul
from typing import Any

from tidegate.compiled import trees
from tidegate.compiled.links import LINKS, Link, Scores, calibrator
from tidegate.compiled.steps import Step, sequence


@dataclass(frozen=True)
class Model:
    """What comes before, the scores themselves, and what comes after."""

    prepare: Step
    score: Callable[[list[float]], Scores]
    link: Link

    def __call__(self, row: list[float]) -> Scores:
        return self.link(self.score(self.prepare(row)))


def load(document: Mapping[str, Any]) -> Model:
    kinds = {"linear": _linear, "trees": trees.scores, "calibrated": _calibrated}
    return Model(
        sequence(document["steps"]),
        kinds[document["kind"]](document),
        LINKS[document.get("link", "identity")],
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
