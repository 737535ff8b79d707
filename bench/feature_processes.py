"""Each way to join labels to features as whole processes, in turns: CPU seconds and the most memory held."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.feature_data import Files
from bench.quality_engine import NUMERIC
from bench.quality_peers import CHECKOUT, SCRIPTS, Peer, Skipped, environment

RUN_SECONDS = 900
_FRAMES = ("polars==2.1.0", "duckdb==2.0.0", "pandas==3.1.1", "numpy==2.4.6", "pyarrow<26")
_FEAST = ("feast[duckdb]==0.67.0", "pandas<3")


def _join(name: str, method: str) -> Peer:
    return Peer(name=name, environment="joins", requirements=_FRAMES, script="joins.py", words=(method,))


def _feast(store: str) -> Peer:
    return Peer(
        name=f"Feast, {store} store",
        environment="feast",
        requirements=_FEAST,
        script="feast_store.py",
        words=(store,),
    )


FLOOR = _join("polars reads both files", "floor")
DUCKDB = _join("DuckDB ASOF", "duckdb")
POLARS = _join("polars join_asof", "polars")
PANDAS = _join("pandas merge_asof", "pandas")
FEAST = _feast("duckdb")
FEAST_DASK = _feast("dask")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of the whole process, imports included, and what it found."""

    cpu_seconds: float
    megabytes: float
    rows: int
    total: float  # of the first feature over the answer


def ours(files: Files) -> Cost:
    """Our join in the environment of a deployed function."""
    argv = [sys.executable, "-m", "bench.feature_join", str(files.ordered), str(files.labels)]
    return _run(argv, NUMERIC)


def theirs(peer: Peer, files: Files) -> Cost | Skipped:
    """A peer with as many threads as it takes by itself."""
    try:
        argv = [
            environment(peer),
            str(SCRIPTS / peer.script),
            *peer.words,
            str(files.rows),
            str(files.labels),
        ]
        return _run(argv, {})
    except subprocess.TimeoutExpired as cause:
        return Skipped(peer.name, f"not done after {cause.timeout:.0f} s")
    except subprocess.CalledProcessError as cause:
        said = str(cause.stderr or cause.stdout or "").strip().splitlines()
        return Skipped(peer.name, said[-1][:200] if said else f"exit {cause.returncode}")


def cheapest(costs: Sequence[Cost]) -> Cost:
    """The least of each figure: what other work on the machine adds is not the method's."""
    return replace(
        costs[0],
        cpu_seconds=min(cost.cpu_seconds for cost in costs),
        megabytes=min(cost.megabytes for cost in costs),
    )


def _run(argv: list[str], environ: Mapping[str, str]) -> Cost:
    """CPU of the process and of those it waited for, as the system has counted it; its own word for the rest.

    Raises:
        subprocess.SubprocessError: it failed, or took too long.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        argv,
        env=os.environ | dict(environ),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_SECONDS,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Cost(
        cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        megabytes=found["megabytes"],
        rows=found["rows"],
        total=found["sum"],
    )
