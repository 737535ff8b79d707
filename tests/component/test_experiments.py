"""Records into a real MLflow on sqlite, and into trackers that are down, slow, locked or full.

MLflow's own client reads back what was written.
"""

import json
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tidegate.aws import experiments
from tidegate.aws.experiments import TrackingUnavailableError
from tidegate.training import tracking
from tidegate.training.tracking import Dataset, Record, Run

SECONDS = 3.0  # that a tracker gets in these tests
LATE = 12.0  # far above it: a busy machine is no fault, minutes are


def record(number=1, *, trials=2, **changes):
    started = 1_700_000_000_000 + number
    main = {
        "key": "run",
        "name": f"registered {number}",
        "params": {"seed": "7", **{f"parameter_{n}": "x" for n in range(150)}},  # more than one call takes
        "metrics": {"candidate/roc_auc": [0.66], "candidate/roc_auc_low": [0.6]},
        "tags": {"feature_hash": "f" * 64},
        "description": "**registered**",
        "files": {"evaluation.json": '{"rows": 1}'},
        "datasets": (Dataset(name="flights", digest="77", source="s3://l/t/", context="training", rows=9),),
        **changes,
    }
    jobs = [
        {"key": f"trial-{n}", "name": f"trial {n}", "metrics": {"fold_score": [0.1 * n, 0.2 * n]}}
        for n in range(1, trials + 1)
    ]
    times = {"status": "FINISHED", "started_ms": started, "ended_ms": started + 1000}
    runs = [Run(**times, **each) for each in (main, *jobs)]
    return Record(experiment="flights-dev", id=f"run-{number}", metric="candidate/roc_auc", runs=runs)


@pytest.fixture
def store(empty_store, tmp_path, monkeypatch):
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(tmp_path / "files"))
    return Path(shutil.copy(empty_store, tmp_path / "mlflow.db"))


def client_of(store):
    return experiments._client(uri(store))


def write(given, uri):
    experiments.write(given, uri, seconds=experiments.patience(given))


def uri(store):
    return f"sqlite:///{store}"


def runs_of(store):
    """Every run by its key."""
    client = client_of(store)
    found = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=1000)
    return {(run.data.tags["tidegate.run"], run.data.tags["tidegate.key"]): run for run in found}


def test_a_record_becomes_nested_runs_with_all_it_holds(store):
    write(record(), uri(store))
    runs = runs_of(store)
    assert runs.keys() == {("run-1", key) for key in ("run", "trial-1", "trial-2")}
    main, trial = runs["run-1", "run"], runs["run-1", "trial-2"]
    assert len(main.data.params) == 151 and main.data.params["seed"] == "7"
    assert main.data.metrics == {"candidate/roc_auc": 0.66, "candidate/roc_auc_low": 0.6}
    assert main.data.tags["feature_hash"] == "f" * 64
    assert (main.info.status, main.info.start_time, main.info.end_time) == (
        "FINISHED",
        1_700_000_000_001,
        1_700_000_001_001,
    )
    [rows] = main.inputs.dataset_inputs
    assert (rows.dataset.name, rows.dataset.digest, rows.tags[0].value) == ("flights", "77", "training")
    assert trial.data.tags["mlflow.parentRunId"] == main.info.run_id
    steps = client_of(store).get_metric_history(trial.info.run_id, "fold_score")
    assert [(m.step, m.value) for m in sorted(steps, key=lambda m: m.step)] == [(0, 0.2), (1, 0.4)]
    [file] = (store.parent / "files").rglob("evaluation.json")
    assert json.loads(file.read_text()) == {"rows": 1}


def test_writing_twice_is_once(store):
    for _ in range(2):
        write(record(), uri(store))
    client = client_of(store)
    found = client.search_runs([client.get_experiment_by_name("flights-dev").experiment_id])
    assert len(found) == 3


