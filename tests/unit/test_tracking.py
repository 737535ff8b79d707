"""What is recorded of a training run; the expected values are worked by hand from the facts below."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from tidegate.training import run_record, tracking
from tidegate.training.run_facts import Facts, figures
from tidegate.training.tracking import DamagedRecordError

RUN = "20261127102119-94b1"
BEGAN = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
BEGAN_MS = 1_795_773_600_000  # the same moment
TRIGGER = {"trigger": "drift", "cause": "wind_speed has drifted"}


def job(name, *, minutes, status="Completed", score=None, **changes):
    metrics = [] if score is None else [{"MetricName": "validation:score", "Value": score}]
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:{name}",
        "TrainingJobStatus": status,
        "CreationTime": BEGAN,
        "TrainingStartTime": BEGAN,
        "TrainingEndTime": BEGAN + timedelta(minutes=minutes),
        "BillableTimeInSeconds": minutes * 60,
        "HyperParameters": {"purpose": "trial", "max_leaf_nodes": "8", "kind": '"deep"', "_own": "1"},
        "AlgorithmSpecification": {"TrainingImage": "registry/image:tag"},
        "ResourceConfig": {"InstanceType": "ml.m5.large"},
        "FinalMetricDataList": metrics,
        **changes,
    }


@pytest.fixture
def facts():
    trials = [
        job("t1", minutes=2, score=0.61),
        job("t2", minutes=1, status="Failed", FailureReason="AlgorithmError: no rows"),
        job("t3", minutes=1, status="Stopped"),
    ]
    evaluating = {
        "ProcessingJobStatus": "Completed",
        "ProcessingStartTime": BEGAN,
        "ProcessingEndTime": BEGAN + timedelta(seconds=29.5),
        "AppSpecification": {"ImageUri": "registry/image:tag", "ContainerArguments": ["evaluate"]},
    }
    return Facts(
        experiment="flights-dev",
        run=RUN,
        execution={
            "executionArn": "arn:execution",
            "status": "SUCCEEDED",
            "startDate": BEGAN_MS,
            "stopDate": BEGAN_MS + 600_000,
        },
        rows={
            "snapshot": "flights@77",
            "rows": 900,
            "test_rows": 100,
            "train_uri": "s3://lake/train/",
            "test_uri": "s3://lake/test/",
            "feature_hash": "f" * 64,
        },
        tuning={"HyperParameterTuningJobConfig": {"Strategy": "Bayesian"}},
        trials=trials,
        training=job("final", minutes=3, score=0.62),
        evaluating=evaluating,
        output={
            "outcome": "registered",
            "trigger": TRIGGER,
            "reasons": ["pass: better"],
            "package_arn": "p/2",
        },
        manifest={
            "estimator": "sklearn.X",
            "parameters": {"max_iter": 8},
            "seed": 7,
            "cross_validation": {"scores": [0.6, 0.64]},
            "code_version": "c" * 64,
            "provenance": {"rows_sha256": "r", "gap_seconds": 3600.0, "folds": [{"learn_rows": 5}]},
            "sha256": {"model.skops": "m" * 64},
            "libraries": {"numpy": "2.4"},
        },
        evaluation={
            "rows": 100,
            "candidate": {
                "run": RUN,
                "metric": 0.66,
                "interval": {"value": 0.66, "low": 0.6, "high": 0.72},
                "brier": 0.19,
            },
            "champion": None,
            "gate": {"passed": True, "reasons": ["pass: better"]},
        },
        files={"manifest.json": "{}"},
        metric="roc_auc",
        source={"commit": "abc", "dirty": "false", "lock": "l" * 64},
        usd_per_hour=0.12,
    )


@pytest.fixture
def runs(facts):
    return {run.key: run for run in run_record.record(facts).runs}


def test_the_jobs_stand_below_the_run_in_the_order_they_began(facts):
    record = run_record.record(facts)
    assert [run.key for run in record.runs] == [
        *("run", "trial-1", "trial-2", "trial-3", "final-fit", "evaluation"),
    ]
    assert (record.experiment, record.id, record.metric) == ("flights-dev", RUN, "candidate/roc_auc")


def test_a_run_costs_what_its_jobs_cost_together(runs):
    # 2 + 1 + 1 + 3 minutes, and 29.5 s of evaluation begin a thirtieth
    assert runs["run"].metrics["billable_seconds"] == [450.0]
    assert runs["run"].metrics["cost_usd"] == [pytest.approx(450 / 3600 * 0.12)]
    assert runs["evaluation"].metrics["billable_seconds"] == [30.0]


def test_without_a_declared_price_no_cost_is_told(facts):
    record = run_record.record(dataclasses.replace(facts, usd_per_hour=None))
    assert not any("cost_usd" in run.metrics for run in record.runs)


def test_the_compared_metric_has_its_interval_beside_it(runs):
    told = runs["run"].metrics
    names = {name: told[name][0] for name in told if name.startswith("candidate/")}
    assert names == {
        "candidate/roc_auc": 0.66,
        "candidate/roc_auc_low": 0.6,
        "candidate/roc_auc_high": 0.72,
        "candidate/brier": 0.19,
    }
    assert runs["evaluation"].metrics["gate/passed"] == [1.0]


def test_trials_that_failed_or_were_stopped_are_told_as_such(runs):
    assert [runs[f"trial-{n}"].status for n in (1, 2, 3)] == ["FINISHED", "FAILED", "KILLED"]
    assert runs["trial-2"].description == "AlgorithmError: no rows"
    assert runs["trial-1"].metrics["validation_score"] == [0.61]
    assert runs["trial-1"].params == {"max_leaf_nodes": "8", "kind": "deep"}


def test_the_trial_that_became_the_model_says_why(facts):
    selected = {"training_job": "t1", "reason": "the smallest within one standard error"}
    record = run_record.record(dataclasses.replace(facts, selected=selected))
    assert [run.key for run in record.runs if run.tags.get("selected") == "true"] == ["trial-1"]
    assert record.runs[1].description == "the smallest within one standard error"


def test_the_final_fit_has_a_score_for_each_fold(runs):
    assert runs["final-fit"].metrics["fold_score"] == [0.6, 0.64]
    assert runs["final-fit"].tags["fold_0"] == "learn_rows=5"


def test_a_run_says_what_it_was_made_from(runs):
    tags = runs["run"].tags
    expected = {
        "dataset_snapshot": "flights@77",
        "rows_sha256": "r",
        "gap_seconds": "3600.0",
        "model_sha256": "m" * 64,
        "model_package_arn": "p/2",
        "lock_sha256": "l" * 64,
        "git_dirty": "false",
        "mlflow.source.git.commit": "abc",
        "version_of_numpy": "2.4",
        "trigger": "drift",
    }
    assert {name: tags[name] for name in expected} == expected
    assert runs["run"].params["seed"] == "7"
    assert [(d.name, d.digest, d.rows) for d in runs["run"].datasets] == [
        ("flights training", "77", 900),
        ("flights test", "77", 100),
    ]
    assert "- pass: better" in runs["run"].description


def test_a_run_that_failed_before_its_first_job_is_recorded_with_its_cause():
    execution = {
        "executionArn": "arn:execution",
        "status": "FAILED",
        "startDate": BEGAN_MS,
        "stopDate": BEGAN_MS + 5,
        "error": "DatasetConflictError",
        "cause": "error: another commit won",
    }
    [run] = run_record.record(Facts(experiment="e", run=RUN, execution=execution, metric="roc_auc")).runs
    assert (run.status, run.name) == ("FAILED", f"failed {RUN}")
    assert "DatasetConflictError" in run.description and "another commit won" in run.description
    assert run.metrics["trials"] == [0.0]


def test_what_is_too_long_for_a_tracker_is_cut():
    execution = {
        "executionArn": "a",
        "status": "FAILED",
        "startDate": 0,
        "stopDate": 1,
        "cause": "x" * 30_000,
    }
    output = {"trigger": {"trigger": "command", "cause": "y" * 30_000}}
    [run] = run_record.record(
        Facts(experiment="e", run=RUN, execution=execution, metric="metrics.py:mine", output=output)
    ).runs
    assert len(run.description) == len(run.tags["cause"]) == 5000
    assert [len(name) for name in figures({"a" * 300: {"b": 1}}, "m")] == [250]


def test_a_metric_by_import_path_has_a_name_that_a_tracker_takes():
    document = {"candidate": {"metric": 1.0, "interval": {"low": 0.5}}}
    assert figures(document, "metrics.py:mine") == {
        "candidate/metrics.py_mine": [1.0],
        "candidate/metrics.py_mine_low": [0.5],
    }


def test_only_finite_numbers_are_figures_and_their_names_are_allowed():
    document = {"a": {"slice: carrier=UA": 1, "nan": float("nan"), "list": [1, 2], "text": "x"}}
    assert figures(document, "roc_auc") == {"a/slice_ carrier_UA": [1.0]}


def test_a_record_comes_back_from_its_lines(facts):
    record = run_record.record(facts)
    again = tracking.from_lines(tracking.to_lines(record))
    assert again == record


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_a_record_torn_between_lines_is_refused(facts, kept):
    lines = tracking.to_lines(run_record.record(facts)).splitlines(keepends=True)
    with pytest.raises(DamagedRecordError, match="torn"):
        tracking.from_lines("".join(lines[:kept]))


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", '{"experiment": "e"', json.dumps({"runs": 0}) + "\n"])
def test_what_is_not_a_record_is_refused(text):
    with pytest.raises(DamagedRecordError):
        tracking.from_lines(text)


def test_a_record_torn_within_a_line_is_refused(facts):
    text = tracking.to_lines(run_record.record(facts))
    for end in range(1, len(text) - 1, 97):
        with pytest.raises(DamagedRecordError):
            tracking.from_lines(text[:end])
