"""Skew: in how many captured vectors a feature is not what training would have seen, and why.

Pure: captured requests and what the offline store says of them in, shares out. A vector is rebuilt from the
offline values by the model's own code, and compared as tidegate.vector_parity does.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.store_parity import (
    Finding,
    LookedUp,
    OfflineAnswer,
    Values,
    absent,
    compare,
    with_defaults,
)
from tidegate.feature_store.transforms import feature_columns
from tidegate.feature_store.vector_parity import TOLERATED_ULPS, dtypes, steps
from tidegate.features import Array
from tidegate.moments import seconds
from tidegate.monitoring.captured_vectors import CapturedVector
from tidegate.serving.instances import from_json
from tidegate.training.artefact import FeatureCode

EXAMPLES = 3  # of each feature
OTHER_MODEL = "another model than the champion answered"
OTHER_LENGTH = "the vector has another number of features than the model"
MISFIT = "a member of the instance is not of its type"
FORGOTTEN = "the offline store no longer has its state of that moment"
Cause = Literal["transform", "look_up", "default"]
"""Where a difference comes from:

    transform  the model's code makes another value of what was looked up: the container ran other code
    look_up    the online store gave another value than the offline store had
    default    it gave none (stale, missing, failed), and the offline store had one; or there was none to
               use, and something else than the model's default stood in, such as a value too old
"""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A captured row that can be compared."""

    row: CapturedVector
    moment: float  # for which the prediction was asked, seconds since the epoch
    looked_up: Mapping[str, LookedUp]  # by name of the view


@dataclass(frozen=True, kw_only=True)
class FeatureSkew:
    feature: str
    differing: int  # vectors
    rate: float  # of the compared vectors, in [0, 1]
    causes: Mapping[str, int]  # Cause -> vectors
    inexact: int  # vectors that are the same only by the tolerance
    maximum_ulps: int  # of those


@dataclass(frozen=True, kw_only=True)
class Example:
    """One difference. Values that are not finite are None."""

    feature: str
    cause: Cause
    inference_id: str
    row: int
    at: str  # ISO 8601 UTC
    captured: Any
    rebuilt: Any


