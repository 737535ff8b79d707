"""What an evaluation keeps in evaluations/<run>/reference/, for later windows to be held against."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.feature_store.feature_plan import FeatureSetPlan

LABELS = "labels.parquet"  # profile of the labels that trained the model, see tidegate.monitoring.label_trust
ROWS = "rows.parquet"  # an even sample of the instances that trained it
MEASURES = "measures.json"
ERRORS = "errors.json"  # of a regression's answers, see tidegate.monitoring.expected_errors; may be missing
LARGEST_ROWS = 2000


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Of one trained model."""

    rows: pa.Table  # instance members, at most LARGEST_ROWS
    attributions: Mapping[str, float]  # by feature, of those rows
    importances: Mapping[str, float]  # by request column, adding up to 1; empty when nothing was measured

    def write(self, folder: Path) -> None:
        pq.write_table(self.rows, folder / ROWS)
        measures = {"attributions": dict(self.attributions), "importances": dict(self.importances)}
        (folder / MEASURES).write_text(json.dumps(measures, indent=2, allow_nan=False))

    @classmethod
    def read(cls, folder: Path) -> Self:
        measures: dict[str, Any] = json.loads((folder / MEASURES).read_text())
        rows = pq.ParquetFile(folder / ROWS).read()  # read_table would import pandas
        return cls(rows=rows, **measures)


def importances(plan: FeatureSetPlan, losses: Mapping[str, float]) -> dict[str, float]:
    """What each request column is worth, as shares of 1: features' losses, told on to what they are made of.

    A feature's loss is split evenly among its columns; an aggregate's are the keys it is looked up by. Losses
    below zero count for nothing.

    Args:
        losses: what the metric loses when a feature is shuffled.
    """
    found = dict.fromkeys(plan.request, 0.0)
    for feature, loss in losses.items():
        roots = _roots(plan, feature)
        for column in roots:
            found[column] += max(0.0, loss) / len(roots)
    total = sum(found.values())
    return {column: value / total for column, value in found.items()} if total else {}


def _roots(plan: FeatureSetPlan, name: str) -> list[str]:
    """The request columns that a feature or an intermediate column is made of, in the request's order."""
    made = {output: transform for transform in plan.transforms for output in transform.outputs}
    keys = {output: view.keys for view in plan.views for output in view.outputs}
    found, open_, seen = set(), [name], set()
    while open_:
        column = open_.pop()
        if column in seen:
            continue
        seen.add(column)
        inputs = made[column].inputs if column in made else ()
        open_ += [*inputs, *keys.get(column, ())]
        if column in plan.request and (column not in made or column in inputs):
            found.add(column)
    return [column for column in plan.request if column in found]
