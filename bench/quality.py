"""What validating a drop costs: `python -m bench.quality [--json] [--check]`.

Ratios are of CPU seconds. Those to plain reading are of one process, in turns. Those to other validators are
of medians over pairs of fresh processes, ours and theirs in turns, without their imports; the ratios of
single pairs are printed as a range. Both sides have one thread. Theirs run as they are installed, ours in the
environment of a deployed function, which sets allocators too. Files have two million rows; Evidently, which
takes minutes for them, has one pair of those and more of a tenth of the rows.

That hardly changes ours where memory is in good order, and halves what pandas takes, so the ratios with it on
both sides are printed as well. As it comes, Arrow's allocator asks for huge pages: pandas' 0.3 CPU s for
reading two million rows become 0.4 to 2 with what the kernel does to find them, and our 0.15 for two profiles
of 200,000 rows 0.3.

Other validators are installed on first use, each in an environment of its own; one that cannot be is printed
as skipped, and its target is not met.
"""

import json
import os
from collections.abc import Mapping
from statistics import median

from bench import drift_profiles, drop_report, quality_engine, quality_peers
from bench.quality_data import csv_file, parquet_file, plan_file
from bench.report import Figure, main
from tidegate.contract.plan import ContractPlan

SMALL, MAIN, LARGE = 200_000, 2_000_000, 20_000_000
AHEAD = {"Great Expectations": 10, "pandera-pandas": 3.5, "pandera-polars": 1, "Evidently": 80}
PAIRS = 3
SHORT_PAIRS = 5  # of peers that take seconds: they vary most
LONG_PAIRS = 1  # of one that takes minutes, and of which the rest is measured on fewer rows
SHORT = ("pandera-pandas", "pandera-polars", "polars, rules by hand", "DuckDB, rules by hand")
ENVIRONMENTS = {"": quality_engine.ONE_THREAD, ", both with our allocators": quality_engine.NUMERIC}


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
    figures = []
    for peer in quality_peers.PEERS:
        if peer.compares:
            figures += _beside(peer, MAIN, "", quality_engine.ONE_THREAD, LONG_PAIRS)
        for words, environment in ENVIRONMENTS.items():
            rows = SMALL if peer.compares else MAIN
            pairs = SHORT_PAIRS if peer.name in SHORT else PAIRS
            figures += _beside(peer, rows, words, environment, pairs)
    return figures


def _beside(
    peer: quality_peers.Peer, rows: int, words: str, environment: Mapping[str, str], pairs: int
) -> list[Figure]:
    """One peer and ours in turns; the target is of the main file and both as they come."""
    files = (parquet_file(rows, 0.2), parquet_file(rows)) if peer.compares else (parquet_file(rows),)
    arguments = files if peer.compares else (*files, plan_file())
    name = f"{peer.name}{'' if rows == MAIN else f', {rows:,} rows'}{words}"
    least = None if words or rows != MAIN else AHEAD.get(peer.name)
    ours, theirs = [], []
    for _ in range(pairs):
        found = quality_peers.measure(peer, *arguments, variables=environment)
        if isinstance(found, quality_peers.Skipped):
            return [Figure(name, None, "x our CPU", least, "least", skipped=found.why)]
        theirs.append(found)
        ours.append(quality_engine.fresh(plan_file(), *files))
    seconds = median(run["seconds"] for run in ours)
    ratios = [their.working / our["seconds"] for their, our in zip(theirs, ours, strict=True)]
    figures = [
        Figure(name, median(run.working for run in theirs) / seconds, "x our CPU", least, "least"),
        Figure(f"{name}, lowest of {len(ratios)}", min(ratios), "x our CPU"),
        Figure(f"{name}, highest", max(ratios), "x our CPU"),
    ]
    if len(ratios) == 1:
        figures = figures[:1]
    if words:
        return figures
    megabytes = median(run["megabytes"] for run in ours)
    return [
        *figures,
        Figure(f"{name}, memory", median(run.megabytes for run in theirs) / megabytes, "x ours"),
        Figure(f"{name}, import", median(run.importing for run in theirs), "CPU s"),
        Figure(f"{name}, reading alone", median(run.reading for run in theirs) / seconds, "x our CPU"),
    ]


def merging() -> list[Figure]:
    slowest = quality_engine.merge_milliseconds(parquet_file(MAIN))
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
