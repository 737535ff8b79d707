"""What came of a prediction, as callers tell it and as ground truth keeps it.

Pure standard library.
"""

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.moments import seconds
from tidegate.serving.http_json import NotJsonError, body_of
from tidegate.serving.predict_request import MAX_FIELDS_TOLD, RefusedError
from tidegate.settings.config import TaskName

Outcome = str | float
MAX_CLASS_CHARACTERS = 256
MAX_OUTCOMES = 100  # of one request: each is an object of its own, and an HTTP API waits 30 s
_INFERENCE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")  # InvokeEndpoint's own form


@dataclass(frozen=True, kw_only=True)
class Telling:
    """One outcome as a caller told it."""

    inference_id: str
    outcome: Outcome
    observed: datetime  # UTC

    def record(self, task: TaskName) -> dict[str, Any]:
        """In the form of SageMaker's ground truth."""
        observed = self.observed.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "groundTruthData": {"data": as_csv(task, self.outcome), "encoding": "CSV"},
            "eventMetadata": {"eventId": self.inference_id, "observedTime": observed},
            "eventVersion": "0",
        }


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """A request to feedback: one outcome, or a batch, in which an inference id may come twice."""

    tellings: tuple[Telling, ...]
    is_batch: bool


def read(event: dict[str, Any], task: TaskName, now: datetime) -> Feedback:
    """An event of payload format 2.0.

    Raises:
        RefusedError: 400 no JSON, 413 too many, 422 each wrong field named; nothing of a batch is taken then.
    """
    try:
        body = body_of(event)
    except NotJsonError as error:
        raise RefusedError(400, "the body is not JSON", cause=str(error)) from error
    is_batch = isinstance(body, dict) and body.keys() == {"outcomes"}
    told = body["outcomes"] if is_batch else [body]
    if not isinstance(told, list) or not told:
        field = {"field": "outcomes", "message": "must be a list with at least one outcome"}
        raise RefusedError(422, "`outcomes` must be a list with at least one outcome", fields=[field])
    if len(told) > MAX_OUTCOMES:
        what = f"{len(told)} outcomes in one request"
        raise RefusedError(413, what, hint=f"send at most {MAX_OUTCOMES}")
    mistakes = [
        mistake
        for index, each in enumerate(told)
        for mistake in _mistakes(each, task, f"outcomes[{index}]" if is_batch else "")
    ]
    if mistakes:
        raise RefusedError(422, "the feedback is incomplete", fields=mistakes[:MAX_FIELDS_TOLD])
    tellings = tuple(
        Telling(
            inference_id=each["inference_id"],
            outcome=each["outcome"],
            observed=_moment(each["observed_at"]) if each.get("observed_at") else now,
        )
        for each in told
    )
    return Feedback(tellings=tellings, is_batch=is_batch)


def _mistakes(told: Any, task: TaskName, place: str) -> Iterator[dict[str, str]]:
    """Each wrong field of one outcome."""
    if not isinstance(told, dict):
        yield {"field": place or "body", "message": "must be an object"}
        return
    before = f"{place}." if place else ""
    inference_id = told.get("inference_id")
    if not isinstance(inference_id, str) or not _INFERENCE_ID.fullmatch(inference_id):
        yield {"field": f"{before}inference_id", "message": "must be the id of a prediction"}
    if mistake := problem(task, told.get("outcome")):
        yield {"field": f"{before}outcome", "message": mistake}
    try:
        _moment(told["observed_at"]) if told.get("observed_at") is not None else None
    except (TypeError, ValueError):
        yield {"field": f"{before}observed_at", "message": "must be an ISO 8601 timestamp"}


def _moment(text: str) -> datetime:
    """In UTC; ValueError when it is none, or none of the years 1 to 9999 there."""
    return datetime.fromtimestamp(seconds(text), UTC)


def problem(task: TaskName, outcome: Any) -> str | None:
    """What is wrong with an outcome of this task, or None."""
    if task == "multiclass":
        named = isinstance(outcome, str) and 0 < len(outcome) <= MAX_CLASS_CHARACTERS
        return None if named else f"must be the name of a class, 1-{MAX_CLASS_CHARACTERS} characters"
    number = isinstance(outcome, int | float) and not isinstance(outcome, bool)
    if task == "binary":
        return None if number and outcome in (0, 1) else "must be 0 or 1"
    try:
        finite = number and math.isfinite(outcome)
    except OverflowError:  # a whole number beyond what a float can hold
        finite = False
    return None if finite else "must be a finite number"


def as_csv(task: TaskName, outcome: Outcome) -> str:
    """One CSV field, as SageMaker's ground truth has it; the same outcome is always the same text."""
    if task == "binary":
        return str(int(outcome))
    if task == "regression":
        return repr(float(outcome))
    field = io.StringIO()
    csv.writer(field, lineterminator="").writerow([outcome])
    return field.getvalue()


def of_csv(task: TaskName, text: str) -> Outcome:
    """The outcome that `as_csv` wrote, or another writer of SageMaker's ground truth.

    Raises:
        ValueError: it is none of this task.
    """
    fields = list(csv.reader([text]))
    if len(fields) != 1 or len(fields[0]) != 1:
        raise ValueError("an outcome is one CSV field")
    outcome: Outcome = fields[0][0] if task == "multiclass" else float(fields[0][0])
    if mistake := problem(task, outcome):
        raise ValueError(f"an outcome {mistake}")
    return outcome
