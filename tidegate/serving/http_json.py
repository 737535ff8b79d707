"""JSON in and out of an HTTP API's function, in API Gateway's payload format 2.0.

Source:
    AWS, "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway".
"""

import json
from base64 import b64decode
from typing import Any


class NotJsonError(Exception):
    """The body of a request is no JSON document; NaN and Infinity are none."""


def body_of(event: dict[str, Any]) -> Any:
    """The document in an event's body.

    Raises:
        NotJsonError: it is none; the text says where.
    """
    try:
        text = event.get("body") or ""
        if event.get("isBase64Encoded"):
            text = b64decode(text).decode("utf-8")
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as cause:
        raise NotJsonError(str(cause)) from cause


def answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": json.dumps(body, separators=(",", ":")),
    }


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")
