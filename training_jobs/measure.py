"""The monitoring job: how far a window of captured traffic has moved from what the champion was trained on.

Compares the columns a caller sends and the predictions. Aggregates are left out: all rows of a window share
a few values of them, so a count of rows says nothing about their distribution.
"""

import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.drift import ColumnDrift, drift
from tidegate.monitoring import monitor_checks, monitor_files
from tidegate.monitoring.capture_reader import CaptureReader
from tidegate.plan import Plan
from tidegate.profile import Profile, ProfileBuilder
from training_jobs.paths import PIPELINE, Paths

HIGH_RESOLUTION_BELOW_SECONDS = 60
_ARROW = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
_MISFITS = (pa.ArrowException, OverflowError, UnicodeError)


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    baseline = _read_profile(paths.processing_input("baseline") / "profile.parquet")
    expected = _read_profile(paths.processing_input("predictions") / "predictions.parquet")
    captured = CaptureReader(_request_types(plan), list(expected.columns))
    current, predicted = _profiles(captured, _lines(paths.processing_input("captures")), expected)
    monitoring = plan.config.monitoring
    limits: dict[str, Any] = {
        "alarm": monitoring.psi_threshold,
        "q": monitoring.p_value,
        "minimum_rows": monitoring.minimum_rows,
    }
    columns = drift(baseline, current, list(baseline.columns), **limits)
    answers = drift(expected, predicted, list(expected.columns), **limits)
    prediction = max(answers, key=lambda column: column.psi)
    out = paths.processing_output("report")
    document = {
        "metrics": _metrics(plan, captured, columns, prediction),
        "summary": _summary(captured, columns, prediction),
        "columns": [asdict(column) for column in [*columns, *answers]],
    }
    _write(out / "measurement.json", document)
    constraints = monitor_files.constraints(baseline)
    _write(out / "statistics.json", monitor_files.statistics(current))
    _write(out / "constraints.json", constraints)
    _write(
        out / "constraint_violations.json", monitor_checks.violations(constraints, current, _drifted(columns))
    )


def _lines(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.rglob("*.jsonl")):
        with file.open("rb") as lines:
            yield from lines


def _request_types(plan: Plan) -> dict[str, str]:
    names = [name for name in plan.features.request if name != plan.features.source.event_ts]
    return {name: plan.instance_types[name] for name in names}


def _profiles(captured: CaptureReader, lines: Iterable[bytes], expected: Profile) -> tuple[Profile, Profile]:
    """Of the requests, and of what the champion's own answers were made; another task's count as missing."""
    kinds = captured.columns, {name: "string" if name == "label" else "number" for name in expected.columns}
    builders = [ProfileBuilder(pa.schema([(n, _arrow(k)) for n, k in each.items()])) for each in kinds]
    for chunk in captured.chunks(lines):
        for builder, types, values in zip(builders, kinds, (chunk.columns, chunk.answers), strict=True):
            arrays = {name: _array(values[name], kind) for name, kind in types.items()}
            builder.add(pa.RecordBatch.from_pydict(arrays))
    requests, answers = (builder.finish() for builder in builders)
    return requests, answers


def _arrow(kind: str) -> pa.DataType:
    return _ARROW.get(kind, pa.string())


def _array(values: list[Any], kind: str) -> pa.Array:
    """Callers were checked against the contract; what slipped through all the same counts as missing."""
    target = _arrow(kind)
    try:
        return pa.array(values, target)
    except _MISFITS:
        return pa.array([value if _fits(value, target) else None for value in values], target)


def _fits(value: Any, target: pa.DataType) -> bool:
    try:
        pa.array([value], target)
    except _MISFITS:
        return False
    return True


def _read_profile(file: Path) -> Profile:
    return Profile.from_table(pq.read_table(file))


def _drifted(columns: list[ColumnDrift]) -> list[ColumnDrift]:
    return sorted((c for c in columns if c.status == "alarm"), key=lambda c: c.psi, reverse=True)


def _metrics(
    plan: Plan, captured: CaptureReader, columns: list[ColumnDrift], prediction: ColumnDrift
) -> list[dict[str, Any]]:
    """Members of PutMetricData: few and meaningful, not one for each column."""
    values = {
        "DriftedFeatureCount": len(_drifted(columns)),
        "DriftScoreMax": max((column.psi for column in columns), default=0.0),
        "PredictionDriftScore": prediction.psi,
        "RowsMeasured": captured.rows,
        "UnreadableRecords": captured.unreadable + captured.fallen_short,
    }
    dimensions = [{"Name": "Endpoint", "Value": os.environ["sagemaker_endpoint_name"]}]  # noqa: SIM112  Model Monitor's spelling
    high = plan.config.monitoring.alarm_period_seconds < HIGH_RESOLUTION_BELOW_SECONDS
    resolution = {"StorageResolution": 1} if high else {}
    return [
        {"MetricName": name, "Value": float(value), "Unit": "None", "Dimensions": dimensions, **resolution}
        for name, value in values.items()
    ]


def _summary(captured: CaptureReader, columns: list[ColumnDrift], prediction: ColumnDrift) -> dict[str, Any]:
    """Small enough for a state machine to carry."""
    worst = max(columns, key=lambda column: column.psi, default=None)
    return {
        "rows": captured.rows,
        "unreadable": captured.unreadable + captured.fallen_short,
        "drifted": [_shown(column) for column in _drifted(columns)][:20],
        "worst": None if worst is None else _shown(worst),
        "prediction": _shown(prediction),
        "statuses": {
            status: len(list(group))
            for status, group in itertools.groupby(sorted(column.status for column in columns))
        },
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
