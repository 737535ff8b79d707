"""Records into MLflow, wherever MLFLOW_TRACKING_URI says: a SageMaker MLflow App by its ARN, or any server.

MLflow is imported when the first record is written: it costs over a second. Its own patience is minutes, so
every write has a time limit of ours.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tidegate.errors import TidegateError
from tidegate.training.tracking import MAIN, Record, Run

SETTINGS = {
    "GIT_PYTHON_REFRESH": "quiet",  # containers have no git
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds
}
SECONDS = 20.0  # for one record and
SECONDS_A_RUN = 0.5  # for each run in it: 15 ms into sqlite, three round trips to a server
BATCH = 100  # params and tags that MLflow takes in one call
ABOUT = (
    "Training runs of a tidegate pipeline. Each has its trials, the final fit and the evaluation nested "
    "below it; compare runs by the columns `candidate/...`, trials by `validation_score`."
)
TAG_CHARACTERS = 500
RECORD_TAG, KEY_TAG = "tidegate.run", "tidegate.key"


class TrackingUnavailableError(TidegateError):
    """A record could not be written now; it can be later."""


class _TimeIsUpError(BaseException):
    """Not an Exception: MLflow retries whatever is one."""


def patience(record: Record) -> float:
    """Seconds within which a tracker that is well has taken the record."""
    return SECONDS + SECONDS_A_RUN * len(record.runs)


def write(record: Record, uri: str, *, seconds: float) -> None:
    """Write all runs of a record; those that are there already are completed, so that writing twice is once.

    Only on the main thread: the time limit is an alarm signal.

    Raises:
        TrackingUnavailableError: not all of it was written within `seconds`.
    """
    try:
        with _limit(seconds):
            _write(record, _client(uri))
    except TrackingUnavailableError:
        raise
    except _TimeIsUpError as cause:
        raise TrackingUnavailableError(
            f"run {record.id} is not in MLflow", cause=f"no answer within {seconds:g} s", hint=_HINT
        ) from cause
    except Exception as cause:  # whatever it is, training goes on and the record stays in the queue
        raise TrackingUnavailableError(
            f"run {record.id} is not in MLflow",
            cause=f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}",
            hint=_HINT,
        ) from cause


_HINT = "it is kept and written with the next run, or by `tidegate runs replay`"


def _client(uri: str) -> Any:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.tracking import MlflowClient

    mlflow.set_tracking_uri(uri)  # the plug-in that signs requests for an ARN asks for the global one
    with _alone(uri):
        return MlflowClient(tracking_uri=uri)


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """The client makes the tables of a new sqlite file, which two at once would spoil for good."""
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        yield
        return
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        yield


def _write(record: Record, client: Any) -> None:
    experiment = _experiment(client, record)
    written = {
        run.data.tags[KEY_TAG]: run
        for run in client.search_runs([experiment], f"tags.`{RECORD_TAG}` = '{record.id}'", max_results=1000)
    }
    parent = ""
    for run in record.runs:
        found = written.get(run.key)
        if found is None:
            tags = {RECORD_TAG: record.id, KEY_TAG: run.key, "mlflow.note.content": run.description}
            if run.key != MAIN:
                tags["mlflow.parentRunId"] = parent
            found = client.create_run(experiment, start_time=run.started_ms, tags=tags, run_name=run.name)
        if found.info.end_time is None:  # the last thing that is written
            _fill(client, found.info.run_id, run)
        parent = found.info.run_id if run.key == MAIN else parent


def _fill(client: Any, run_id: str, run: Run) -> None:
    from mlflow.entities import Dataset as Rows
    from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

    params = [Param(name, value) for name, value in run.params.items()]
    tags = [RunTag(name, value) for name, value in run.tags.items()]
    metrics = [
        Metric(name, value, run.ended_ms, step)
        for name, values in run.metrics.items()
        for step, value in enumerate(values)
    ]
    for start in range(0, max(len(params), len(tags), len(metrics)), BATCH):
        part = slice(start, start + BATCH)
        client.log_batch(run_id, metrics=metrics[part], params=params[part], tags=tags[part])
    if run.datasets:
        client.log_inputs(
            run_id,
            datasets=[
                DatasetInput(
                    Rows(each.name, each.digest, "s3", each.source, profile=f'{{"num_rows": {each.rows}}}'),
                    [InputTag("mlflow.data.context", each.context)],
                )
                for each in run.datasets
            ],
        )
    try:
        for name, text in run.files.items():
            client.log_text(run_id, text, name)
    except Exception as cause:  # noqa: BLE001  they are copies: the lake has them, and tags say where
        client.set_tag(run_id, "files_missing", f"{type(cause).__name__}: {cause}"[:TAG_CHARACTERS])
    client.set_terminated(run_id, run.status, run.ended_ms)


def _experiment(client: Any, record: Record) -> str:
    from mlflow.exceptions import MlflowException

    name = record.experiment
    found = client.get_experiment_by_name(name)
    if found is None:
        tags = {
            "mlflow.note.content": ABOUT,
            "mlflow.experimentKind": "custom_model_development",  # not the page for language models
            "mlflow.experiment.primaryMetric.name": record.metric,
            "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        }
        with contextlib.suppress(MlflowException):  # another writer may have made it meanwhile
            return str(client.create_experiment(name, tags=tags))
        found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage != "active":
        raise TrackingUnavailableError(
            f"experiment `{name}` cannot be written to",
            cause="it was deleted" if found else "MLflow refuses to make it",
        )
    return str(found.experiment_id)


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
