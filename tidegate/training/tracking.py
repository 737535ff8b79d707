"""What is recorded of a training run: its trials, the final fit and the evaluation as nested runs.

A record is JSON lines, the first of which counts the others, so that a torn one is known as such. What writes
it somewhere may come much later, and twice: runs are known by `key`, never by when they were written.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tidegate.errors import TidegateError

Status = Literal["FINISHED", "FAILED", "KILLED"]
MAIN = "run"  # the key of the run that the others belong to
MAX_TEXT_BYTES = 4 << 20  # of one file beside a run


class DamagedRecordError(TidegateError):
    """A record that is not whole."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The rows a run learnt from or was judged on."""

    name: str
    digest: str  # at most 36 characters, MLflow's limit
    source: str  # URI
    context: Literal["training", "evaluation"]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as a tracking server shows it; times in milliseconds since the epoch."""

    key: str  # unique within the record
    name: str
    status: Status
    started_ms: int
    ended_ms: int
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)  # a value for each step
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""  # Markdown
    files: Mapping[str, str] = field(default_factory=dict)  # text by file name
    datasets: Sequence[Dataset] = ()


@dataclass(frozen=True, kw_only=True)
class Record:
    """One training run: `runs[0]` is the parent of the others."""

    experiment: str
    id: str
    metric: str  # of the first run, by which such records are compared; more is better
    runs: Sequence[Run]


def to_lines(record: Record) -> str:
    head = {**vars(record), "runs": len(record.runs)}
    lines = [head, *({**vars(run), "datasets": [vars(d) for d in run.datasets]} for run in record.runs)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def from_lines(text: str) -> Record:
    """Inverse of `to_lines`.

    Raises:
        DamagedRecordError: a line is missing, torn or not what it should be.
    """
    try:
        head, *lines = [json.loads(line) for line in text.splitlines()]
        runs = [_run(line) for line in lines]
        record = Record(**{**head, "runs": runs})
        whole = head["runs"] == len(runs) > 0
    except (ValueError, KeyError, TypeError) as cause:
        raise DamagedRecordError(
            "a record cannot be read", cause=f"{type(cause).__name__}: {cause}"
        ) from cause
    if not whole:
        raise DamagedRecordError("a record is torn", cause=f"{len(runs)} of {head['runs']} runs")
    return record


def _run(line: dict[str, Any]) -> Run:
    return Run(**{**line, "datasets": tuple(Dataset(**each) for each in line["datasets"])})
