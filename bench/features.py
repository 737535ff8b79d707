"""What a training set and a look-up cost: `python -m bench.features [--json] [--check]`.

Joins are whole processes, imports included, in turns; ratios are of CPU seconds, the least of their runs.
Every answer on the full set is compared with what the same rows gave when the reference was drawn: the sum of
one feature, with and without regard to when a value was known. Others know no `known_ts`; Feast takes it to
decide ties only. Peers are installed on first use, each in an environment of its own; one that cannot be is
printed as skipped, and its target is not met. The dask store of Feast gets a tenth of everything.
"""

import math
import subprocess
import sys

from bench import feature_data, feature_processes, feature_transforms, online_path
from bench.feature_processes import DUCKDB, FEAST, FEAST_DASK, FLOOR, PANDAS, POLARS, Cost
from bench.quality_peers import Peer, Skipped
from bench.report import Figure, main

RUNS, PEER_RUNS = 5, 2  # the best counts
BITEMPORAL, BY_EVENT = 1488.974, 1507.640  # sum of f0 over the answer on the full set
_TOLERANCE = 0.0005


def measure() -> list[Figure]:
    # drawn by another process: what this one has held would count as its children's
    subprocess.run([sys.executable, "-m", "bench.feature_data"], check=True)
    return [*joins(), *tenth(), *hot(), *online_path.measure(), *feature_transforms.measure()]


def joins() -> list[Figure]:
    """A million labels, ten million rows, five features."""
    files = feature_data.files(feature_data.FULL)
    floors, mine = [], []
    for _ in range(RUNS):
        floors.append(feature_processes.theirs(FLOOR, files))
        mine.append(feature_processes.ours(files))
    ours = feature_processes.cheapest(mine)
    _check(ours, BITEMPORAL)
    figures = [
        Figure("join, 1M labels x 10M rows, 5 features", ours.cpu_seconds, "CPU s"),
        Figure("the same, memory", ours.megabytes, "MB", 1000),
    ]
    read = [floor for floor in floors if isinstance(floor, Cost)]
    if read:
        limit = feature_processes.cheapest(read)
        figures += [
            Figure("polars reads both files: the limit", limit.cpu_seconds, "CPU s"),
            Figure("join", ours.cpu_seconds / limit.cpu_seconds, "x limit", 2.6),
        ]
    else:
        figures.append(Figure("join", None, "x limit", 2.6, skipped=str(floors[0])))
    for peer in (DUCKDB, POLARS, PANDAS):
        figures += _beside(peer, files, ours, BY_EVENT)
    return figures + _beside(FEAST, files, ours, BY_EVENT, least=2.0)


def tenth() -> list[Figure]:
    files = feature_data.files(feature_data.TENTH)
    ours = feature_processes.cheapest([feature_processes.ours(files) for _ in range(RUNS)])
    return _beside(FEAST_DASK, files, ours, None)


def hot() -> list[Figure]:
    """20,000 labels that each may see 50,000 rows on average, beside as many rows of many entities."""
    cold = feature_data.files(feature_data.TENTH)
    hot_files = feature_data.hot_files()
    costs: dict[str, list[float]] = {"cold": [], "hot": []}
    for _ in range(RUNS):
        costs["cold"].append(feature_processes.ours(cold).cpu_seconds)
        costs["hot"].append(feature_processes.ours(hot_files).cpu_seconds)
    return [
        Figure("join, 20,000 labels x 50,000 rows of each entity", min(costs["hot"]), "CPU s"),
        Figure("the same beside 100,000 labels x 50 rows", min(costs["hot"]) / min(costs["cold"]), "x", 1.5),
    ]


def _beside(
    peer: Peer, files: feature_data.Files, ours: Cost, total: float | None, *, least: float | None = None
) -> list[Figure]:
    """What a peer takes, in multiples of ours on the same rows."""
    runs = []
    for _ in range(PEER_RUNS):
        found = feature_processes.theirs(peer, files)
        if isinstance(found, Skipped):
            return [Figure(peer.name, None, "x our CPU", least, "least", skipped=found.why)]
        runs.append(found)
    theirs = feature_processes.cheapest(runs)
    if total is not None:
        _check(theirs, total)
    figures = [
        Figure(peer.name, theirs.cpu_seconds / ours.cpu_seconds, "x our CPU", least, "least"),
        Figure(f"{peer.name}, memory", theirs.megabytes / ours.megabytes, "x ours"),
    ]
    if theirs.rows != ours.rows:
        figures.append(Figure(f"{peer.name}, labels lost", ours.rows - theirs.rows, "labels"))
    return figures


def _check(cost: Cost, total: float) -> None:
    """Raise SystemExit if an answer is not that of the reference: its time would say nothing."""
    if cost.rows != feature_data.FULL.labels or not math.isclose(cost.total, total, abs_tol=_TOLERANCE):
        raise SystemExit(f"the sum of f0 over {cost.rows:,} rows is {cost.total:.3f}, not {total:.3f}")


if __name__ == "__main__":
    main("features", measure)
