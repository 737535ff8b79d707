"""The quality of a model over windows of its predictions: overall, by window, slice and model.

Pure. Everything is measured again from predictions and outcomes on each look, so that a label counts in its
own window however late it comes, and a repeated look says the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Joined, Labelled, Truths, join
from tidegate.monitoring.label_trust import Limits, Trust, trust
from tidegate.monitoring.quality import Measured, Promise, Realised, labels_told, slices
from tidegate.profile import Profile
from tidegate.training.task import Task


@dataclass(frozen=True)
class Window:
    run: str
    predictions: Sequence[Prediction]


@dataclass(frozen=True, kw_only=True)
class Believed:
    """What outcomes are held against before they count."""

    training: Profile | None  # of the labels that trained the champion
    limits: Limits


@dataclass(frozen=True, kw_only=True)
class Quality:
    """`overall` is of the model's labelled predictions in all windows; `document` is everything, as JSON."""

    overall: Realised
    coverage: float | None  # of the champion's predictions of all windows
    contradictions: int  # ids told two outcomes
    trust: Trust
    document: dict[str, Any]


def report(
    measured: Measured,
    task: Task,
    model: str,
    *,
    windows: Iterable[Window],
    truths: Truths,
    promise: Promise,
    believed: Believed,
) -> Quality:
    """What is known by now of these windows, oldest first.

    Args:
        measured: by earlier looks.
        model: the training run of the champion, whose classes `task` has.
    """
    rows = [(window.run, window.predictions) for window in windows]
    everybody = [each for _, found in rows for each in found]
    of_champions = [(run, join([each for each in found if each.champion], truths)) for run, found in rows]
    labelled = join(everybody, truths).labelled

    def measure(rows: Sequence[Labelled]) -> Realised:
        return measured.realised(task, rows, promise)

    own = [each for each in labelled if each.prediction.model == model]
    told = labels_told([found for _, found in of_champions])
    trusted = trust(
        task,
        believed.training,
        truths,
        own=own,
        windows=[(run, _of(model, found.labelled)) for run, found in of_champions],
        limits=believed.limits,
    )
    overall = measure(own)
    if trusted.status == "suspicious" and overall.status != "insufficient":
        overall = replace(overall, status="suspicious")
    document = {
        "realised": asdict(overall),
        "windows": [
            {"run": run, **labels_told([found]), "realised": asdict(measure(found.labelled))}
            for run, found in of_champions
        ],
        "slices": [
            {"column": column, "value": value, "realised": asdict(measure(rows))}
            for column, value, rows in slices(own)
        ],
        "models": [
            {"model": name, "realised": asdict(overall if name == model else measure(_of(name, labelled)))}
            for name in sorted({each.prediction.model for each in labelled})
        ],
        "variants": _variants(everybody, truths, model, measure),
        "labels": {
            **told,
            "repeated": truths.repeated,
            "unreadable": truths.unreadable,
            "unknown": len((truths.by_id.keys() | truths.contradicted) - {e.inference_id for e in everybody}),
            "trust": trusted.to_json(),
        },
    }
    return Quality(
        overall=overall,
        coverage=told["coverage"],
        contradictions=len(truths.contradicted),
        trust=trusted,
        document=document,
    )


def _of(model: str, labelled: Sequence[Labelled]) -> list[Labelled]:
    return [each for each in labelled if each.prediction.model == model]


def _variants(
    predictions: Sequence[Prediction],
    truths: Truths,
    champion: str,
    measure: Callable[[Sequence[Labelled]], Realised],
) -> list[dict[str, Any]]:
    """Each model in each place it answered from: a candidate beside the champion."""
    places: dict[tuple[str, str], list[Prediction]] = {}
    for each in predictions:
        places.setdefault((each.variant, each.model), []).append(each)
    found: list[tuple[tuple[str, str], Joined]] = [
        (place, join(rows, truths)) for place, rows in sorted(places.items())
    ]
    return [
        {
            "variant": variant,
            "model": model,
            "champion": model == champion,
            **labels_told([joined]),
            "realised": asdict(measure(joined.labelled)),
        }
        for (variant, model), joined in found
    ]
