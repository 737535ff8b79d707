"""What recording training runs in MLflow costs: once in a process, once in a store, and for each run.

The store is sqlite, as on a laptop. A run is that of a search of `TRIALS` trials, so ten runs of MLflow with
parameters, metrics, tags, data sets and files. Nothing of it is on the way of the training machine.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Figure, main
from tidegate.aws import experiments
from tidegate.training.tracking import Dataset, Record, Run

TRIALS = 12
RUNS = 8
_STARTED = 1_700_000_000_000


def measure() -> list[Figure]:
    """CPU of the process, which both MLflow's client and sqlite run in."""
    fresh = "mlflow" not in sys.modules
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        began = time.process_time()
        import mlflow.tracking

        imported = time.process_time() - began
        began = time.process_time()
        experiments.write(_record(0), uri, seconds=120)
        first = time.process_time() - began
        cpu, wall = [], []
        for number in range(1, RUNS + 1):
            record = _record(number)
            cpu_began, wall_began = time.process_time(), time.perf_counter()
            experiments.write(record, uri, seconds=120)
            cpu.append(time.process_time() - cpu_began)
            wall.append(time.perf_counter() - wall_began)
        written = len(mlflow.tracking.MlflowClient(uri).search_runs(["1"], max_results=1000))
    if written != (RUNS + 1) * (TRIALS + 3):
        raise AssertionError(f"{written} runs are in the store")
    run = statistics.median(cpu)
    return [
        Figure("MLflow's client, import", imported, "CPU s") if fresh else _skipped(),
        Figure("the first run of a new store, its tables included", first, "CPU s", 4.0),
        Figure(f"a training run of {TRIALS} trials", run, "CPU s", 1.0),
        Figure("the same, wall", statistics.median(wall), "s"),
        Figure("each trial of it", 1000 * run / (TRIALS + 3), "CPU ms", 60.0),
    ]


def _skipped() -> Figure:
    return Figure("MLflow's client, import", None, "CPU s", skipped="it was imported before")


def _record(number: int) -> Record:
    times = {"status": "FINISHED", "started_ms": _STARTED, "ended_ms": _STARTED + 60_000}
    hashes = {f"hash_{n}": f"{n:064x}" for n in range(25)}
    params = {"learning_rate": "0.1", "max_leaf_nodes": "31", "min_samples_leaf": "20"}
    trial = {"params": params, "metrics": {"validation_score": [0.6], "billable_seconds": [9.0]}}
    rows = [
        Dataset(name=f"flights {what}", digest=f"{number}", source="s3://lake/", context=what, rows=100_000)
        for what in ("training", "evaluation")
    ]
    figures = {f"candidate/figure_{n}": [0.1 * n] for n in range(20)}
    files = {"evaluation.json": "{}" * 1000, "manifest.json": "{}" * 1000}
    runs = [
        Run(
            key="run",
            name="registered",
            **times,
            params=params,
            metrics=figures,
            tags=hashes,
            files=files,
            datasets=rows,
        ),
        *(Run(key=f"trial-{n}", name=f"trial {n}", **times, **trial) for n in range(TRIALS)),
        Run(key="final-fit", name="final fit", **times, **trial),
        Run(key="evaluation", name="evaluation", **times, metrics=figures),
    ]
    return Record(experiment="bench", id=f"run-{number}", metric="candidate/figure_1", runs=runs)


if __name__ == "__main__":
    main("tracking", measure)
