"""What the steps of ingestion hand each other: drops, shards, verdicts, dataset versions."""

from dataclasses import dataclass
from typing import Literal

from tidegate.messages.message import Message


@dataclass(frozen=True, kw_only=True)
class ObjectVersion(Message):
    """One version of one S3 object."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Acceptance(Message):
    """A person's word that a drop is right, whatever the rules and its history say."""

    reason: str
    by: str
    at: str  # ISO 8601 UTC


@dataclass(frozen=True, kw_only=True)
class Drop(ObjectVersion):
    """One delivery of raw data: the exact S3 object version that arrived, or a manifest of several."""

    drop_id: str  # hex digest of bucket, key and version: the same delivery always has the same id
    dataset: str
    arrived_at: str = ""  # ISO 8601 UTC, S3's time of the event
    sequencer: str = (
        ""  # orders the versions of one key; `tidegate.ingestion.notifications.is_later` compares
    )
    acceptance: Acceptance | None = None


@dataclass(frozen=True, kw_only=True)
class Shard(Message):
    """A part of a drop that one ValidateShard reads: row groups of Parquet, or a byte range of text."""

    index: int
    start: int
    stop: int
    object: int = 0  # which of the drop's objects


@dataclass(frozen=True, kw_only=True)
class ShardPlan(Message):
    """How a drop is split. A shard of Parquet counts row groups, one of text bytes; `stop` is exclusive."""

    format: str  # csv, jsonl or parquet; of a manifest's objects, all that occur
    shards: tuple[Shard, ...]
    objects_key: str | None = None  # of a manifest: the list of its objects, a messages.ObjectVersion each


@dataclass(frozen=True, kw_only=True)
class ShardReport(Message):
    """What ValidateShard found in its shard; what it left for others lies in the lake under its index."""

    index: int
    rows: int  # read
    bad_rows: int  # set aside, not among the rows of the table
    object: int = 0  # which of the drop's objects it is a part of


@dataclass(frozen=True, kw_only=True)
class Reason(Message):
    """One reason of a verdict, down to the column and, where rows are at fault, the first of them."""

    rule: str  # e.g. `required`, `range`, `enum`, `pattern`, `unique`, `row_count`, `columns`, `drift`
    column: str | None
    severity: Literal["error", "warning"]
    message: str
    failed_rows: int = 0
    first_rows: tuple[int, ...] = ()  # 1-based data rows of the drop
    first_values: tuple[str, ...] = ()  # aligned with first_rows, as text, cut to 80 characters


@dataclass(frozen=True, kw_only=True)
class Verdict(Message):
    """What JudgeDrop decided about a drop. `status` is what the state machine branches on."""

    status: Literal["accept", "warn", "quarantine"]
    rows: int
    reasons: tuple[Reason, ...]
    profile_key: str  # the merged profile of the drop
    report_key: str  # this verdict in full: reasons and rows are cut where it travels between states
    checks: int  # how many rules were evaluated
    checks_failed: int
    bad_rows: int = 0  # of `rows`, set aside


@dataclass(frozen=True, kw_only=True)
class DatasetVersion(Message):
    """An accepted, immutable state of a dataset: an Iceberg snapshot and the drop that made it."""

    dataset: str
    version: str  # content address: digest of parent version, drop and contract
    snapshot_id: str  # 64-bit integer as text: state machines pass numbers through floating point
    drop_id: str
    rows: int  # rows of this drop
    total_rows: int
    first_event: str  # ISO 8601 UTC, earliest event time of the drop
    last_event: str
    superseded_by: str | None = None  # a newer version of the object was recorded before: nothing was added
