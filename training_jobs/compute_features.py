"""The features job: what a Map of functions would compute, in one pass on one big machine.

It has no inputs or outputs of SageMaker's own: tables are read, and rows written, where the functions do.
"""

import json
import os
from pathlib import Path

import boto3

from tidegate import feature_run
from tidegate.aws.catalog import Catalog
from tidegate.aws.feature_batches import compute_batch
from training_jobs.paths import Paths

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def main(paths: Paths) -> None:
    """Compute the run that RUN names; a line says what came of it."""
    catalog = Catalog(
        boto3.client("s3"), lake_bucket=os.environ["LAKE_BUCKET"], database=os.environ["GLUE_DATABASE"]
    )
    [batch] = feature_run.whole()
    rows = compute_batch(catalog, os.environ["RUN"], batch, memory_mebibytes=memory_mebibytes())
    print(json.dumps({"computed features": rows.to_json()}), flush=True)  # noqa: T201  the job's log


def memory_mebibytes() -> int:
    """What the machine has, or the container if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _CGROUP.read_text().strip() if _CGROUP.exists() else "max"
    return min(machine, machine if limit == "max" else int(limit)) >> 20
