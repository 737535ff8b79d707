"""The quality of a model over windows of its predictions: overall, by window, slice and model.

Pure. Everything is measured again from predictions and outcomes on each look, so that a label counts in its
own window however late it comes, and a repeated look says the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tidegate.metrics import Metric
from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Joined, Labelled, Truths, join
from tidegate.monitoring.quality import Promise, Realised, labels_told, realised, slices
from tidegate.task import Task


@dataclass(frozen=True)
class Window:
    run: str
    predictions: Iterable[Prediction]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """`overall` is of the model's labelled predictions in all windows; `document` is everything, as JSON."""

    overall: Realised
    coverage: float | None  # of the predictions of all windows
    contradictions: int  # ids told two outcomes
    document: dict[str, Any]


def report(
    metric: Metric,
    task: Task,
    model: str,
    *,
    windows: Iterable[Window],
    truths: Truths,
    promise: Promise,
) -> Quality:
    """What is known by now of these windows, oldest first.

    Args:
        model: the training run of the champion, whose classes `task` has.
    """
    joined: list[tuple[str, Joined]] = []
    known: set[str] = set()
    for window in windows:
        rows = list(window.predictions)
        known |= {each.inference_id for each in rows}
        joined.append((window.run, join(rows, truths)))

    def measure(rows: Sequence[Labelled]) -> Realised:
        return realised(metric, task, rows, promise)

    labelled = [each for _, found in joined for each in found.labelled]
    own = [each for each in labelled if each.prediction.model == model]
    overall = measure(own)
    told = labels_told([found for _, found in joined])
    models = sorted({each.prediction.model for each in labelled})
    document = {
        "realised": asdict(overall),
        "windows": [
            {"run": run, **labels_told([found]), "realised": asdict(measure(found.labelled))}
            for run, found in joined
        ],
        "slices": [
            {"column": column, "value": value, "realised": asdict(measure(rows))}
            for column, value, rows in slices(own)
        ],
        "models": [
            {
                "model": name,
                "realised": asdict(
                    overall
                    if name == model
                    else measure([each for each in labelled if each.prediction.model == name])
                ),
            }
            for name in models
        ],
        "labels": {
            **told,
            "repeated": truths.repeated,
            "unreadable": truths.unreadable,
            "unknown": len((truths.by_id.keys() | truths.contradicted) - known),
        },
    }
    return Quality(
        overall=overall,
        coverage=told["coverage"],
        contradictions=len(truths.contradicted),
        document=document,
    )