def test_what_a_torn_write_left_is_completed(store):
    whole = record()
    begun = Record(**{**vars(whole), "runs": [whole.runs[0]]})
    client = client_of(store)
    experiment = experiments._experiment(client, begun)
    tags = {"tidegate.run": "run-1", "tidegate.key": "run"}
    half = client.create_run(experiment, start_time=1, tags=tags, run_name="registered 1")
    client.log_param(half.info.run_id, "seed", "7")
    write(whole, uri(store))
    runs = runs_of(store)
    assert len(runs) == 3
    assert runs["run-1", "run"].info.run_id == half.info.run_id
    assert len(runs["run-1", "run"].data.params) == 151


def test_runs_are_kept_though_their_files_cannot_be(store, monkeypatch):
    blocked = store.parent / "a-file"
    blocked.write_text("no folder")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(blocked / "below"))
    write(record(), uri(store))
    main = runs_of(store)["run-1", "run"]
    assert main.info.status == "FINISHED"
    assert "NotADirectory" in main.data.tags["files_missing"]


def test_an_experiment_that_was_deleted_is_not_written_to(store):
    write(record(), uri(store))
    client = client_of(store)
    client.delete_experiment(client.get_experiment_by_name("flights-dev").experiment_id)
    with pytest.raises(TrackingUnavailableError, match="it was deleted"):
        write(record(2), uri(store))


def test_a_server_that_is_not_there_is_told_in_seconds():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(TrackingUnavailableError, match="run-1 is not in MLflow"):
        experiments.write(record(), f"http://127.0.0.1:{port}", seconds=SECONDS)
    assert time.monotonic() - began < LATE


def test_a_server_that_never_answers_is_given_up_in_seconds():
    with socket.create_server(("127.0.0.1", 0)) as server:
        began = time.monotonic()
        with pytest.raises(TrackingUnavailableError, match=r"no answer within 1\.5 s"):
            experiments.write(record(), f"http://127.0.0.1:{server.getsockname()[1]}", seconds=1.5)
        assert time.monotonic() - began < LATE


def test_a_locked_store_is_given_up_in_seconds_and_written_later(store):
    with sqlite3.connect(store, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(TrackingUnavailableError):
            experiments.write(record(), uri(store), seconds=1.0)
        assert time.monotonic() - began < LATE
        other.execute("ROLLBACK")
    write(record(), uri(store))
    assert len(runs_of(store)) == 3


def test_the_time_limit_leaves_no_alarm_behind(store):
    experiments.write(record(), uri(store), seconds=5.0)
    import signal

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_only_the_main_thread_may_write(store):
    failures = []

    def attempt():
        try:
            write(record(), uri(store))
        except TrackingUnavailableError as error:
            failures.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert "main thread" in failures[0]


WRITE = """
    import sys
    from tidegate.training import tracking
    from tidegate.aws import experiments
    text, uri = sys.stdin.read(), sys.argv[1]
    experiments.write(tracking.from_lines(text), uri, seconds=60)
"""


def process(given, uri, **options):
    argv = [sys.executable, "-c", textwrap.dedent(WRITE), uri]
    child = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    child.stdin.write(tracking.to_lines(given))
    child.stdin.close()
    return child


@pytest.mark.slow  # each process pays for MLflow's import and, here, for its tables
def test_writers_at_once_make_one_store_and_lose_no_run(tmp_path, monkeypatch):
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(tmp_path / "files"))
    store = tmp_path / "mlflow.db"
    writers = [process(record(number), uri(store)) for number in range(1, 4)]
    for writer in writers:
        text = writer.stdout.read()
        assert writer.wait() == 0, text
    assert len(runs_of(store)) == 3 * 3


@pytest.mark.slow
def test_a_full_disk_fails_the_write_and_room_lets_it_through(store):
    size = store.stat().st_size

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # a write beyond it fails as on a full disk

    writer = process(record(), uri(store), preexec_fn=no_room)
    assert "TrackingUnavailableError" in writer.stdout.read()
    assert writer.wait() == 1
    write(record(), uri(store))
    assert len(runs_of(store)) == 3
