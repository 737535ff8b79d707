"""From what AWS and the artefact say of a training run to its record."""

from collections.abc import Sequence
from typing import Any

from tidegate.training import job_records
from tidegate.training.run_facts import TEXT_CHARACTERS, Facts, allowed, cost, figures, texts
from tidegate.training.tracking import MAIN, MAX_TEXT_BYTES, Dataset, Record, Run

DIGEST_CHARACTERS = 36  # MLflow's limit


def record(facts: Facts) -> Record:
    """The run, then its trials in the order they began, the final fit and the evaluation."""
    children = [
        *(job_records.trial(facts, number, job) for number, job in enumerate(facts.trials, 1)),
        *([job_records.final_fit(facts)] if facts.training else []),
        *([job_records.evaluation(facts)] if facts.evaluating else []),
    ]
    return Record(
        experiment=facts.experiment,
        id=facts.run,
        metric=f"candidate/{allowed(facts.metric)}",
        runs=[_main(facts, children), *children],
    )


def _main(facts: Facts, children: Sequence[Run]) -> Run:
    execution, manifest = facts.execution, facts.manifest
    outcome = str(facts.output.get("outcome", execution["status"].lower()))
    seconds = sum(run.metrics["billable_seconds"][0] for run in children)
    metrics = {
        **figures({name: facts.evaluation.get(name) for name in ("candidate", "champion")}, facts.metric),
        "billable_seconds": [seconds],
        "trials": [float(len(facts.trials))],
        **cost(facts, seconds),
    }
    succeeded = execution["status"] == "SUCCEEDED"
    return Run(
        key=MAIN,
        name=f"{outcome} {facts.run}",  # a list cuts the end off
        status="FINISHED" if succeeded else "KILLED" if execution["status"] == "ABORTED" else "FAILED",
        started_ms=execution["startDate"],
        ended_ms=execution["stopDate"],
        params=texts(
            {
                "estimator": manifest.get("estimator"),
                **manifest.get("parameters", {}),
                "seed": manifest.get("seed"),
                "rows": facts.rows.get("rows"),
                "test_rows": facts.rows.get("test_rows"),
                "strategy": facts.tuning.get("HyperParameterTuningJobConfig", {}).get("Strategy"),
            }
        ),
        metrics=metrics,
        tags=texts({"outcome": outcome, **_identity(facts), **_code(facts)}),
        description=_description(facts, outcome),
        files={name: text for name, text in facts.files.items() if len(text.encode()) <= MAX_TEXT_BYTES},
        datasets=_datasets(facts),
    )


def _identity(facts: Facts) -> dict[str, Any]:
    """What would have to be equal for the same model to come out."""
    manifest, provenance = facts.manifest, facts.manifest.get("provenance", {})
    trigger = facts.output.get("trigger") or {}
    return {
        "trigger": trigger.get("trigger"),
        "cause": trigger.get("cause"),
        "execution_arn": facts.execution["executionArn"],
        "dataset_snapshot": facts.rows.get("snapshot"),
        "feature_hash": facts.rows.get("feature_hash"),
        **{name: value for name, value in provenance.items() if isinstance(value, str | int | float)},
        "model_package_arn": facts.output.get("package_arn"),
        "champion_package_arn": facts.rows.get("champion_package_arn"),
        "model_sha256": manifest.get("sha256", {}).get("model.skops"),
        "manifest_sha256": manifest.get("sha256", {}).get("manifest.json"),
        "model_uri": facts.training.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
        "python": manifest.get("python"),
        **{f"version_of_{name}": value for name, value in manifest.get("libraries", {}).items()},
    }


def _code(facts: Facts) -> dict[str, Any]:
    image = facts.training.get("AlgorithmSpecification", {}).get("TrainingImage")
    known = facts.source
    return {
        "code_version": facts.manifest.get("code_version"),
        "image": image,
        "git_dirty": known.get("dirty"),
        "lock_sha256": known.get("lock"),
        "mlflow.source.git.commit": known.get("commit"),  # MLflow's own tags fill the columns of its page
        "mlflow.source.name": facts.experiment,
        "mlflow.source.type": "JOB",
        "mlflow.user": "tidegate",
    }


def _datasets(facts: Facts) -> tuple[Dataset, ...]:
    rows = facts.rows
    if not rows:
        return ()
    table, _, snapshot = rows["snapshot"].rpartition("@")
    digest = snapshot[:DIGEST_CHARACTERS]
    return (
        Dataset(
            name=f"{table} training",
            digest=digest,
            source=rows["train_uri"],
            context="training",
            rows=rows["rows"],
        ),
        Dataset(
            name=f"{table} test",
            digest=digest,
            source=rows["test_uri"],
            context="evaluation",
            rows=rows["test_rows"],
        ),
    )


def _description(facts: Facts, outcome: str) -> str:
    """What a reader of the run's page wants to know first."""
    reasons = facts.output.get("reasons") or []
    cause = str(facts.execution.get("cause") or "").strip()
    lines = [
        f"**{outcome}**" + (f": {facts.execution.get('error')}" if cause else ""),
        *(f"- {reason}" for reason in reasons),
        *([f"```\n{cause}\n```"] if cause else []),
    ]
    trigger = facts.output.get("trigger") or {}
    if trigger:
        lines.append(f"\nAsked for by {trigger['trigger']}: {trigger['cause']}")
    return "\n".join(lines)[:TEXT_CHARACTERS]
