"""Many items of DynamoDB within a deadline: what cannot be read in time is told, never waited for."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, EndpointConnectionError

Key = Mapping[str, Any]  # with DynamoDB's own type marks
_AT_ONCE = 100  # keys of one BatchGetItem
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.02  # before the second attempt; doubled before each further one
_PASSING = (
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"),
    "InternalServerError",
)
_AT_ONCE_TOLD = (
    ConnectionClosedError,
    EndpointConnectionError,
)  # unlike a time-out, which has spent the time


@dataclass
class Items:
    """What was found by table; keys that could not be read, and the kind of the last failure."""

    found: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unread: list[tuple[str, Key]] = field(default_factory=list)
    kind: str = ""


def deadline(milliseconds: int) -> Config:
    """Client configuration: a call ends within the time, and who calls decides about another attempt."""
    half = milliseconds / 2000
    return Config(
        connect_timeout=half, read_timeout=half, retries={"mode": "standard", "total_max_attempts": 1}
    )


def batch_get(client: Any, wanted: Sequence[tuple[str, Key]], milliseconds: int) -> Items:
    """Items of (table, key) pairs, each pair once; up to 100 of them in one call. Raises nothing of AWS's.

    No call begins after `milliseconds`; with a client of `deadline`, none lasts longer than that either.
    """
    items = Items()
    end = time.monotonic() + milliseconds / 1000
    for start in range(0, len(wanted), _AT_ONCE):
        pending: dict[str, Any] = {}
        for table, key in wanted[start : start + _AT_ONCE]:
            pending.setdefault(table, {"Keys": []})["Keys"].append(key)
        for attempt in range(_ATTEMPTS):
            if time.monotonic() > end:
                items.kind = items.kind or "DeadlineExceeded"
                break
            pending, again = _ask(client, pending, items)
            if not pending or not again:
                break
            time.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  no secret
        items.unread += [(table, key) for table, left in pending.items() for key in left["Keys"]]
    return items


def _ask(client: Any, pending: dict[str, Any], items: Items) -> tuple[dict[str, Any], bool]:
    """One call; what is still pending after it, and whether to ask again."""
    try:
        answer = client.batch_get_item(RequestItems=pending)
    except ClientError as error:
        items.kind = error.response["Error"]["Code"]
        return pending, items.kind in _PASSING
    except BotoCoreError as error:
        items.kind = type(error).__name__
        return pending, isinstance(error, _AT_ONCE_TOLD)
    for table, found in answer["Responses"].items():
        items.found.setdefault(table, []).extend(found)
    left = answer.get("UnprocessedKeys") or {}
    if left:
        items.kind = "UnprocessedKeys"
    return left, True
