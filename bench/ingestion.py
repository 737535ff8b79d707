"""A drop of 20 million rows through the deployed pipeline: `python -m bench.ingestion [--json] [--check]`.

The templates, machine and functions of bench/customers run on the local cloud; a drop of 200,000 rows goes
before, so that the memory of the same functions can be compared. Needs some 10 GB of memory: the local
cloud keeps objects in it.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

from bench.quality_data import parquet_file
from bench.report import Figure, main
from tidegate_cli import ledger, local
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, on_this_machine

PIPELINE = CHECKOUT / "bench" / "customers"
SMALL, LARGE = 200_000, 20_000_000
WAIT_SECONDS = 1800
STEPS = ("plan_shards", "validate_shard", "judge_drop", "record_dataset_version")


def measure() -> list[Figure]:
    """Deploy, deliver both drops, and read what each function's processes held at most.

    Raises:
        SystemExit: a drop was not recorded.
    """
    small, large = parquet_file(SMALL), parquet_file(LARGE)
    with local.start(synthesize(PIPELINE, "dev"), "customers-dev") as started:
        place = on_this_machine(started.cloud)
        _recorded(place, small)
        before = _peaks(started.cloud.pid)
        seconds, row = _recorded(place, large)
        after = _peaks(started.cloud.pid)
    figures = [
        Figure("20M rows, from put to recorded", seconds, "s"),
        Figure("shards of the drop", row["shards"], ""),
        Figure("rows recorded", row["rows"], "", LARGE, "least"),
    ]
    for step in STEPS:
        figures.append(Figure(f"{step}, peak RSS", after[step] / 1e6, "MB"))
        if step == "validate_shard":
            figures.append(Figure("the same, beside 200k rows", after[step] / before[step], "x", 1.1, "most"))
    return figures


def _recorded(place: Place, file: Path) -> tuple[float, dict[str, Any]]:
    """Seconds until the drop's row in the ledger is final, and that row."""
    began = time.monotonic()
    bucket, key = place.outputs["DropsBucket"], f"drops/customers/{file.name}"
    place.client("s3").upload_file(str(file), bucket, key)
    version = place.client("s3").head_object(Bucket=bucket, Key=key)["VersionId"]
    row = ledger.wait_for(place, bucket, key, version, Narrator())
    while row["state"] not in ledger.FINAL:
        if time.monotonic() - began > WAIT_SECONDS:
            raise SystemExit(f"{file.name} is still {row['state']} after {WAIT_SECONDS} s")
        time.sleep(0.2)
        row = ledger.entry(place, row["drop_id"])
    if row["state"] != "recorded":
        raise SystemExit(f"{file.name} is {row['state']}: {row.get('reason')}")
    return time.monotonic() - began, row


def _peaks(cloud: int) -> dict[str, int]:
    """Of each function the most bytes that one of its processes below the cloud ever held."""
    peaks: dict[str, int] = {}
    for pid in _below(cloud):
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            handler = next((v[9:].decode() for v in environment if v.startswith(b"_HANDLER=")), "")
            step = handler.removeprefix("functions.").removesuffix(".handler")
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            held = next((int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM")), 0)
            peaks[step] = max(peaks.get(step, 0), held)
    return peaks


def _below(root: int) -> list[int]:
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            after_name = (process / "stat").read_text().rpartition(")")[2]
            parents[int(process.name)] = int(after_name.split()[1])
    found, todo = [], [root]
    while todo:
        children = [pid for pid, parent in parents.items() if parent in todo]
        found += children
        todo = children
    return found


if __name__ == "__main__":
    main("ingestion", measure)
