"""A compiled feature set: what is looked up, computed and handed to a model, as plain facts.

Pure standard library: the functions that serve and plan read it without numpy. The code of transforms is not
in it; that rides beside it as `features.py`, and the hash binds the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tidegate.messages.message import Message

SHORT_HASH = 16  # hex digits of a hash that name versions of views, and runs


@dataclass(frozen=True, kw_only=True)
class SourcePlan(Message):
    """The dataset that features and label are made from, and its two times."""

    dataset: str
    event_ts: str  # column: when it happened
    known_ts: str  # column: when the whole row was known


@dataclass(frozen=True, kw_only=True)
class LabelPlan(Message):
    """What is predicted: an expression in DuckDB's SQL over the source's columns, giving 0 or 1."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class ViewPlan(Message):
    """A windowed aggregate: its SQL reads a table `source`, the rows of one window."""

    name: str
    source: SourcePlan
    keys: tuple[str, ...]  # columns, of the source and of a request alike
    sql: str
    window_seconds: int
    every_seconds: int
    ttl_seconds: int
    outputs: dict[str, str] = field(default_factory=dict)  # column -> numpy dtype
    defaults: dict[str, float | None] = field(default_factory=dict)  # what stands in where there is no value
    hash: str = ""  # sha256 hex of what decides its rows: all above but `ttl_seconds` and `defaults`

    @property
    def version(self) -> str:
        """The name of its rows, offline and online: two models may need two versions at once."""
        return f"{self.name}@{self.hash[:SHORT_HASH]}"

    @property
    def table(self) -> str:
        """The Iceberg table that holds the rows of all versions of it."""
        return f"features_{self.name}"

    def entity(self, row: Mapping[str, Any]) -> str | None:
        """The identity of the row's entity in this view, or None when a part of it is missing."""
        parts = [row.get(key) for key in self.keys]
        if any(part is None for part in parts):
            return None
        escaped = [str(part).replace("\\", r"\\").replace("|", r"\|") for part in parts]
        return "|".join([self.name, *escaped])


@dataclass(frozen=True, kw_only=True)
class EntityValue:
    """One entity's newest row of a view. Times are seconds since the epoch."""

    entity: str
    outputs: Mapping[str, Any]
    event_ts: int
    known_ts: int
    revision: int  # of the dataset that it was computed from: of two rows of one tick the higher is right


@dataclass(frozen=True, kw_only=True)
class TransformPlan(Message):
    """One pure numpy function of `features.py`. Its code is not here, but the hash of it."""

    name: str
    inputs: dict[str, str]  # column -> dtype, in the order of the function's arguments
    outputs: dict[str, str]  # column -> dtype, in the order of what it returns
    nulls: Literal["propagate", "handle"] = "propagate"  # who sees to missing inputs: we, or the function
    code: str = ""  # sha256 hex of the function and all it reads


@dataclass(frozen=True, kw_only=True)
class FeatureSetPlan(Message):
    """Everything that decides a feature vector, except the bodies of the transforms."""

    name: str
    attribute: str  # of the feature set in features.py
    hash: str  # sha256 hex of definitions and code: the feature version
    source: SourcePlan
    label: LabelPlan
    request: tuple[str, ...]  # columns a caller sends
    views: tuple[ViewPlan, ...]
    transforms: tuple[TransformPlan, ...]
    features: tuple[str, ...]  # what the model sees, in this order

    @property
    def aggregates(self) -> tuple[str, ...]:
        """Columns that are looked up online, in order of their views."""
        return tuple(column for view in self.views for column in view.outputs)

    @property
    def instance(self) -> tuple[str, ...]:
        """Members of one instance as the serving container takes it: request columns, then aggregates."""
        return self.request + self.aggregates
