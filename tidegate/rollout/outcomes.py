"""The loss of an answer once its outcome is known: less is better, and one number for each prediction.

Pure. Proper scores, so that a model gains nothing by saying other than it believes.

    binary       (probability - outcome) ** 2                 Brier score, in [0, 1]
    multiclass   sum over classes of (p - outcome) ** 2       in [0, 2]
    regression   |value - outcome|                            in the target's unit
"""

import csv
from collections.abc import Mapping
from typing import Any

from tidegate.settings.config import TaskName


def loss(task: TaskName, answer: Mapping[str, Any], outcome: str) -> float:
    """How far an answer was from what came of it.

    Args:
        outcome: as ground truth keeps it, one CSV field; see tidegate.outcomes.

    Raises:
        KeyError, TypeError, ValueError: the answer or the outcome is none of this task.
    """
    if task == "binary":
        return float((float(answer["probability"]) - float(outcome)) ** 2)
    if task == "regression":
        return abs(float(answer["value"]) - float(outcome))
    [[label]] = csv.reader([outcome])
    given = {str(name): float(p) for name, p in answer["probabilities"].items()}
    truth = dict.fromkeys(given, 0.0) | {label: 1.0}
    return sum((given.get(name, 0.0) - share) ** 2 for name, share in truth.items())
