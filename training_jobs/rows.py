"""Training and test rows of a channel as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.errors import InsufficientDataError, TidegateError
from tidegate.features import Array
from tidegate.serving.instances import from_table
from tidegate.settings.config import TaskName
from tidegate.training.metrics import Labels
from tidegate.training.task import Task
from tidegate.training.training_set import KNOWN, LABEL, MOMENT


@dataclass(frozen=True)
class Rows:
    """n labelled instances: members and labels of shape (n,), times in seconds since the epoch."""

    task: Task

    columns: Mapping[str, Array]
    labels: Labels
    moments: NDArray[np.float64]
    known: NDArray[np.float64]  # when the label became known; NaN where nobody knows
    table: pa.Table


def read(folder: Path, types: Mapping[str, str], task: TaskName | Task) -> Rows:
    """Every Parquet file under `folder`, in order of name.

    Args:
        task: that of a model, or the name of one whose classes are those that occur.

    Raises:
        InsufficientDataError: there is none, they hold no rows, or a class that the model does not know.
        TidegateError: one of them is not Parquet.
    """
    files = sorted(folder.rglob("*.parquet"))
    tables = [_table(file) for file in files]
    if not tables or not sum(table.num_rows for table in tables):
        raise InsufficientDataError(f"no rows in the channel `{folder.name}`", cause=f"{len(files)} files")
    table = pa.concat_tables(tables)
    times = from_table(table, dict.fromkeys((MOMENT, KNOWN), "timestamp"))
    outcomes = table[LABEL].to_numpy()
    task = task if isinstance(task, Task) else Task.of(task, outcomes)
    labels = task.labels(outcomes)
    return Rows(task, from_table(table, types), labels, times[MOMENT], times[KNOWN], table)


def _table(file: Path) -> pa.Table:
    try:
        return pq.ParquetFile(file).read()  # read_table would import pandas
    except pa.ArrowInvalid as cause:
        raise TidegateError(f"`{file.name}` is not a Parquet file", cause=str(cause)) from cause
