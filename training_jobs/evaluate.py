"""The evaluation job: candidate, champion and baselines on identical rows, and the gate's decision.

Writes evaluation.json, its details and page, golden.json (instances with the candidate's answers, asked again
before it gets any traffic), predictions.parquet (the profile of its test predictions, the baseline of
prediction drift) and what else monitoring holds later traffic against, in reference/.
"""

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.evaluation import budgets
from tidegate.evaluation.documents import small_and_details
from tidegate.evaluation.evaluation import evaluate
from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.subject import Answers, Subject
from tidegate.monitoring import estimated
from tidegate.monitoring.reference import ERRORS
from tidegate.plan import Plan
from tidegate.profile import BASELINE_RANKS, profile_batches
from tidegate.report.evaluation_page import page
from tidegate.serving.instances import from_table
from tidegate.serving.prediction import of_instances, predictions
from tidegate.training import artefact, metrics
from tidegate.training.artefact import Artefact
from training_jobs import error_model, opponents, packed_model, reference
from training_jobs.golden import golden
from training_jobs.paths import PIPELINE, Paths
from training_jobs.rows import Rows, read

DETAILS = "evaluation-details.json"
PAGE = "evaluation.html"


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    candidate = packed_model.read(paths.processing_input("candidate"))
    champion = (
        packed_model.read(paths.processing_input("champion"))
        if paths.processing_input("champion").exists()
        else None
    )
    train, test = (
        read(paths.processing_input(name), plan.instance_types, candidate.task) for name in ("train", "test")
    )
    if champion is not None and champion.task != candidate.task:
        champion = None  # it predicts something else: there is nothing to compare
    out = paths.processing_output("evaluation")
    answers = golden(candidate, test)
    size = (paths.processing_input("candidate") / "model.tar.gz").stat().st_size / budgets.MEBIBYTE
    subject = _subject(
        plan,
        candidate=candidate,
        champion=champion,
        train=train,
        test=test,
        mebibytes=size,
        instances=[row["instance"] for row in answers],
    )
    found = evaluate(subject, plan.config.gate, plan.config.training.seed)
    small, details = small_and_details(found)
    for model, answered, member in (
        (candidate, subject.candidate, "candidate"),
        (champion, subject.champion, "champion"),
    ):
        if model is not None and answered is not None:
            small[member] |= metrics.summary(candidate.task.name, test.labels, answered.predictions)
    sha256 = candidate.manifest["sha256"]
    # the manifest's own digest is of all files
    small["candidate"] |= {
        "model_sha256": sha256[artefact.MODEL],
        "artefact_sha256": sha256[artefact.MANIFEST],
    }
    if candidate.task.name != "regression":  # what decides whether monitoring may estimate without labels
        training = plan.config.training
        metric = metrics.named(training.metric, PIPELINE)
        small["calibration"] = estimated.calibration(
            training.metric, metric, test.labels, subject.candidate.predictions, seed=training.seed
        )
    _write(out / "evaluation.json", small)
    _write(out / DETAILS, details)
    (out / PAGE).write_text(page(found), encoding="utf-8")
    _write(out / "golden.json", {"rows": answers})
    measured = pa.table(dict(candidate.task.measured(subject.candidate.predictions)))
    profile = profile_batches(measured.to_batches(), ranks=BASELINE_RANKS)
    pq.write_table(profile.to_table(), out / "predictions.parquet")
    reference.keep(out / "reference", candidate, train, subject.features, plan.config.training.seed)
    if candidate.task.name == "regression":
        errors = error_model.fitted(plan.config, candidate, train, test, subject.candidate.predictions)
        if errors is not None:
            _write(out / "reference" / ERRORS, errors)


def _subject(
    plan: Plan,
    *,
    candidate: Artefact,
    champion: Artefact | None,
    train: Rows,
    test: Rows,
    mebibytes: float,
    instances: list[dict[str, Any]],
) -> Subject:
    training, section = plan.config.training, plan.config.gate
    scorer = Scorer(training.metric, metrics.named(training.metric, PIPELINE))
    latency: tuple[float | None, float | None] = (None, None)
    if (
        section.maximum_p99_ms is not None
    ):  # measured on demand: the same evaluation else gives the same bytes
        latency = budgets.one_row_latencies(
            lambda i: of_instances(candidate, [instances[i]]), len(instances), time.perf_counter
        )
    return Subject(
        task=training.task,
        scorer=scorer,
        labels=test.labels,
        moments=test.moments,
        columns=test.columns,
        candidate=_answers(candidate, test.columns),
        # a champion of an older feature set takes its own members; those the rows lack count as missing
        champion=None if champion is None else _answers(champion, _members(champion, test)),
        baselines=opponents.baseline_answers(plan.config, candidate, train, test),
        without_aggregates=opponents.without_aggregates(candidate, test.columns),
        features=opponents.feature_values(plan.config, candidate, train, test, scorer),
        mebibytes=mebibytes,
        p50_ms=latency[0],
        p99_ms=latency[1],
    )


def _answers(model: Artefact, columns: Any) -> Answers:
    threshold = model.manifest.get("threshold")
    return Answers(
        run=model.run,
        predictions=predictions(model, columns),
        threshold=None if threshold is None else threshold["value"],
    )


def _members(model: Artefact, rows: Rows) -> dict[str, Any]:
    """The model's own members; one that the rows lack is missing, or what its view declares for that."""
    defaults = {name: value for view in model.plan.views for name, value in view.defaults.items()}
    table = rows.table
    for name in (name for name in model.types if name not in rows.columns):
        kind = pa.string() if model.types[name] == "string" else pa.float64()
        table = table.append_column(name, pa.array([defaults.get(name)] * table.num_rows, kind))
    return from_table(table, model.types)


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2, allow_nan=False))
