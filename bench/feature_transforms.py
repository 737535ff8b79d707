"""Twenty features for one row and for a million, as training and serving call them, beside other engines.

A part of `python -m bench.features`; alone: `python -m bench.feature_transforms`. Data and features are those
of the peers' script, bench/peers/row_transforms.py.
"""

import subprocess
import time
from collections.abc import Callable

import numpy as np

from bench.quality_peers import Peer, run
from bench.report import Figure, main
from tidegate.feature_store.row_dependence import check_rows
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import Array, FeatureSet, Label, Source, transform
from tidegate.serving.instances import from_json

ROWS = 1_000_000
CALLS = 2000
WARM_UP = 50
RUNS = 5
ONE_ROW_US = 60
MANY_CPU_S = 0.6
REGISTRATION_CPU_MS = 20
_FRAMES = ("numpy==2.4.6", "polars==2.1.0", "duckdb==2.0.0", "pyarrow<26")
PEERS = tuple(
    Peer(name=name, environment="transforms", requirements=_FRAMES, script="row_transforms.py", words=(word,))
    for name, word in (("pure Python", "python"), ("polars", "polars"), ("DuckDB", "duckdb"))
)
TYPES = {"ts": "timestamp", "a": "number", "b": "number"}


@transform(
    inputs={"a": "float64", "b": "float64", "ts": "timestamp"},
    outputs={f"x{n}": "float64" for n in range(20)},
)
def twenty(a: Array, b: Array, ts: Array) -> tuple[Array, ...]:
    hour = (ts // 3600) % 24
    found = [np.log1p(np.abs(a) * (k + 1)) for k in range(6)]
    found += [np.where(b > k, a / (np.abs(b) + 1), 0.0) for k in range(6)]
    found += [np.sin(2 * np.pi * hour * (k + 1) / 24) for k in range(4)]
    found += [np.clip(a * b, -k - 1.0, k + 1.0) for k in range(4)]
    return tuple(found)


_SOURCE = Source("rows", event_ts="ts", known_ts="ts")
FEATURES = FeatureSet(
    name="twenty",
    label=Label("y", source=_SOURCE, sql="a > 0"),
    request=["ts", "a", "b"],
    transforms=[twenty],
    features=list(twenty.plan.outputs),
)


def measure() -> list[Figure]:
    """Ours with targets, then the peers; one process at a time."""
    one = from_json([{"ts": "2023-11-14T22:13:20Z", "a": 1.3, "b": 2.1}], TYPES)
    missing = from_json([{"ts": "2023-11-14T22:13:20Z", "a": 1.3, "b": None}], TYPES)
    median, slow = _microseconds(lambda: feature_columns(FEATURES, one))
    with_missing, _ = _microseconds(lambda: feature_columns(FEATURES, missing))
    columns = _columns()
    many = _cpu_seconds(lambda: feature_columns(FEATURES, columns))
    tried = 1000 * _cpu_seconds(lambda: check_rows(twenty))
    return [
        Figure("20 features of one row, p50", median, "microseconds", ONE_ROW_US),
        Figure("20 features of one row, p99", slow, "microseconds"),
        Figure("20 features of one row with a missing input, p50", with_missing, "microseconds"),
        Figure("20 features of 1M rows", many, "CPU s", MANY_CPU_S),
        Figure("trying a transform of 20 features at registration", tried, "CPU ms", REGISTRATION_CPU_MS),
        *(figure for peer in PEERS for figure in _of_peer(peer)),
    ]


def _columns() -> dict[str, Array]:
    draw = np.random.default_rng(0)
    found = {"a": 10 * draw.normal(size=ROWS), "b": 4 * draw.normal(size=ROWS)}
    return found | {"ts": draw.uniform(1.6e9, 1.7e9, ROWS)}


def _microseconds(call: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile."""
    for _ in range(WARM_UP):
        call()
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        took.append(1e6 * (time.perf_counter() - began))
    took.sort()
    return took[CALLS // 2], took[CALLS * 99 // 100]


def _cpu_seconds(call: Callable[[], object]) -> float:
    """The median of some runs: the first one meets cold memory."""
    took = []
    for _ in range(RUNS):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return sorted(took)[RUNS // 2]


def _of_peer(peer: Peer) -> list[Figure]:
    names = (f"one row, {peer.name}, p50", f"1M rows, {peer.name}")
    try:
        told = run(peer, (str(ROWS),), {})
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as cause:
        said = (getattr(cause, "stderr", None) or str(cause)).strip().splitlines()
        why = said[-1][:200] if said else type(cause).__name__
        return [Figure(name, None, "", skipped=why) for name in names]
    return [
        Figure(names[0], told["one_us"], "microseconds"),
        Figure(names[1], told["seconds"]["many"], "CPU s"),
    ]


if __name__ == "__main__":
    main("feature_transforms", measure)
