"""What the steps of the features machine hand each other: batches, plans, rows."""

from dataclasses import dataclass
from typing import Literal

from tidegate.messages.message import Message


@dataclass(frozen=True, kw_only=True)
class FeatureBatch(Message):
    """Shares of the entities that are computed in one pass: their hash modulo `of` is one of `partitions`."""

    index: int
    partitions: tuple[int, ...]
    of: int


@dataclass(frozen=True, kw_only=True)
class FeaturePlan(Message):
    """What one run of the features machine does. Which ticks of which views lies in the lake: `plan_key`."""

    run: str
    dataset: str
    snapshot_id: str
    revision: int  # sequence number of that snapshot: of two rows of one tick the higher one is right
    feature_hash: str  # of the deployed feature set
    reason: str
    plan_key: str  # a tidegate.feature_run.FeatureRun
    engine: Literal["functions", "job"]
    batches: tuple[FeatureBatch, ...]
    views: int
    ticks: int  # of all views
    rows: int  # of the dataset, that are read for them; Iceberg's metadata tells, not exactly
    future_rows: int  # among those that came: no tick sees them yet


@dataclass(frozen=True, kw_only=True)
class FeatureRows(Message):
    """What ComputeFeatures did in one batch, and where it says which files it wrote."""

    index: int
    key: str  # a tidegate.feature_run.BatchManifest
    rows: int
    without_key: int  # source rows of no entity, for a part of the key is missing: left out
    known_early: int  # source rows known before they happened: taken as known when they happened


@dataclass(frozen=True, kw_only=True)
class FeaturesRecorded(Message):
    """What RecordFeatures made visible: Iceberg rows, and the newest value of each entity online."""

    dataset: str
    feature_hash: str
    rows: int
    online_rows: int
    newer_there: int = 0  # values not stored, because a newer one was online already
    without_key: int = 0
    known_early: int = 0
    coverage: float = 1.0  # of the view that has least: share of its active entities with a row online


@dataclass(frozen=True, kw_only=True)
class FeaturesRetired(Message):
    """Versions of views that nobody needs any more, and how many offline rows of them went."""

    versions: tuple[str, ...]
    rows: int
