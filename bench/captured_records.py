"""Monitoring's job and the validation of the same rows, each as a process of its own: CPU seconds, memory.

The rows are the flights of 2013, three times over with other dates. As a drop they have all columns of the
contract, in JSON Lines or CSV; as captured requests, in JSON Lines, their aggregates, vector and answer.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.month_script import moved
from bench.quality_engine import NUMERIC
from bench.report import Figure
from tidegate.checks import Checker
from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.ingestion.row_file import RowFile
from tidegate.messages.ingestion import Shard
from tidegate.plan import FILE_NAME, Plan
from tidegate.profile import BASELINE_RANKS, ProfileBuilder, profile_batches
from tidegate.readers import read_batches
from tidegate.settings.config import PipelineConfig
from tidegate_cli import example
from tidegate_cli.assembly import CHECKOUT

FLIGHTS = CHECKOUT / "examples" / "flights"
SMALL, LARGE = 200_000, 1_000_000
FILE_ROWS = 20_000  # of one capture file
COPIES = 3  # of a year of 336,776 flights
TURNS = 3
ANSWERS = 1000  # different probabilities
CHILD = """
import os, resource, runpy, sys, json
sys.argv = sys.argv[1:]
code = 0
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit as ended:
    code = ended.code or 0
peak = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) / 1024
used = resource.getrusage(resource.RUSAGE_SELF)
sys.stderr.write("\\n" + json.dumps({"cpu": used.ru_utime + used.ru_stime, "megabytes": peak}))
sys.exit(code)
"""


def figures() -> list[Figure]:
    """CPU seconds and their ratios, and the peak memory of the job on a fifth of the records and on all."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plan = _prepare(root)
        found = [
            (_measured(root, LARGE), _validated(root, "rows.jsonl"), _validated(root, "rows.csv"))
            for _ in range(TURNS)
        ]
        small = _measured(root, SMALL)
        million = LARGE / 1e6
        columns = len(plan.contract.columns), len(plan.features.request) - 1
    job, lines, csv = (min(turn[i]["cpu"] for turn in found) for i in range(3))
    against = [statistics.median(turn[0]["cpu"] / turn[i]["cpu"] for turn in found) for i in (1, 2)]
    memory = max(turn[0]["megabytes"] for turn in found)
    return [
        Figure(f"measure {million:g}M records, {columns[1]} columns, whole process", job, "CPU s"),
        Figure(f"validate {million:g}M rows, {columns[0]} columns, JSON Lines", lines, "CPU s"),
        Figure(f"validate {million:g}M rows, {columns[0]} columns, CSV", csv, "CPU s"),
        Figure("measuring against validating the rows as JSON Lines", against[0], "x", 1.5),
        Figure("measuring against validating the rows as CSV", against[1], "x"),
        Figure("peak memory of measuring 0.2M records", small["megabytes"], "MB"),
        Figure(f"peak memory of measuring {million:g}M records", memory, "MB"),
        Figure("peak memory, 1M against 0.2M records", memory / small["megabytes"], "x", 1.1),
    ]


def validate(plan_folder: str, file: str) -> None:
    """What ValidateShard does with its one shard, but for S3: rules, profile, and the rows written."""
    path, contract = Path(file), Plan.load(Path(plan_folder)).contract
    schema = arrow_schema(contract.columns)
    checker, profile = Checker(contract), ProfileBuilder(schema)
    shard = Shard(index=0, start=0, stop=path.stat().st_size)
    with ExitStack() as files:
        rows, keys = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        with RowFile(rows, schema) as good:
            opened = files.enter_context(path.open("rb"))
            for batch in read_batches(
                opened, path.name, path.stat().st_size, shard, contract, maximum_bytes=1 << 40
            ):
                checker.add(batch)
                profile.add(batch.rows)
                good.add(batch.rows)
        checker.keys.write(keys)
    if checker.rows != LARGE or not checker.finish() or profile.finish().rows != LARGE:
        raise AssertionError(f"{checker.rows} rows were validated, not {LARGE}")