@dataclass(frozen=True, kw_only=True)
class Skew:
    rows: int  # compared
    features: tuple[FeatureSkew, ...]  # in the model's order; none when no row was compared
    examples: tuple[Example, ...]
    look_ups: Mapping[str, Mapping[str, int]]  # view -> Finding -> rows
    not_compared: Mapping[str, int]  # reason -> rows

    @property
    def worst(self) -> FeatureSkew | None:
        return max(self.features, key=lambda each: each.rate, default=None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def comparable(code: FeatureCode, rows: Iterable[CapturedVector], left_out: Counter[str]) -> list[Served]:
    """The rows that `code` can rebuild; the others are counted in `left_out`."""
    found = []
    for row in rows:
        if row.model != code.run:
            left_out[OTHER_MODEL] += 1
        elif len(row.vector) != len(code.plan.features):
            left_out[OTHER_LENGTH] += 1
        else:
            try:
                found.append(_served(code, row))
            except (TypeError, ValueError, AttributeError, KeyError, OverflowError):
                left_out[MISFIT] += 1
    return found


def measure(
    code: FeatureCode,
    served: Sequence[Served],
    offline: Mapping[str, Sequence[OfflineAnswer | None]],
    left_out: Mapping[str, int],
) -> Skew:
    """The skew of `served` rows.

    Args:
        offline: view -> for each row what the offline store says, None where it has forgotten.
        left_out: reason -> rows that were set aside before.
    """
    reasons = Counter(left_out)
    rows: list[Served] = []
    judged: dict[str, list[tuple[Finding, Values]]] = {view.name: [] for view in code.plan.views}
    for i, row in enumerate(served):
        answers = {view.name: offline[view.name][i] for view in code.plan.views}
        if any(answer is None for answer in answers.values()):
            reasons[FORGOTTEN] += 1
            continue
        rows.append(row)
        for view in code.plan.views:
            if answer := answers[view.name]:
                judged[view.name].append(compare(view, row.looked_up[view.name], answer))
    look_ups = {name: dict(Counter(str(finding) for finding, _ in each)) for name, each in judged.items()}
    features, examples = _compared(code, rows, judged) if rows else ((), ())
    return Skew(
        rows=len(rows), features=features, examples=examples, look_ups=look_ups, not_compared=dict(reasons)
    )


def _served(code: FeatureCode, row: CapturedVector) -> Served:
    moment = seconds(row.instance[code.plan.source.event_ts])
    looked_up = {view.name: LookedUp.of(view, row.instance, moment) for view in code.plan.views}
    served = Served(row=row, moment=moment, looked_up=looked_up)
    from_json([_members(code.plan, served, {})], code.types)  # refuses what is not of its type
    return served


def _compared(
    code: FeatureCode, rows: Sequence[Served], judged: Mapping[str, Sequence[tuple[Finding, Values]]]
) -> tuple[tuple[FeatureSkew, ...], tuple[Example, ...]]:
    again = _vectors(code, [_members(code.plan, row, {}) for row in rows])
    right = [{name: values[i][1] for name, values in judged.items()} for i in range(len(rows))]
    rebuilt = _vectors(code, [_members(code.plan, row, r) for row, r in zip(rows, right, strict=True)])
    features: list[FeatureSkew] = []
    examples: list[Example] = []
    kinds, origins = dtypes(code.plan), _origins(code.plan)
    for position, name in enumerate(code.plan.features):
        captured = [row.row.vector[position] for row in rows]
        apart = steps(captured, rebuilt[name], kinds.get(name, "float64"))
        own = steps(captured, again[name], kinds.get(name, "float64")) <= TOLERATED_ULPS
        causes: dict[int, Cause] = {}
        for i in np.flatnonzero(apart > TOLERATED_ULPS).tolist():
            findings = {view: judged[view][i][0] for view in origins[name]}
            causes[i] = _of_store(rows[i], findings) if own[i] else _of_container(code.plan, name, rows[i])
        inexact = apart[(apart > 0) & (apart <= TOLERATED_ULPS)]
        features.append(
            FeatureSkew(
                feature=name,
                differing=len(causes),
                rate=len(causes) / len(rows),
                causes=dict(Counter(causes.values())),
                inexact=len(inexact),
                maximum_ulps=int(inexact.max(initial=0)),
            )
        )
        for i, cause in list(causes.items())[:EXAMPLES]:
            examples.append(_example(name, cause, rows[i].row, captured[i], rebuilt[name][i]))
    return tuple(features), tuple(examples)


def _members(plan: FeatureSetPlan, served: Served, right: Mapping[str, Values]) -> dict[str, Any]:
    """The instance as the model's code takes it, with `right` values in place of those looked up."""
    members = {name: served.row.instance.get(name) for name in plan.request}
    for view in plan.views:
        given = right.get(view.name, served.looked_up[view.name].values) or dict.fromkeys(view.outputs)
        members |= with_defaults(view, given)
    return members


def _vectors(code: FeatureCode, members: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    return feature_columns(code.feature_set, from_json(members, code.types))


def _of_store(served: Served, findings: Mapping[str, Finding]) -> Cause:
    """The container made the feature rightly: one of the look-ups behind it is at fault."""
    wrong = [name for name, finding in findings.items() if finding in ("failed", "different")]
    given = any(served.looked_up[name].values is not None for name in wrong)
    return "look_up" if given else "default"


def _of_container(plan: FeatureSetPlan, feature: str, served: Served) -> Cause:
    """The container made it of the same look-ups otherwise."""
    for view in plan.views:
        if feature in view.outputs and absent((served.looked_up[view.name].values or {}).get(feature)):
            return "default"
    return "transform"


def _origins(plan: FeatureSetPlan) -> dict[str, frozenset[str]]:
    """Names of the views behind each column, through any number of transforms."""
    behind: dict[str, frozenset[str]] = dict.fromkeys(plan.request, frozenset())
    for view in plan.views:
        behind |= dict.fromkeys(view.outputs, frozenset({view.name}))
    for made in plan.transforms:
        behind |= dict.fromkeys(made.outputs, frozenset().union(*(behind[name] for name in made.inputs)))
    return behind


def _example(name: str, cause: Cause, row: CapturedVector, captured: Any, rebuilt: Any) -> Example:
    value = rebuilt.item() if isinstance(rebuilt, np.generic) else rebuilt
    return Example(
        feature=name,
        cause=cause,
        inference_id=row.inference_id,
        row=row.row,
        at=datetime.fromtimestamp(row.at, UTC).isoformat(),
        captured=captured,
        rebuilt=None if isinstance(value, float) and not math.isfinite(value) else value,
    )
