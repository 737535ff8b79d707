"""`tidegate demo` as a person or a script runs it, once; each chapter left what it must."""

import json
import sqlite3
import subprocess
import sys

import pytest

from tidegate_cli.assembly import state_folder

MINUTES = 30  # far above what it takes: a machine that is busy with other things is no fault


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The object that the demo prints."""
    argv = [sys.executable, "-m", "tidegate_cli.main", "demo", "--json", "--no-keep"]
    folder = tmp_path_factory.mktemp("elsewhere")  # the demo runs in any folder
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=MINUTES * 60)
    print(done.stderr)  # noqa: T201  its narration, seen when a test fails
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def states(told, stage):
    return {line["state"] for line in told["states"] if line["stage"] == stage}


def test_it_ends_well_and_says_how_long_it_took(told):
    assert told["ok"] is True
    assert 0 <= told["synth_seconds"] < told["seconds"] < MINUTES * 60


def test_every_stage_tells_its_states(told):
    assert all(line.keys() >= {"stage", "state", "verdict", "seconds"} for line in told["states"])
    assert all(line["verdict"] and line["seconds"] >= 0 for line in told["states"])
    assert states(told, "ingestion") >= {
        "ValidateShard",
        "JudgeDrop",
        "RecordDatasetVersion",
        "QuarantineDrop",
    }
    assert states(told, "features") >= {"PlanFeatures", "ComputeFeatures", "RecordFeatures"}
    assert states(told, "training") >= {
        "BuildTrainingSet",
        "TuneModel",
        "SelectTrial",
        "TrainModel",
        "EvaluateCandidate",
    }
    assert states(told, "deployment") >= {"PreflightCandidate", "CheckCandidate", "RecordChampion"}
    assert states(told, "monitoring") >= {"PlanWindow", "MeasureWindow", "DriftAlarm"}


def test_the_tuning_ran_six_trials_or_more(told):
    tuned = [line["number"] for line in told["states"] if line["state"] == "TuneModel"]
    assert len(tuned) == 2  # the first model, and the retraining
    assert all(int(number.split(" trials")[0]) >= 6 for number in tuned)


def test_every_prediction_was_answered_and_its_outcome_taken(told):
    for month in ("March", "July"):
        asked = told["predictions"][month]
        assert (asked["asked"], asked["served"]) == (500, 500), month
    fresh = told["predictions"]["March"]["fresh"]  # February's aggregates live for 14 of March's 31 days
    assert abs(fresh - 500 * 14 / 31) < 25
    assert told["predictions"]["feedback"] == 500


def test_the_broken_drop_is_quarantined_by_column_and_by_row(told):
    (broken,) = told["quarantined"]
    reasons = {reason["column"]: reason for reason in broken["reasons"]}
    assert "`destination`" in reasons["dest"]["message"]
    assert len(reasons["temp"]["first_rows"]) == len(reasons["temp"]["first_values"]) > 0
    assert all(float(value) < 5 for value in reasons["temp"]["first_values"])  # the contract's minimum


def test_the_drift_alarm_rang_by_its_own_evaluation(told):
    assert told["measured"]["July"]["drifted"]
    (alarm,) = told["alarms"]
    assert (alarm["name"], alarm["state"]) == ("flights-dev-model-monitor-drift", "ALARM")
    assert "Threshold Crossed" in alarm["reason"]  # CloudWatch's words; set-alarm-state has the caller's


def test_the_window_retrained_and_the_candidate_was_judged(told):
    retraining = told["retraining"]
    assert retraining["trigger"]["trigger"] == "drift"
    assert retraining["verdict"] in ("promoted", "rejected", "rolled back")
    assert retraining["reason"]
    assert retraining["candidate"] is not None and retraining["champion"] is not None


def test_the_drift_the_drop_and_the_retraining_are_on_record_with_what_came_of_them(told):
    found = {row["cause"].partition("/")[0]: row for row in told["incidents"]}
    assert found["quarantine"]["drop"].startswith("drops/flights/2013-03-broken.csv")
    assert {"temp", "dest"} <= set(found["quarantine"]["columns"])
    assert found["quarantine"]["state"] == "recovered"  # the good drop after it was accepted
    [alarm] = [row for row in told["incidents"] if row["cause"] == "alarm/model-monitor-drift"]
    assert "Threshold Crossed" in alarm["evidence"][0]
    [run] = [row for row in told["incidents"] if row["action"].startswith("training run drift-")]
    assert run["evidence"] and run["columns"] and run["cause"].startswith("retraining/drift-")
    said = {
        "promoted": "promoted: ",
        "rejected": "the gate keeps",
        "rolled back": "flights-dev/2 is rolled back",
    }
    assert run["outcome"].startswith(said[told["retraining"]["verdict"]])


def test_both_training_runs_and_their_trials_are_in_mlflow_when_it_has_ended(told):
    locks = [line["number"] for line in told["states"] if line["state"] == "AcquireTrainingLock"]
    with sqlite3.connect(state_folder() / "mlflow.db") as store:
        for run in (text.removeprefix("run ") for text in locks):
            query = (
                "select child.name, child.status from runs parent"
                " join tags on tags.key = 'mlflow.parentRunId' and tags.value = parent.run_uuid"
                " join runs child on child.run_uuid = tags.run_uuid where parent.name like ?"
            )
            below = dict(store.execute(query, (f"%{run}",)))
            trials = {name for name in below if name.startswith("trial ")}
            assert below.keys() == trials | {"final fit", "evaluation"} and len(trials) >= 6
            assert set(below.values()) == {"FINISHED"}
    assert len(locks) == 2


def test_one_champion_has_all_traffic_at_the_end(told):
    champion = told["champion"]
    assert champion["version"] == (2 if told["retraining"]["verdict"] == "promoted" else 1)
    assert [share["variant"] for share in champion["traffic"] if share["share"] > 0] == [champion["variant"]]


def test_no_request_failed_while_the_candidate_was_rolled_out(told):
    during = told["predictions"]["during_rollout"]
    assert during["failed"] == 0
    assert during["asked"] > 0 or told["retraining"]["verdict"] == "rejected"


def test_the_pipelines_own_overhead_is_told(told):
    assert all(seconds <= 5 for seconds in told["overhead"]["drop_to_start_seconds"])
    runs = told["overhead"]["training"]
    assert len(runs) == 2 and all(0 < run["job_seconds"] < run["seconds"] for run in runs)