def _prepare(root: Path) -> Plan:
    """Both files of the rows, the plan, and the two baselines of a model trained on January and February."""
    plan = Plan(
        config=PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="bench",
    )
    (root / "pipeline").mkdir()
    (root / "pipeline" / FILE_NAME).write_text(json.dumps(plan.to_json()))
    data = example.data(FLIGHTS)
    year = data.flights(range(1, 13))
    weeks = [timedelta(weeks=53 * copy) for copy in range(COPIES)]
    table = pa.concat_tables([moved(year, by) for by in weeks]).slice(0, LARGE)
    (root / "rows.csv").write_bytes(data.to_csv(table))
    columns = example.request_columns(FLIGHTS)
    with (root / "rows.jsonl").open("w") as file:
        for begin in range(0, table.num_rows, FILE_ROWS):
            rows = data.requests(table.slice(begin, FILE_ROWS), table.column_names)
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
    _write_captures(root / str(LARGE), data, table, columns)
    for name in ("baseline", "predictions"):
        (root / str(LARGE) / "ml/processing/input" / name).mkdir(parents=True)
    _baselines(root / str(LARGE) / "ml/processing/input", data.flights((1, 2)), columns)
    few = root / str(SMALL) / "ml/processing/input"
    few.mkdir(parents=True)
    for name in ("baseline", "predictions"):
        (few / name).symlink_to(root / str(LARGE) / "ml/processing/input" / name)
    (few / "captures").mkdir()
    for file in sorted((root / str(LARGE) / "ml/processing/input/captures").iterdir())[: SMALL // FILE_ROWS]:
        (few / "captures" / file.name).symlink_to(file)
    return plan


def _write_captures(root: Path, data: Any, table: pa.Table, columns: list[str]) -> None:
    folder = root / "ml/processing/input/captures"
    folder.mkdir(parents=True)
    for begin in range(0, table.num_rows, FILE_ROWS):
        requests = data.requests(table.slice(begin, FILE_ROWS), columns)
        with (folder / f"{begin:08}.jsonl").open("w") as file:
            file.writelines(_record(number, row) for number, row in enumerate(requests, begin))


def _record(number: int, row: dict[str, Any]) -> str:
    looked_up = {
        f"{view}_delay@0123456789abcdef": {"v": {f"{view}_delay_rate_7d": 0.2137}, "et": 1, "kt": 1, "rev": 1}
        for view in ("carrier", "origin")
    }
    vector = [*list(row.values())[1:], 0.8660254037844387, 0.5, 4.0, 7.244941546158379, 0.2137, 0.2412]
    asked = {"instances": [{**row, "views": looked_up}], "vectors": True}
    answered = {
        "predictions": [{"probability": number % ANSWERS / ANSWERS}],
        "model": "run-20261127",
        "vectors": [vector],
    }
    side = {"observedContentType": "application/json", "encoding": "JSON"}
    record = {
        "captureData": {
            "endpointInput": {**side, "mode": "INPUT", "data": json.dumps(asked)},
            "endpointOutput": {**side, "mode": "OUTPUT", "data": json.dumps(answered)},
        },
        "eventMetadata": {
            "eventId": f"{number:036}",
            "inferenceId": f"inference-{number:026}",
            "inferenceTime": row["scheduled_departure"],
        },
        "eventVersion": "0",
    }
    return f"{json.dumps(record, separators=(',', ':'))}\n"


def _baselines(inputs: Path, trained: pa.Table, columns: list[str]) -> None:
    answers = pa.table({"probability": [number / ANSWERS for number in range(ANSWERS)]})
    for name, table in (
        ("baseline/profile", trained.select(columns[1:])),
        ("predictions/predictions", answers),
    ):
        profile = profile_batches(table.to_batches(), ranks=BASELINE_RANKS)
        pq.write_table(profile.to_table(), inputs / f"{name}.parquet")


def _measured(root: Path, rows: int) -> dict[str, float]:
    base = root / str(rows) / "ml"
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "sagemaker_endpoint_name": "flights-bench",
        "start_time": "2013-01-01T00:00:00+00:00",
        "end_time": "2016-01-01T00:00:00+00:00",
    }
    used = _run(root, ["training_jobs.entry", "measure"], environment)
    document = json.loads((base / "processing/output/report/measurement.json").read_text())
    if document["summary"]["rows"] != rows:
        raise AssertionError(f"{document['summary']['rows']} records were measured, not {rows}")
    return used


def _validated(root: Path, name: str) -> dict[str, float]:
    return _run(root, [__name__, str(root / "pipeline"), str(root / name)], {})


def _run(root: Path, words: list[str], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **NUMERIC, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    used: dict[str, float] = json.loads(done.stderr.rpartition("\n")[2])
    return used


if __name__ == "__main__":
    validate(*sys.argv[1:3])
