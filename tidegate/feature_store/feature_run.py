"""One run of the features machine: views, their ticks, and how the work is shared out.

Pure standard library. The document lies in the lake; the state machine carries what `FeaturePlan` says of it.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.feature_store.feature_plan import SHORT_HASH, ViewPlan
from tidegate.feature_store.ticks import Interval, count
from tidegate.messages.features import FeatureBatch
from tidegate.messages.message import Message

JOB_BATCHES = 16  # the cores of an ml.m5.4xlarge
FUNCTION_ROWS = 50_000_000  # rows that fit the disk of a function, whatever few ticks see them


@dataclass(frozen=True, kw_only=True)
class ViewRun(Message):
    """The ticks of one view that a run computes."""

    view: ViewPlan
    intervals: tuple[Interval, ...]
    whole: bool  # its whole history: nothing that was computed before is needed


@dataclass(frozen=True, kw_only=True)
class FeatureRun(Message):
    """What a run computes, from which state of the dataset."""

    dataset: str
    snapshot_id: str
    revision: int
    views: tuple[ViewRun, ...]
    removed: bool = False  # rows went from the dataset: a tick may have lost its row

    @property
    def name(self) -> str:
        """The same work has the same name, so that a run repeated records nothing twice."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return f"{self.revision}-{hashlib.sha256(text.encode()).hexdigest()[:SHORT_HASH]}"


@dataclass(frozen=True, kw_only=True)
class BatchManifest(Message):
    """What one batch has computed of each view."""

    views: tuple["ViewFiles", ...]


@dataclass(frozen=True, kw_only=True)
class ViewFiles(Message):
    """Parquet files of rows in the lake, and of each entity's newest; what of the source was put right."""

    version: str
    rows: int
    files: tuple[str, ...]
    newest: str
    without_key: int
    known_early: int


def work(view: ViewPlan, intervals: Sequence[Interval], rows: int) -> int:
    """Rows, each counted once for every tick of the intervals that may see it."""
    seen_by = min(-(-view.window_seconds // view.every_seconds), count(view, intervals))
    return rows * max(1, seen_by)


def batches(*, partitions: int, rows: int, work: int, batch_work: int) -> tuple[FeatureBatch, ...]:
    """The shares of the entities as batches: as few as can be, if possible none with more than `batch_work`.

    Args:
        partitions: shares of the entities; a batch has at least one.
        rows: of the dataset that are read.
        work: see `work`, of all views together.
    """
    wanted = max(1, math.ceil(work / batch_work), math.ceil(rows / FUNCTION_ROWS))
    number = min(partitions, wanted)
    shares = [tuple(range(partitions))[index::number] for index in range(number)]
    return tuple(FeatureBatch(index=i, partitions=share, of=partitions) for i, share in enumerate(shares))


def job_batches() -> tuple[FeatureBatch, ...]:
    """The shares of the entities that a job computes, as many at once as it has cores."""
    return tuple(FeatureBatch(index=i, partitions=(i,), of=JOB_BATCHES) for i in range(JOB_BATCHES))


def engine(*, partitions: int, rows: int, work: int, batch_work: int) -> Literal["functions", "job"]:
    """Who computes: functions, as long as each of `partitions` of them has no more than it can do in time."""
    fits = work <= partitions * batch_work and rows <= partitions * FUNCTION_ROWS
    return "functions" if fits else "job"
