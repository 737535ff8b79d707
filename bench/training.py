"""What a training run costs beside its fits: `python -m bench.training [--json] [--check]`.

The flights pipeline runs on the local cloud with a search of 12 trials, two at a time, on two months. The
machine's overhead is the time of its execution in which no job's container ran, over the time in which one
did. The same trials run again one after another, as processes with the environment of a training job, beside
scikit-learn's fits of the same configurations in one process; CPU seconds, and the same scores or no figure.
Then what recording such a run in MLflow costs.
"""

import contextlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import tracking
from bench.report import Figure, main
from tidegate_cli import example, local
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.commands.drop import CLOCK_SKEW, deliver
from tidegate_cli.executions import follow, wait_for_start
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, on_this_machine

FLIGHTS = CHECKOUT / "examples" / "flights"
MONTHS = (1, 2)
TRIALS = 12
WAIT_SECONDS = 900
PROPOSALS = 200
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Run:
    """One run of the training machine; `trials` are (hyperparameters, score)."""

    seconds: float
    covered_seconds: float  # in which some job's container ran
    container_seconds: float  # of all of them together
    trials: list[tuple[dict[str, str], float]]


def measure() -> list[Figure]:
    """Raises SystemExit when the pipeline fails, or a trial scores otherwise than scikit-learn alone."""
    with tempfile.TemporaryDirectory() as scratch, _pipeline(Path(scratch)) as (place, image):
        run = _trained(place)
        channel = Path(scratch) / "ml" / "input" / "data" / "train"
        _fetch(place, channel)
        processes = _processes(image, Path(scratch) / "ml", run.trials)
        fits = _fits(image, channel, run.trials)
    overhead = (run.seconds - run.covered_seconds) / run.covered_seconds
    return [
        Figure("training machine, 12 trials, from start to end", run.seconds, "s"),
        Figure("its containers, two at a time, together", run.container_seconds, "s"),
        Figure("training machine beside its jobs", overhead, "of the jobs' time", 0.2),
        Figure("12 trials as processes", processes, "CPU s"),
        Figure("scikit-learn's fits of the same", fits, "CPU s"),
        Figure("trials beside bare fits", processes / fits, "x"),
        Figure("a trial's process beside its fits", (processes - fits) / TRIALS, "CPU s"),
        Figure("proposing and telling a trial, Optuna alone", _proposing() * 1000, "CPU ms"),
        *tracking.measure(),
    ]


@contextlib.contextmanager
def _pipeline(scratch: Path) -> Iterator[tuple[Place, Path]]:
    """The example with that many trials, running; and the staged folder of its image."""
    folder = scratch / "flights"
    shutil.copytree(FLIGHTS, folder)
    file = folder / "pipeline.toml"
    text = file.read_text()
    if "trials = 6\n" not in text:
        raise SystemExit(f"{file.name} of the example no longer says `trials = 6`")
    file.write_text(text.replace("trials = 6\n", f"trials = {TRIALS}\n"))
    assembly = synthesize(folder, "dev")
    [entry] = assembly.folder.glob("*/training_jobs/entry.py")
    with local.start(assembly, "flights-dev") as started:
        yield on_this_machine(started.cloud), entry.parents[1]


def _trained(place: Place) -> Run:
    """Deliver the drop; the first features start the training."""
    data = example.data(FLIGHTS)
    narrator, moment = Narrator(), datetime.now(UTC) - CLOCK_SKEW
    deliver(place, "drops/flights/2013-01-and-02.csv", data.to_csv(data.flights(MONTHS)), narrator)
    arn = wait_for_start(place, "training", narrator, moment=moment, seconds=WAIT_SECONDS)
    ended = follow(place, "training", arn, narrator, seconds=WAIT_SECONDS)
    if not ended.succeeded:
        raise SystemExit(f"training {ended.status}: {ended.error} {ended.cause}")
    spans = [*_training_spans(place), *_processing_spans(place)]
    return Run(
        seconds=ended.seconds,
        covered_seconds=covered(spans),
        container_seconds=sum(end - begin for begin, end in spans),
        trials=_trials(place),
    )


def covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    total, until = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _training_spans(place: Place) -> Iterator[tuple[float, float]]:
    sagemaker = place.client("sagemaker")
    for page in sagemaker.get_paginator("list_training_jobs").paginate():
        for summary in page["TrainingJobSummaries"]:
            job = sagemaker.describe_training_job(TrainingJobName=summary["TrainingJobName"])
            for step in job["SecondaryStatusTransitions"]:
                if step["Status"] == "Training":
                    yield step["StartTime"].timestamp(), step["EndTime"].timestamp()


def _processing_spans(place: Place) -> Iterator[tuple[float, float]]:
    sagemaker = place.client("sagemaker")
    for summary in sagemaker.list_processing_jobs(NameContains="evaluate-")["ProcessingJobSummaries"]:
        job = sagemaker.describe_processing_job(ProcessingJobName=summary["ProcessingJobName"])
        yield job["ProcessingStartTime"].timestamp(), job["ProcessingEndTime"].timestamp()


def _trials(place: Place) -> list[tuple[dict[str, str], float]]:
    sagemaker = place.client("sagemaker")
    [search] = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    answer: dict[str, Any] = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=search["HyperParameterTuningJobName"], SortBy="Name", MaxResults=100
    )
    return [
        (trial["TunedHyperParameters"], trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
        for trial in answer["TrainingJobSummaries"]
    ]


def _fetch(place: Place, channel: Path) -> None:
    """The rows that the trials learnt from."""
    channel.mkdir(parents=True)
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="training/")["Contents"]:
        if "/train/" in item["Key"]:
            s3.download_file(bucket, item["Key"], str(channel / Path(item["Key"]).name))


def _environment(image: Path, root: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{image}:{CHECKOUT}",
        "SAGEMAKER_BASE_DIR": str(root),
        "PIPELINE_DIR": "pipeline",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _processes(image: Path, root: Path, trials: list[tuple[dict[str, str], float]]) -> float:
    """CPU seconds of every trial as a process of its own."""
    config = root / "input" / "config"
    config.mkdir(parents=True)
    before = _children()
    for given, score in trials:
        (config / "hyperparameters.json").write_text(json.dumps(given | {"purpose": "trial"}))
        done = subprocess.run(
            [sys.executable, "-m", "training_jobs.entry", "train"],
            cwd=image,
            env=_environment(image, root),
            capture_output=True,
            text=True,
            check=True,
        )
        _same(score, float(done.stdout.rsplit("validation:score=", 1)[1].rstrip(";\n")))
    return _children() - before


def _fits(image: Path, channel: Path, trials: list[tuple[dict[str, str], float]]) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "bench.training_fits", str(channel)],
        input=json.dumps([given for given, _ in trials]),
        cwd=image,
        env=_environment(image, channel),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    for (_, score), bare in zip(trials, found["scores"], strict=True):
        _same(score, bare)
    return float(found["cpu_seconds"])


def _proposing() -> float:
    """CPU seconds of Optuna for each trial of a long Bayesian search, its import not counted."""
    from localcloud.sagemaker.search import Search

    config: dict[str, Any] = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": PROPOSALS, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": n, "MinValue": "0", "MaxValue": "1"} for n in "abc"]
        },
        "RandomSeed": 1,
    }
    search = Search(config)
    began = time.process_time()
    for _ in range(PROPOSALS // 2):
        batch = [search.ask() for _ in range(2)]
        for proposal, values in batch:
            search.tell(proposal, -sum((float(value) - 0.3) ** 2 for value in values.values()))
    return (time.process_time() - began) / PROPOSALS


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _same(told: float, found: float) -> None:
    if not math.isclose(told, found, abs_tol=TOLERANCE):
        raise SystemExit(f"a trial told {told}, the same fits give {found}: their times say nothing")


if __name__ == "__main__":
    main("training", measure)
