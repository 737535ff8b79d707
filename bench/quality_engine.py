"""What validating a drop costs tidegate itself: CPU seconds, peak memory, merging, importing."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.quality_data import contract
from tidegate.arrow_types import arrow_schema
from tidegate.checks import Checker
from tidegate.messages import Shard
from tidegate.profile import Profile, ProfileBuilder, merge
from tidegate.readers import read_batches

BATCH_ROWS = 65_536
DICTIONARIES = ["plan", "region", "sku"]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as every function's environment has it
HEAVY_PACKAGES = ("pandas", "scipy", "sklearn")
_IMPORTS = "import tidegate.checks, tidegate.profile, tidegate.readers"


def plain_decode(path: Path) -> None:
    """The limit: nobody can profile a file without reading it."""
    for _ in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH_ROWS, use_threads=False):
        pass


def dictionary_decode(path: Path) -> None:
    for _ in _dictionary_batches(path):
        pass


def profile_alone(path: Path) -> Profile:
    builder = ProfileBuilder(pq.read_schema(path))
    for batch in _dictionary_batches(path):
        builder.add(batch)
    return builder.finish()


def profile_and_rules(path: Path) -> Profile:
    """What ValidateShard does with a shard, but for S3: reader, 31 rules and the profile."""
    plan = contract()
    checker, builder = Checker(plan), ProfileBuilder(arrow_schema(plan.columns))
    groups = pq.read_metadata(path).num_row_groups
    with path.open("rb") as file:
        shard = Shard(index=0, start=0, stop=groups)
        for batch in read_batches(file, path.name, path.stat().st_size, shard, plan, maximum_bytes=1 << 40):
            checker.add(batch)
            builder.add(batch.rows)
    checker.finish()
    return builder.finish()


WORK: Mapping[str, Callable[[Path], object]] = {
    "plain decode": plain_decode,
    "dictionary decode": dictionary_decode,
    "profile alone": profile_alone,
    "profile and rules": profile_and_rules,
}


def cpu_seconds(path: Path, rounds: int = 5) -> dict[str, float]:
    """Median CPU seconds of each kind of work, in turns in this process, after one round to warm up."""
    pa.set_cpu_count(1)
    taken: dict[str, list[float]] = {name: [] for name in WORK}
    for turn in range(rounds + 1):
        for name, work in WORK.items():
            started = time.process_time()
            work(path)
            if turn:
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def peak_megabytes(path: Path) -> float:
    """Of a fresh process that profiles and checks the file once."""
    return float(_in_process(f"{__name__}", str(path))["megabytes"])


def merge_milliseconds(path: Path, parts: int = 1000) -> dict[str, float]:
    """CPU milliseconds to merge a thousand profiles of some 2,000 rows each, column by column."""
    names = pq.read_schema(path).names
    piece = pq.ParquetFile(path).read_row_group(0, use_threads=False)
    rows = piece.num_rows // 50
    profiles = []
    for part in range(parts):
        builder = ProfileBuilder(piece.schema)
        builder.add(piece.slice(part * 97 % (piece.num_rows - rows), rows).combine_chunks().to_batches()[0])
        profiles.append(builder.finish())
    taken = {}
    for name in names:
        alone = [Profile(rows=p.rows, columns={name: p.columns[name]}) for p in profiles]
        started = time.process_time()
        merge(alone)
        taken[name] = 1000 * (time.process_time() - started)
    return taken


def import_cost() -> tuple[float, list[str]]:
    """CPU seconds of a fresh interpreter for what ValidateShard imports, and heavy packages among it."""
    code = (
        f"import json, sys, time; started = time.process_time(); {_IMPORTS}; "
        "print(json.dumps([time.process_time() - started, list(sys.modules)]))"
    )
    outputs = [_python("-c", code) for _ in range(5)]
    found = [json.loads(output) for output in outputs]
    loaded = [name for name in HEAVY_PACKAGES if name in found[0][1]]
    return min(seconds for seconds, _ in found), loaded


def _dictionary_batches(path: Path) -> Any:
    file = pq.ParquetFile(path, read_dictionary=DICTIONARIES, pre_buffer=False)
    return file.iter_batches(BATCH_ROWS, use_threads=False)


def _own_peak_megabytes() -> float:
    """Linux's high-water mark of this program; `ru_maxrss` would count the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def _in_process(module: str, argument: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_python("-m", module, argument))
    return found


def _python(*argv: str) -> str:
    done = subprocess.run(
        [sys.executable, *argv], stdout=subprocess.PIPE, text=True, check=True, env=os.environ | ONE_THREAD
    )
    return done.stdout


if __name__ == "__main__":
    pa.set_cpu_count(1)
    profile_and_rules(Path(sys.argv[1]))
    print(json.dumps({"megabytes": _own_peak_megabytes()}))
