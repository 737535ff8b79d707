"""The features job: what functions would compute, on one big machine, a batch for each of its cores.

It has no inputs or outputs of SageMaker's own: tables are read, and rows written, where the functions do.
"""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from tidegate.aws.catalog import Catalog
from tidegate.aws.feature_batches import compute_batch
from tidegate.feature_store import feature_run
from tidegate.messages.features import FeatureBatch
from training_jobs.paths import Paths

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def main(paths: Paths) -> None:
    """Compute the run that RUN names; a line for each batch says what came of it."""
    batches = feature_run.job_batches()
    workers = min(os.cpu_count() or 1, len(batches))
    compute = partial(_compute, os.environ["RUN"], memory_mebibytes() // workers)
    # processes of their own: a fork would share the threads of Arrow and of the SDK
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for rows in pool.map(compute, batches):
            print(json.dumps({"computed features": rows}), flush=True)  # noqa: T201  the job's log


def memory_mebibytes() -> int:
    """What the machine has, or the container if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _CGROUP.read_text().strip() if _CGROUP.exists() else "max"
    return min(machine, machine if limit == "max" else int(limit)) >> 20


def _compute(run: str, memory: int, batch: FeatureBatch) -> dict[str, Any]:
    catalog = Catalog(
        boto3.client("s3"), lake_bucket=os.environ["LAKE_BUCKET"], database=os.environ["GLUE_DATABASE"]
    )
    return compute_batch(catalog, run, batch, memory_mebibytes=memory).to_json()
