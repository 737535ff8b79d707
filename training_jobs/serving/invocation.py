"""One request of /invocations: bytes in, bytes out.

The usual body is decoded as the signature types it, straight to rows. Every other one is read as plain JSON,
CSV or JSON Lines, checked member by member, and answered the same or refused in words.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving.row_model import Answered, Row, rows_of
from tidegate.serving.values import NotFiniteError
from training_jobs.serving.answer_bytes import AnswerBytes
from training_jobs.serving.bodies import JSON, JSON_LINES, JSON_TYPES, FormatError, Request, decode
from training_jobs.serving.typed_body import TypedBody


class Model(Protocol):
    """What is served: tidegate.serving.row_model.RowModel, or ArrayModel."""

    run: str
    types: Mapping[str, str]  # of each instance member
    plan: FeatureSetPlan
    task: str
    classes: tuple[str, ...]
    manifest: Mapping[str, Any]
    inline_bytes: int  # a body of so many is answered in a millisecond or so, on the event loop

    def predict(self, rows: Sequence[Row]) -> Answered: ...


class RefusedError(Exception):
    """A request that cannot be answered, with the HTTP status that says so."""

    def __init__(
        self, status: int, what: str, fields: list[str] | None = None, *, is_busy: bool = False
    ) -> None:
        super().__init__(what)
        self.status = status
        self.is_busy = is_busy
        self.body = {"error": {"what": what, "fields": fields or []}}


class Invocation:
    """Ask one model. Calls may come from several threads."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._typed = TypedBody(model.plan, model.types)
        self._answers = AnswerBytes(model.task, model.classes, model.run)

    def __call__(self, body: bytes, content_type: str = JSON, accept: str = JSON) -> tuple[bytes, int]:
        """The answer, and to how many rows it is.

        Raises:
            RefusedError: 400 for a request that is not as the signature says, 415 for another content type,
                500 for a model that answers with values that are not finite.
        """
        usual = self._typed.read(body) if content_type in JSON_TYPES else None
        rows, vectors = usual if usual and usual[0] else self._plain(body, content_type)
        try:
            found = self.model.predict(rows)
        except NotFiniteError as cause:
            raise RefusedError(500, str(cause)) from cause
        except ValueError as cause:
            raise RefusedError(400, str(cause)) from cause
        if accept in JSON_LINES:
            return self._answers.lines(found), len(rows)
        return self._answers.json(found, vectors=vectors), len(rows)

    def _plain(self, body: bytes, content_type: str) -> tuple[list[Row], bool]:
        plan, types = self.model.plan, self.model.types
        try:
            request = decode(body, content_type, plan.request, types)
        except FormatError as cause:
            raise RefusedError(cause.status, str(cause)) from cause
        if not request.instances:
            raise RefusedError(400, "the body has no instances")
        _check_members(plan.request, request)
        try:
            return rows_of(request.instances, plan, types), request.vectors
        except ValueError as cause:
            raise RefusedError(400, str(cause)) from cause


def _check_members(needed: Sequence[str], request: Request) -> None:
    """Of what a model of other features takes besides, this one knows nothing."""
    for position, instance in enumerate(request.instances):
        if missing := sorted(name for name in needed if name not in instance):
            raise RefusedError(400, f"instance {position} lacks members", missing)
        infinite = [name for name in needed if _is_infinite(instance[name])]
        if infinite:
            raise RefusedError(400, f"instance {position} has members that are not finite", sorted(infinite))


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
