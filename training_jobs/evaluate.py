"""The evaluation job: candidate, champion and a guess on identical rows, and the gate's decision.

Writes evaluation.json, golden.json (instances with the candidate's answers, asked again before it gets any
traffic) and predictions.parquet (the profile of its test predictions, the baseline of prediction drift).
"""

import json
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidegate import artefact, estimated, gate, looked_up, metrics
from tidegate.artefact import Artefact
from tidegate.instances import from_table
from tidegate.looked_up import MISSING, VIEWS
from tidegate.metrics import Predictions
from tidegate.plan import Plan
from tidegate.prediction import of_instances, predictions
from tidegate.profile import BASELINE_RANKS, profile_batches
from training_jobs.paths import PIPELINE, Paths
from training_jobs.rows import Rows, read

GOLDEN_ROWS = 20


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    candidate = _model(paths.processing_input("candidate"))
    champion = (
        _model(paths.processing_input("champion")) if paths.processing_input("champion").exists() else None
    )
    rows = read(paths.processing_input("test"), plan.instance_types, candidate.task)
    out = paths.processing_output("evaluation")
    predicted = predictions(candidate, rows.columns)
    document = _evaluate(plan, rows, candidate, predicted, champion)
    (out / "evaluation.json").write_text(json.dumps(document, indent=2))
    (out / "golden.json").write_text(json.dumps({"rows": _golden(candidate, rows)}, indent=2))
    profile = profile_batches(
        pa.table(dict(candidate.task.measured(predicted))).to_batches(), ranks=BASELINE_RANKS
    )
    pq.write_table(profile.to_table(), out / "predictions.parquet")


def _model(folder: Path) -> Artefact:
    """The model in a channel's model.tar.gz."""
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder / "model", filter="data")
    return artefact.read(folder / "model")


def _evaluate(
    plan: Plan, rows: Rows, candidate: Artefact, predicted: Predictions, champion: Artefact | None
) -> dict[str, Any]:
    training, section = plan.config.training, plan.config.gate
    metric = metrics.named(training.metric, PIPELINE)
    # a champion of an older feature set takes its own members; those the rows lack count as missing
    if champion is not None and champion.task != candidate.task:
        champion = None  # it predicts something else: there is nothing to compare
    theirs = None if champion is None else predictions(champion, _members(champion, rows))
    mine, champions, difference = gate.bootstrap(
        metric,
        rows.labels,
        rows.moments,
        predicted,
        theirs,
        replicates=section.bootstrap_replicates,
        seed=training.seed,
    )
    baseline = metric(rows.labels, np.array([candidate.manifest["guess"]] * len(rows.labels)))
    decision = gate.decide(
        section, training.metric, candidate=mine, baseline=baseline, champion=champions, difference=difference
    )
    return {
        "metric": training.metric,
        "rows": len(rows.labels),
        "candidate": {
            "run": candidate.run,
            "metric": mine.value,
            "interval": asdict(mine),
            **metrics.summary(training.task, rows.labels, predicted),
        },
        "champion": None
        if champion is None or theirs is None or champions is None
        else {
            "run": champion.run,
            "metric": champions.value,
            "interval": asdict(champions),
            **metrics.summary(training.task, rows.labels, theirs),
        },
        "baseline": {"guess": baseline},
        "calibration": None
        if training.task == "regression"
        else estimated.calibration(training.metric, metric, rows.labels, predicted, seed=training.seed),
        "gate": decision.to_json(),
    }


def _members(model: Artefact, rows: Rows) -> dict[str, Any]:
    """The model's own members; one that the rows lack is missing, or what its view declares for that."""
    defaults = {name: value for view in model.plan.views for name, value in view.defaults.items()}
    table = rows.table
    for name in (name for name in model.types if name not in rows.columns):
        kind = pa.string() if model.types[name] == "string" else pa.float64()
        table = table.append_column(name, pa.array([defaults.get(name)] * table.num_rows, kind))
    return from_table(table, model.types)


def _golden(model: Artefact, rows: Rows) -> list[dict[str, Any]]:
    """Instances spread over the test rows, one of them without its aggregates, with the model's answers."""
    plan = model.plan
    step = max(1, rows.table.num_rows // GOLDEN_ROWS)
    positions = list(range(0, rows.table.num_rows, step))[:GOLDEN_ROWS]
    picked = rows.table.select(list(model.types)).take(positions).to_pylist()
    instances: list[dict[str, Any]] = [
        {
            **{name: _json(row[name]) for name in plan.request},
            VIEWS: looked_up.fresh(plan, row, int(rows.moments[position])),
        }
        for row, position in zip(picked, positions, strict=True)
    ]
    if instances:
        instances.append(instances[0] | {VIEWS: {view.version: MISSING for view in plan.views}})
    answers = model.task.answers(of_instances(model, instances).predictions)
    return [
        {"instance": instance, "answer": answer} for instance, answer in zip(instances, answers, strict=True)
    ]


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
