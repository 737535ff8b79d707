"""What a training job learns from: rows as features, their folds, and the leaks that a person vouched for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.feature_store.feature_file import load
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import Array
from tidegate.leaks import detector
from tidegate.leaks.sample import Sample
from tidegate.plan import Plan
from tidegate.training.splits import ORDERED, Fold, Timeline, folds, gap
from training_jobs.paths import PIPELINE, Paths
from training_jobs.rows import Rows, read

FEATURE_FILE = PIPELINE / "features.py"
HOUR_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Features and their labels, one row each in the order of the channel.

    Args:
        columns: feature -> shape (n,).
        gap_seconds: between the sides of a fold.
        trusted: as `tidegate.leaks.detector.refuse` tells it.
    """

    rows: Rows
    columns: Mapping[str, Array]
    timeline: Timeline
    sides: list[Fold]
    gap_seconds: float
    trusted: list[dict[str, Any]]

    @classmethod
    def read(cls, plan: Plan, paths: Paths) -> "TrainingData":
        """Those of the channel `train`.

        Raises:
            InsufficientDataError, TidegateError: see training_jobs.rows.
            LeakDetectedError: the rows hold a leak that nobody vouches for.
        """
        training = plan.config.training
        rows = read(paths.channel("train"), plan.instance_types, training.task)
        columns = feature_columns(load(FEATURE_FILE, plan.features.attribute), rows.columns)
        timeline = Timeline(rows.moments, rows.known, rows.labels, _groups(training.group, rows))
        gap_seconds = gap(training.gap_hours * HOUR_SECONDS, rows.known - rows.moments)
        sides = folds(training, timeline, gap_seconds)
        sample = Sample(columns, timeline, sides, gap_seconds if training.split in ORDERED else None)
        return cls(
            rows=rows,
            columns=columns,
            timeline=timeline,
            sides=sides,
            gap_seconds=gap_seconds,
            trusted=detector.refuse(detector.find(sample, rows.task), training.trusted),
        )


def _groups(column: str | None, rows: Rows) -> np.ndarray[Any, np.dtype[np.intp]] | None:
    """The number of each row's group; rows without one are a group together."""
    if column is None:
        return None
    values: Array = rows.columns[column]
    if values.dtype == object:
        values = np.array(["" if value is None else f"={value}" for value in values.tolist()])
    return np.unique(values, return_inverse=True)[1].astype(np.intp)
