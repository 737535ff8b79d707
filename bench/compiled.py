"""What serving costs with the compiled model and without: a request, a row, the process.

One model of 100 trees on 20 numeric columns, some missing: HistGradientBoostingClassifier with its defaults.
A request goes through the whole of `Invocation`, bytes to bytes, so parsing, checks and features are in it.
"""

import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from bench.report import Figure, main
from tidegate.compiled.attempt import attempt
from tidegate.compiled.matrix import MatrixScorer
from tidegate.compiled.scorer import FEWEST_ROWS
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task
from training_jobs.serve import read
from training_jobs.serving.invocation import Invocation

COLUMNS = 20
ROWS = 20_000
MISSING = 0.05  # of cells
SECONDS = 0.5
CODE = f"""
from tidegate.features import FeatureSet, Label, Source

source = Source("made", event_ts="at", known_ts="known")
names = [f"x{{i}}" for i in range({COLUMNS})]
made = FeatureSet(
    name="made", label=Label("y", source=source, sql="y"),
    request=["at", *names], transforms=[], features=names,
)
"""
STARTED = """
import json, re, sys, time
from pathlib import Path
from training_jobs.serve import read
from training_jobs.serving.invocation import Invocation
Invocation(read(Path(sys.argv[1])))(sys.stdin.buffer.read())
spent = time.process_time()
resident = re.search(r"VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([spent, int(resident[1]) / 1024]))
"""


def measure() -> list[Figure]:
    with threadpool_limits(1):  # more of scikit-learn's threads would spin while neighbours work
        return _measured()


def _measured() -> list[Figure]:
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(ROWS, COLUMNS))
    labels = (matrix[:, 0] + matrix[:, 1] * matrix[:, 2] / 2 + draw.normal(size=ROWS) > 0).astype(np.int8)
    matrix[draw.random(matrix.shape) < MISSING] = np.nan
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0).fit(matrix, labels)
    encoding = Encoding(tuple(f"x{i}" for i in range(COLUMNS)), {})
    started = time.process_time()
    tried = attempt(model, encoding, Task("binary"), matrix)
    gate_seconds = time.process_time() - started
    if tried.document is None:
        raise SystemExit(str(tried.parity))
    found = [
        Figure("compile and parity, 20,000 and 10,000 edge rows", gate_seconds, "s CPU", 3),
        Figure("largest difference", float(tried.parity["largest"]), "", 1e-12),
    ]
    with _folders(model, encoding, tried.document) as folders:
        found += _of_scorer(model, tried.document, matrix)
        found.append(
            Figure("compiled.json", (folders["compiled"] / artefact.COMPILED).stat().st_size / 1e3, "kB")
        )
        bodies = {n: _body(matrix[:n]) for n in (1, 100)}
        for runtime, folder in folders.items():
            ask = Invocation(read(folder))
            for rows, body in bodies.items():
                at_most = 400 if (runtime, rows) == ("compiled", 1) else None
                microseconds = _median(lambda ask=ask, body=body: ask(body))
                found.append(Figure(f"{runtime}: request of {rows}", microseconds, "us CPU", at_most))
            cpu, megabytes = _started(folder, bodies[1])
            at_most = 1.0 if runtime == "compiled" else None
            found.append(Figure(f"{runtime}: start until the first answer", cpu, "s CPU", at_most))
            found.append(Figure(f"{runtime}: resident memory", megabytes, "MB"))
    return found


def _of_scorer(model: Any, document: Any, matrix: Any) -> list[Figure]:
    scorer = MatrixScorer.load(document)
    text = json.dumps(document)
    rows = matrix[:20].tolist()
    one = float(np.mean([_median(lambda row=row: scorer.one(row), SECONDS / 10) for row in rows]))
    usual = _median(lambda: model.predict_proba(matrix[:1]))
    gc.collect()
    gc.freeze()  # the heap of this process, scikit-learn's above all, is none of a server's
    found = [
        Figure(
            "load compiled.json", _median(lambda: MatrixScorer.load(json.loads(text))) / 1e3, "ms CPU", 100
        ),
        Figure("one row, walked", one, "us CPU", 40),
        Figure("one row, predict_proba over walked", usual / one, "x", 10, "least"),
    ]
    for count in (FEWEST_ROWS - 8, FEWEST_ROWS + 8, 100, 1000):
        block, lists = matrix[:count], matrix[:count].tolist()
        walked = _median(lambda lists=lists: [scorer.one(row) for row in lists])
        found += [
            Figure(f"{count} rows, walked", walked, "us CPU"),
            Figure(f"{count} rows, many", _median(lambda block=block: scorer.many(block)), "us CPU"),
            Figure(
                f"{count} rows, predict_proba",
                _median(lambda block=block: model.predict_proba(block)),
                "us CPU",
            ),
        ]
    return found


@contextlib.contextmanager
def _folders(model: Any, encoding: Encoding, document: Any) -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory() as base:
        code = Path(base) / "features.py"
        code.write_text(CODE)
        folders = {}
        for runtime, compiled in (("compiled", document), ("sklearn", None)):
            folders[runtime] = Path(base) / runtime
            artefact.write(
                folders[runtime],
                estimator=model,
                compiled=compiled,
                task=Task("binary"),
                encoding=encoding,
                plan=FeatureSetPlan.from_json(compile_feature_set(code, "made")),
                types={"at": "timestamp"} | dict.fromkeys(encoding.features, "number"),
                code=code,
                run="bench",
                facts={},
            )
        yield folders


def _body(matrix: Any) -> bytes:
    rows = [
        {"at": "2013-01-01T00:00:00Z"} | {f"x{i}": None if v != v else v for i, v in enumerate(row)}  # noqa: PLR0124
        for row in matrix.tolist()
    ]
    return json.dumps({"instances": rows}).encode()


def _median(call: Callable[[], Any], seconds: float = SECONDS) -> float:
    """CPU microseconds of one call."""
    call()
    times = []
    end = time.process_time() + seconds
    while time.process_time() < end:
        started = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - started)
    return sorted(times)[len(times) // 2] / 1e3


def _started(folder: Path, body: bytes) -> tuple[float, float]:
    """CPU seconds of a new process until its first answer, the least of 3, and its resident memory in MB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", STARTED, str(folder)]
    runs = [
        json.loads(
            subprocess.run(command, env=environment, input=body, capture_output=True, check=True).stdout
        )
        for _ in range(3)
    ]
    return min(cpu for cpu, _ in runs), min(memory for _, memory in runs)


if __name__ == "__main__":
    main("compiled", measure)
