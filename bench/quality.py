"""What validating a drop costs, as ratios to reading it: `python -m bench.quality [--json] [--check]`.

Made-up files of 200 thousand, 2 million and 20 million rows by 20 columns are written once, to the system's
folder for temporary files. All ratios are of CPU seconds of one process, in turns.
"""

import os
import tempfile
from pathlib import Path

from bench import quality_engine
from bench.quality_data import write_parquet
from bench.report import Figure, main

_FILES = {200_000: 3, 2_000_000: 1, 20_000_000: 5}  # rows: seed
_MAIN = 2_000_000


def measure() -> list[Figure]:
    files = {rows: made_up_file(rows, seed) for rows, seed in _FILES.items()}
    return [*speed(files[_MAIN]), *memory(files), *merging(files[_MAIN]), *importing()]


def made_up_file(rows: int, seed: int) -> Path:
    """Written beside its name first, so that a file that is there is whole."""
    folder = Path(tempfile.gettempdir()) / "tidegate-bench"
    folder.mkdir(exist_ok=True)
    path = folder / f"quality-{rows}-{seed}.parquet"
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        write_parquet(unfinished, rows, seed)
        unfinished.rename(path)
    return path


def speed(path: Path) -> list[Figure]:
    seconds = quality_engine.cpu_seconds(path)
    plain = seconds["plain decode"]
    return [
        Figure("plain decode, 2M x 20 Parquet: the limit", plain, "CPU s"),
        Figure("dictionary decode", seconds["dictionary decode"] / plain, "x limit"),
        Figure("profile alone, on dictionary decode", seconds["profile alone"] / plain, "x limit"),
        Figure("profile and 31 rules", seconds["profile and rules"] / plain, "x limit", 2.2, "most"),
    ]


def memory(files: dict[int, Path]) -> list[Figure]:
    peaks = {rows: quality_engine.peak_megabytes(path) for rows, path in files.items()}
    smallest, largest = peaks[min(peaks)], peaks[max(peaks)]
    return [
        *(Figure(f"peak memory, {rows:,} rows", peak, "MB", 300, "most") for rows, peak in peaks.items()),
        Figure("growth of peak memory, 200k to 20M rows", largest / smallest, "x", 1.1, "most"),
    ]


def merging(path: Path) -> list[Figure]:
    slowest = max(quality_engine.merge_milliseconds(path).values())
    return [Figure("merging 1,000 profiles, slowest column", slowest, "CPU ms", 100, "most")]


def importing() -> list[Figure]:
    seconds, heavy = quality_engine.import_cost()
    return [
        Figure("importing reader, rules and profile", seconds, "CPU s", 0.35, "most"),
        Figure("of pandas, scipy and scikit-learn imported", len(heavy), "packages", 0, "most"),
    ]


if __name__ == "__main__":
    os.environ |= quality_engine.ONE_THREAD
    main("quality", measure)
