"""What a model answers to one instance, as JSON, by task.

binary       {"probability": 0.31}                                          of label 1, in [0, 1]
multiclass   {"label": "b", "probabilities": {"a": 0.2, "b": 0.8}}          of every class; they sum to 1
regression   {"value": 12.5}

Pure standard library: control functions compare answers too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

SUM_TOLERANCE = 1e-6  # of the probabilities of all classes


def of(task: str, classes: Sequence[str], prediction: float | Sequence[float]) -> dict[str, Any]:
    """The answer that says this prediction: P(label = 1), the probabilities of the classes, or a number."""
    if isinstance(prediction, float | int):
        return {"probability" if task == "binary" else "value": prediction}
    best = max(range(len(classes)), key=prediction.__getitem__)
    return {"label": classes[best], "probabilities": dict(zip(classes, prediction, strict=True))}


def declared(task: str, value: float | str) -> dict[str, Any]:
    """The answer that a configuration declares for when no model answers."""
    if isinstance(value, str):
        return {"label": value, "probabilities": {value: 1.0}}
    return of(task, (), float(value))


def measured(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What is watched of an answer: one column each in profiles of predictions.

    Of classes the `label` and its probability, the `confidence`; of others the number.

    Raises:
        KeyError, TypeError: it is no answer.
    """
    if "label" in answer:
        label = answer["label"]
        return {"label": str(label), "confidence": _number(answer["probabilities"][label])}
    name = "probability" if "probability" in answer else "value"
    return {name: _number(answer[name])}


def is_valid(task: str, answer: Any) -> bool:
    """Whether it is an answer of this task: the right members, finite, and probabilities within [0, 1]."""
    try:
        numbers = [value for value in measured(answer).values() if not isinstance(value, str)]
        if task == "multiclass":
            numbers = [float(p) for p in answer["probabilities"].values()]
        else:
            numbers = [float(answer["probability" if task == "binary" else "value"])]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    if not all(map(math.isfinite, numbers)):
        return False
    if task == "regression":
        return True
    whole = task == "binary" or abs(sum(numbers) - 1) <= SUM_TOLERANCE
    return whole and all(0 <= number <= 1 for number in numbers)


def distance(expected: Mapping[str, Any], given: Mapping[str, Any]) -> float:
    """The largest difference between numbers of two answers; infinite where one is not a number.

    A label is not compared: it follows from the probabilities, where last bits may decide.

    Raises:
        KeyError, TypeError: one of them is no answer, or not of the same task and classes.
    """
    one, other = _numbers(expected), _numbers(given)
    if one.keys() != other.keys():
        raise KeyError(", ".join(sorted(one.keys() ^ other.keys())))
    apart = [abs(value - other[name]) for name, value in one.items()]
    return math.inf if any(map(math.isnan, apart)) else max(apart)


def _numbers(answer: Mapping[str, Any]) -> dict[str, float]:
    numbers = answer["probabilities"] if "label" in answer else answer
    return {name: _number(value) for name, value in numbers.items()}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("an answer holds numbers")
    return float(value)
