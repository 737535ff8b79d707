"""What came of predictions, joined to them by inference id however late, often and contradictory it is told.

Pure standard library. An id that was told two outcomes is left out and counted: nobody knows which is true.
An outcome observed before its prediction is used and counted, and says nothing of how long labels take.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from tidegate.moments import seconds
from tidegate.monitoring.captured_predictions import Prediction
from tidegate.serving.outcomes import Outcome, of_csv
from tidegate.settings.config import TaskName


@dataclass(frozen=True, kw_only=True)
class Truth:
    outcome: Outcome
    observed: float  # seconds since the epoch


@dataclass
class Truths:
    """Outcomes by inference id, of records in SageMaker's ground-truth form."""

    task: TaskName
    repeated: int = 0  # records that told the same again
    unreadable: int = 0
    contradicted: set[str] = field(default_factory=set)
    by_id: dict[str, Truth] = field(default_factory=dict)

    def add(self, line: bytes) -> None:
        """Read one record; the earliest observation of an outcome counts."""
        if not line.strip():
            return
        try:
            record = json.loads(line)
            event, told = record["eventMetadata"], record["groundTruthData"]
            inference_id = event["eventId"]
            truth = Truth(outcome=of_csv(self.task, told["data"]), observed=seconds(event["observedTime"]))
            known = self.by_id.get(inference_id)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.unreadable += 1
            return
        if inference_id in self.contradicted:
            return
        if known is None:
            self.by_id[inference_id] = truth
        elif known.outcome != truth.outcome:
            self.contradicted.add(inference_id)
            del self.by_id[inference_id]
        else:
            self.repeated += 1
            self.by_id[inference_id] = min(known, truth, key=lambda each: each.observed)


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A prediction and what came of it."""

    prediction: Prediction
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Predictions of a window with their outcomes."""

    predictions: int
    labelled: tuple[Labelled, ...]
    contradicted: int
    early: int  # observed before they were predicted
    lags: tuple[float, ...]  # seconds from prediction to observation, of all that are not early

    @property
    def coverage(self) -> float:
        """Share of predictions with an outcome, in [0, 1]."""
        return len(self.labelled) / self.predictions if self.predictions else 0.0


def join(predictions: Iterable[Prediction], truths: Truths) -> Joined:
    """The outcomes of these predictions; a prediction stands once, whatever was told."""
    unique = {each.inference_id: each for each in predictions}
    labelled, lags, early = [], [], 0
    for inference_id, prediction in unique.items():
        truth = truths.by_id.get(inference_id)
        if truth is None:
            continue
        labelled.append(Labelled(prediction=prediction, outcome=truth.outcome))
        lag = truth.observed - prediction.at
        early += lag < 0
        lags += [lag] if lag >= 0 else []
    return Joined(
        predictions=len(unique),
        labelled=tuple(labelled),
        contradicted=len(truths.contradicted & unique.keys()),
        early=early,
        lags=tuple(lags),
    )
