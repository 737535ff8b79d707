"""What is put before the gate: test rows, every model's answers to them, and what else is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from tidegate.evaluation.feature_value import FeatureValue
from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.resampling import Floats
from tidegate.features import Array

EVEN_ODDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One model's predictions of the test rows, shape (n,) or (n, k), and the threshold it decides by."""

    run: str
    predictions: Floats
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """All of shape (n,) over the same rows in the same order."""

    task: str
    scorer: Scorer
    labels: NDArray[Any]
    moments: Floats  # seconds since the epoch
    columns: Mapping[str, Array]  # instance members
    candidate: Answers
    champion: Answers | None
    baselines: Mapping[str, Floats]  # name -> predictions
    without_aggregates: Floats | None = None  # the candidate's answers while the online store is down
    features: tuple[FeatureValue, ...] = ()
    mebibytes: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # what the page tells of the run
