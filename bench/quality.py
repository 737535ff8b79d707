"""What validating a drop costs: `python -m bench.quality [--json] [--check]`.

Ratios are of CPU seconds. Those to plain reading are of one process, in turns; those to other validators are
of fresh processes, without their imports: the best of two runs of theirs, of five of ours, which have the
environment of a deployed function. Other validators are installed on first use, each in an environment of its
own; one that cannot be is printed as skipped, and its target is not met.
"""

import json
import os
from pathlib import Path

from bench import drift_profiles, drop_report, quality_engine, quality_peers
from bench.quality_data import csv_file, parquet_file, plan_file
from bench.report import Figure, main
from tidegate.contract.plan import ContractPlan

SMALL, MAIN, LARGE = 200_000, 2_000_000, 20_000_000
AHEAD = {"Great Expectations": 10, "pandera-pandas": 3.5, "pandera-polars": 1, "Evidently": 80}
RUNS, OWN_RUNS = 2, 5  # the best counts; ours are so short that fresh memory may double one


def measure() -> list[Figure]:
    os.environ |= quality_engine.ONE_THREAD
    return [
        *speed(),
        *memory(),
        *others(),
        *merging(),
        *importing(),
        *drift_profiles.measure(),
        *drop_report.measure(),
    ]


def speed() -> list[Figure]:
    plan = ContractPlan.from_json(json.loads(plan_file().read_text()))
    parquet = quality_engine.cpu_seconds(quality_engine.PARQUET_WORK, parquet_file(MAIN), plan, rounds=7)
    csv = quality_engine.cpu_seconds(quality_engine.CSV_WORK, csv_file(MAIN), plan, rounds=3)
    limit = parquet["plain decode"]
    return [
        Figure("plain decode, 2M x 20 Parquet: the limit", limit, "CPU s"),
        Figure("dictionary decode", parquet["dictionary decode"] / limit, "x limit"),
        Figure("our reader alone", parquet["reading"] / limit, "x limit"),
        Figure("profile and 31 rules", parquet["validation"] / limit, "x limit", 2.2),
        Figure("the same", parquet["validation"] / parquet["dictionary decode"], "x dictionary decode"),
        Figure("streamed CSV, 2M x 20: the limit of CSV", csv["decode"], "CPU s"),
        Figure("profile and 31 rules of CSV", csv["validation"] / csv["decode"], "x limit of CSV", 1.6),
    ]


def memory() -> list[Figure]:
    peaks = {
        rows: quality_engine.fresh(plan_file(), parquet_file(rows))["megabytes"]
        for rows in (SMALL, MAIN, LARGE)
    }
    csv = quality_engine.fresh(plan_file(), csv_file(MAIN))["megabytes"]
    return [
        *(Figure(f"peak memory, {rows:,} rows", peak, "MB", 300) for rows, peak in peaks.items()),
        Figure("growth of peak memory, 200k to 20M rows", peaks[LARGE] / peaks[SMALL], "x", 1.1),
        Figure("peak memory, 2M rows of CSV", csv, "MB"),
    ]


def others() -> list[Figure]:
    """What other validators take, in multiples of ours on the same files."""
    alone, pair = (parquet_file(MAIN),), (parquet_file(SMALL, 0.2), parquet_file(SMALL))
    ours = {files: _ours(*files) for files in (alone, pair)}
    figures = []
    for peer in quality_peers.PEERS:
        files = pair if peer.compares else alone
        arguments = files if peer.compares else (*files, plan_file())
        found = quality_peers.measure(peer, *arguments, runs=RUNS)
        least = AHEAD.get(peer.name)
        if isinstance(found, quality_peers.Skipped):
            figures.append(Figure(peer.name, None, "x our CPU", least, "least", skipped=found.why))
            continue
        figures += [
            Figure(peer.name, found.working / ours[files]["seconds"], "x our CPU", least, "least"),
            Figure(f"{peer.name}, memory", found.megabytes / ours[files]["megabytes"], "x ours"),
            Figure(f"{peer.name}, import", found.importing, "CPU s"),
            Figure(f"{peer.name}, reading alone", found.reading / ours[files]["seconds"], "x our CPU"),
        ]
    return figures


def _ours(*files: Path) -> dict[str, float]:
    runs = [quality_engine.fresh(plan_file(), *files) for _ in range(OWN_RUNS)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def merging() -> list[Figure]:
    slowest = max(quality_engine.merge_milliseconds(parquet_file(MAIN)).values())
    return [Figure("merging 1,000 profiles, slowest column", slowest, "CPU ms", 100)]


def importing() -> list[Figure]:
    seconds, heavy = quality_engine.import_cost()
    ran = quality_engine.fresh(plan_file(), parquet_file(SMALL))["heavy packages"]
    return [
        Figure("importing reader, rules and profile", seconds, "CPU s", 0.35),
        Figure("of pandas, scipy and scikit-learn imported", len(heavy), "packages", 0),
        Figure("of them imported once a drop is validated", ran, "packages", 0),
    ]


if __name__ == "__main__":
    main("quality", measure)
