"""The monitoring job: how a window of captured traffic stands to the contract and to the champion's training.

Compares the columns a caller sends and the predictions. Aggregates are left out: all rows of a window share
a few values of them, so a count of rows says nothing about their distribution. A champion whose evaluation
kept a reference is held against that too: rows of both sides together, and what its answers rest on.
"""

import gc
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tidegate.monitoring import attributions, domain, monitor_checks, monitor_files, traffic
from tidegate.monitoring.capture_blocks import blocks
from tidegate.monitoring.domain import Domain
from tidegate.monitoring.even_sample import Sampled
from tidegate.monitoring.explained import Explained, explained
from tidegate.monitoring.reference import Reference
from tidegate.monitoring.traffic import Traffic
from tidegate.monitoring.weighted import Weighted, weighted
from tidegate.plan import Plan
from tidegate.profile import Profile
from tidegate.serving.instances import from_table
from tidegate.statistics.drift import ColumnDrift, drift
from training_jobs import packed_model
from training_jobs.paths import PIPELINE, Paths

HIGH_RESOLUTION_BELOW_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything that was found of a window."""

    seen: Traffic
    columns: list[ColumnDrift]
    answers: list[ColumnDrift]
    inputs: dict[str, Any]
    together: Domain
    attribution: Explained
    weighted: Weighted

    @property
    def prediction(self) -> ColumnDrift:
        return max(self.answers, key=lambda column: column.psi)

    @property
    def drifted(self) -> list[ColumnDrift]:
        found = (column for column in self.columns if column.status == "alarm")
        return sorted(found, key=lambda column: column.psi, reverse=True)

    @property
    def unreadable(self) -> int:
        return self.seen.captured.unreadable + self.seen.captured.fallen_short


def main(paths: Paths) -> None:
    gc.disable()  # nothing here makes cycles, and each block would have all objects looked through
    plan = Plan.load(PIPELINE)
    baseline = _read_profile(paths.processing_input("baseline") / "profile.parquet")
    expected = _read_profile(paths.processing_input("predictions") / "predictions.parquet")
    seen = traffic.read(
        plan,
        _blocks(paths.processing_input("captures")),
        answers=list(expected.columns),
        sample=domain.LARGEST_ROWS,
    )
    found = _measured(plan, paths, seen, baseline, expected)
    out = paths.processing_output("report")
    document = {
        "metrics": _metrics(plan, found),
        "summary": _summary(found),
        "columns": [asdict(column) for column in [*found.columns, *found.answers]],
        "inputs": found.inputs,
        "domain": domain.to_json(found.together),
        "attribution": found.attribution.to_json(),
        "weighted_drift": found.weighted.score,
        "weighted_drifted_share": found.weighted.drifted_share,
        "importances": found.weighted.importances,
    }
    _write(out / "measurement.json", document)
    pq.write_table(seen.requests.to_table(), out / "requests.parquet")  # profiles: the page draws them
    pq.write_table(seen.answers.to_table(), out / "answers.parquet")
    constraints = monitor_files.constraints(baseline)
    _write(out / "statistics.json", monitor_files.statistics(seen.requests))
    _write(out / "constraints.json", constraints)
    violations = monitor_checks.violations(constraints, seen.requests, found.drifted)
    _write(out / "constraint_violations.json", violations)


def _measured(plan: Plan, paths: Paths, seen: Traffic, baseline: Profile, expected: Profile) -> Measured:
    monitoring = plan.config.monitoring
    limits: dict[str, Any] = {
        "alarm": monitoring.psi_threshold,
        "q": monitoring.p_value,
        "minimum_rows": monitoring.minimum_rows,
    }
    columns = drift(baseline, seen.requests, list(baseline.columns), **limits)
    folder = paths.processing_input("reference")
    reference = Reference.read(folder) if folder.exists() else None
    return Measured(
        seen=seen,
        columns=columns,
        answers=drift(expected, seen.answers, list(expected.columns), **limits),
        inputs=seen.inputs.told(seen.requests, baseline, columns),
        together=_together(plan, reference, seen.sample, columns),
        attribution=_attribution(plan, reference, seen.sample, paths.processing_input("model")),
        weighted=weighted(columns, {} if reference is None else reference.importances),
    )


def _together(
    plan: Plan, reference: Reference | None, sample: Sequence[Sampled], columns: Sequence[ColumnDrift]
) -> Domain:
    """Without texts that hardly repeat and times: they tell any two spans of time apart."""
    names = [column.column for column in columns if column.status != "not comparable"]
    types = {name: plan.instance_types[name] for name in names}
    return domain.compare(
        {} if reference is None else from_table(reference.rows, types),
        traffic.columns([each.instance for each in sample], types),
        alarm=plan.config.alarms.domain_auc,
        minimum_rows=plan.config.monitoring.minimum_rows,
        seed=plan.config.training.seed,
    )


def _attribution(
    plan: Plan, reference: Reference | None, sample: Sequence[Sampled], folder: Path
) -> Explained:
    vectors = [each.vector for each in sample if each.vector is not None]
    minimum = min(plan.config.monitoring.minimum_rows, attributions.ROWS)
    if reference is None or len(vectors) < minimum:
        return Explained(status="insufficient", rows=len(vectors))
    return explained(
        packed_model.read(folder),
        reference,
        vectors,
        alarm=plan.config.alarms.attribution_drift,
        seed=plan.config.training.seed,
        minimum_rows=minimum,
    )


def _blocks(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open("rb") as file:
            yield from blocks(file)


def _read_profile(file: Path) -> Profile:
    return Profile.from_table(pq.ParquetFile(file).read())  # read_table would import pandas


def _metrics(plan: Plan, found: Measured) -> list[dict[str, Any]]:
    """Members of PutMetricData: few and meaningful, not one for each column. Without a value, none."""
    values: Mapping[str, float | None] = {
        "DriftedFeatureCount": len(found.drifted),
        "DriftScoreMax": max((column.psi for column in found.columns), default=0.0),
        "PredictionDriftScore": found.prediction.psi,
        "RowsMeasured": found.seen.rows,
        "UnreadableRecords": found.unreadable,
        "OutOfContractShare": found.inputs["out_of_contract"]["share"],
        "DomainAuc": found.together.beyond_chance,
        "AttributionDrift": found.attribution.drift,
    }
    dimensions = [{"Name": "Endpoint", "Value": os.environ["sagemaker_endpoint_name"]}]  # noqa: SIM112  Model Monitor's spelling
    high = plan.config.monitoring.alarm_period_seconds < HIGH_RESOLUTION_BELOW_SECONDS
    resolution = {"StorageResolution": 1} if high else {}
    return [
        {"MetricName": name, "Value": float(value), "Unit": "None", "Dimensions": dimensions, **resolution}
        for name, value in values.items()
        if value is not None
    ]


def _summary(found: Measured) -> dict[str, Any]:
    """Small enough for a state machine to carry."""
    worst = max(found.columns, key=lambda column: column.psi, default=None)
    statuses = sorted(column.status for column in found.columns)
    return {
        "rows": found.seen.rows,
        "unreadable": found.unreadable,
        "repeated": found.seen.captured.repeated,
        "drifted": [_shown(column) for column in found.drifted][:20],
        "worst": None if worst is None else _shown(worst),
        "prediction": _shown(found.prediction),
        "statuses": {status: len(list(group)) for status, group in itertools.groupby(statuses)},
        "out_of_contract": found.inputs["out_of_contract"]["rows"],
        "domain": {"status": found.together.status, "auc": found.together.auc},
        "attribution": {"status": found.attribution.status, "drift": found.attribution.drift},
        "weighted_drift": found.weighted.score,
        "weighted_drifted_share": found.weighted.drifted_share,
    }


def _shown(column: ColumnDrift) -> dict[str, Any]:
    return {
        "column": column.column,
        "psi": round(column.psi, 4),
        "p": float(f"{column.adjusted_p:.3g}"),
        "status": column.status,
    }


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2))
