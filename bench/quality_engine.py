"""What validating a drop costs tidegate itself: CPU seconds, peak memory, merging, importing."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.peers import peak
from tidegate.checks import Checker
from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract.plan import ContractPlan
from tidegate.messages.ingestion import Shard
from tidegate.profile import BASELINE_RANKS, DROP_RANKS, Profile, ProfileBuilder, merge
from tidegate.readers import read_batches
from tidegate.readers.batch import BATCH_ROWS, Batch
from tidegate.statistics.drift import drift

DICTIONARIES = ["plan", "region", "sku"]
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
NUMERIC = ONE_THREAD | {  # the environment of every data function, as in infra/constructs/function.py
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",
    "JE_ARROW_MALLOC_CONF": "dirty_decay_ms:-1",
}
HEAVY_PACKAGES = ("pandas", "scipy", "sklearn")
_IMPORTS = "import tidegate.checks, tidegate.profile, tidegate.readers"
_CSV_BLOCK = 4 << 20

Work = Callable[[Path, ContractPlan], object]


def plain_decode(path: Path, _: ContractPlan) -> None:
    """The limit: nobody can profile a file without reading it."""
    for _batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH_ROWS, use_threads=False):
        pass


def dictionary_decode(path: Path, _: ContractPlan) -> None:
    file = pq.ParquetFile(path, read_dictionary=DICTIONARIES, pre_buffer=False)
    for _batch in file.iter_batches(BATCH_ROWS, use_threads=False):
        pass


def csv_decode(path: Path, _: ContractPlan) -> None:
    """The limit of CSV."""
    options = pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK)
    for _batch in pyarrow.csv.open_csv(path, read_options=options):
        pass


def reading(path: Path, plan: ContractPlan) -> None:
    for _batch in _batches(path, plan):
        pass


def validation(path: Path, plan: ContractPlan) -> Profile:
    """What ValidateShard does with a shard, but for S3: reader, rules and the profile."""
    checker, builder = Checker(plan), ProfileBuilder(arrow_schema(plan.columns))
    for batch in _batches(path, plan):
        checker.add(batch)
        builder.add(batch.rows, checker.keys.text_hashes)
        del batch
    checker.finish()
    return builder.finish()


def _batches(path: Path, plan: ContractPlan) -> Iterator[Batch]:
    size = path.stat().st_size
    stop = pq.read_metadata(path).num_row_groups if path.suffix == ".parquet" else size
    with path.open("rb") as file:
        shard = Shard(index=0, start=0, stop=stop)
        yield from read_batches(file, path.name, size, shard, plan, maximum_bytes=1 << 40)


PARQUET_WORK: Mapping[str, Work] = {
    "plain decode": plain_decode,
    "dictionary decode": dictionary_decode,
    "reading": reading,
    "validation": validation,
}
CSV_WORK: Mapping[str, Work] = {"decode": csv_decode, "validation": validation}


def cpu_seconds(work: Mapping[str, Work], path: Path, plan: ContractPlan, *, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each kind of work, in turns in this process, after one round to warm up."""
    pa.set_cpu_count(1)
    taken: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, do in work.items():
            started = time.process_time()
            do(path, plan)
            if turn:
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def fresh(plan: Path, *files: Path, environment: Mapping[str, str] = NUMERIC) -> dict[str, float]:
    """CPU seconds and peak megabytes of a new process, as the peers have it, imports left out.

    Of one file: that validates it. Of two: that profiles both and tells the drift of the first from the
    second. The environment is that of a deployed function, unless told otherwise.
    """
    words = ("-m", __name__, str(plan), *map(str, files))
    found: dict[str, float] = json.loads(_python(*words, environment=environment))
    return found


def merge_milliseconds(path: Path) -> float:
    """CPU milliseconds to merge a thousand profiles of some 2,000 rows each: of the slowest column.

    In a process of its own with the environment of a deployed function.
    """
    code = f"from bench.quality_engine import tell_merge; tell_merge({str(path)!r})"
    return float(_python("-c", code))


def tell_merge(path: str, parts: int = 1000, rounds: int = 3) -> None:
    """Print the median over rounds of the slowest column's milliseconds."""
    taken = [max(_merge_milliseconds(path, parts).values()) for _ in range(rounds)]
    print(statistics.median(taken))


def _merge_milliseconds(path: str, parts: int) -> dict[str, float]:
    """Column by column."""
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
    found = [json.loads(_python("-c", code)) for _ in range(5)]
    loaded = [name for name in HEAVY_PACKAGES if name in found[0][1]]
    return min(seconds for seconds, _ in found), loaded


def _python(*argv: str, environment: Mapping[str, str] = NUMERIC) -> str:
    whole = os.environ | environment
    done = subprocess.run([sys.executable, *argv], stdout=subprocess.PIPE, text=True, check=True, env=whole)
    return done.stdout


def _profile(path: Path, plan: ContractPlan, ranks: int) -> Profile:
    builder = ProfileBuilder(arrow_schema(plan.columns), ranks=ranks)
    for batch in _batches(path, plan):
        builder.add(batch.rows)
    return builder.finish()


def _tell(plan_file: Path, files: list[Path]) -> None:
    pa.set_cpu_count(1)
    plan = ContractPlan.from_json(json.loads(plan_file.read_text()))
    started = time.process_time()
    if len(files) == 1:
        validation(files[0], plan)
    else:
        current, reference = (
            _profile(path, plan, ranks)
            for path, ranks in zip(files, (DROP_RANKS, BASELINE_RANKS), strict=True)
        )
        drift(reference, current)
    seconds = time.process_time() - started
    heavy = sum(name in sys.modules for name in HEAVY_PACKAGES)
    print(json.dumps({"seconds": seconds, "megabytes": peak.megabytes(), "heavy packages": heavy}))


if __name__ == "__main__":
    _tell(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
