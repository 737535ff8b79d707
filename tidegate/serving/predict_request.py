"""A request to predict: read, checked against the contract, given its inference id.

Pure standard library.
"""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving.http_json import NotJsonError, body_of
from tidegate.serving.request_checks import MAX_ROWS, problems, whole

IDEMPOTENCY_KEY = "idempotency-key"  # HTTP APIs hand headers on in small letters
MAX_KEY_CHARACTERS = 255
KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_CHARACTERS}}}")
MAX_BODY_BYTES = 4 << 20  # Lambda takes 6 MB, and what is looked up is sent on beside the request
MAX_FIELDS_TOLD = 100
_NAMES = uuid.UUID("6f3d1a4e-3b0e-5c9b-8a52-0c9d6f1e7b21")  # a namespace of our own


class RefusedError(Exception):
    """The request ends here, with this HTTP status and this member `error` of the answer."""

    def __init__(self, status: int, what: str, **details: Any) -> None:
        super().__init__(what)
        self.status = status
        self.error = {"what": what, **details}


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """Checked rows of a request, one or more; its inference id is the same for the same key and body."""

    rows: list[dict[str, Any]]
    inference_id: str


def read(event: dict[str, Any], features: FeatureSetPlan, contract: ContractPlan) -> PredictRequest:
    """An event of payload format 2.0.

    Raises:
        RefusedError: 400 no JSON, 413 too large, 422 what breaks the contract, each field named.
    """
    text = event.get("body") or ""
    if len(text) > MAX_BODY_BYTES:
        raise RefusedError(413, "the body is too large", hint=f"send at most {MAX_BODY_BYTES} bytes")
    key = (event.get("headers") or {}).get(IDEMPOTENCY_KEY)
    if key is not None and not KEY.fullmatch(key):
        what = f"Idempotency-Key must have 1-{MAX_KEY_CHARACTERS} visible characters of ASCII"
        raise RefusedError(400, what)
    try:
        body = body_of(event)
    except NotJsonError as error:
        raise RefusedError(400, "the body is not JSON", cause=str(error)) from error
    rows = _checked(body, features, contract)
    return PredictRequest(rows=rows, inference_id=inference_id(key, text))


def inference_id(key: str | None, body: str) -> str:
    """A new id, or the one of the key and the body: a repeat is the same prediction to who counts them."""
    return str(uuid.uuid4() if key is None else uuid.uuid5(_NAMES, f"{len(key)}:{key}{body}"))


def _checked(body: Any, features: FeatureSetPlan, contract: ContractPlan) -> list[dict[str, Any]]:
    batch = isinstance(body, dict) and body.keys() == {"instances"}
    rows = body["instances"] if batch else [body]
    if not isinstance(rows, list) or not rows:
        field = {"field": "instances", "message": "must be a list with at least one row"}
        raise RefusedError(422, "`instances` must be a list with at least one row", fields=[field])
    if len(rows) > MAX_ROWS:
        raise RefusedError(413, f"{len(rows)} rows in one request", hint=f"send at most {MAX_ROWS}")
    mistakes = [
        problem
        for i, row in enumerate(rows)
        for problem in problems(features, contract, row, f"instances[{i}]." if batch else "")
    ]
    if mistakes:
        fields = [problem.to_json() for problem in mistakes[:MAX_FIELDS_TOLD]]
        raise RefusedError(422, "the request breaks the contract", fields=fields)
    return [{name: whole(contract.column(name), value) for name, value in row.items()} for row in rows]
