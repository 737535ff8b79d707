"""The online store: the newest value of each entity in each view, for the moment a prediction is asked for.

A DynamoDB table with the entity as partition key and `view@hash` as sort key, so that two models may need
two versions of a feature at once. Writes never replace a newer value by an older one; the reader, not
DynamoDB's lazy clean-up, decides what is too old.
"""

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidegate.errors import OnlineStoreBusyError
from tidegate.feature_plan import EntityValue, FeatureSetPlan, ViewPlan

KEPT_AFTER_TTL_SECONDS = 7 * 86400  # DynamoDB removes a row that long after no reader would take it
_NEWER = "attribute_not_exists(et) OR et < :et OR (et = :et AND (attribute_not_exists(rev) OR rev <= :rev))"
_BUSY = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")
WRITERS = 16  # a write is some 4 ms of waiting and 1 ms of CPU
_BATCH_ATTEMPTS = 5
_KEY_BYTES = 2048  # DynamoDB's limit; nothing longer was ever stored


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """What was found for one request row; an aggregate without a usable value is None."""

    values: dict[str, Any]
    stale: tuple[str, ...]  # columns whose newest value was older than the view's TTL
    missing: tuple[str, ...]  # columns of entities that have no value at all


def write(client: Any, table: str, view: ViewPlan, values: Iterable[EntityValue]) -> int:
    """Store each value unless a newer one is there; returns how many were stored.

    Of two values of one tick the one of the higher revision is newer; of one revision too they are equal, and
    the later write wins: the same run may be repeated. A put with a condition cannot be batched, so several
    are on their way at once; the client retries what is throttled, with backoff.

    Raises:
        OnlineStoreBusyError: DynamoDB throttled a write on each of the client's attempts. What was stored
            stays; to write all again is safe.
    """
    with ThreadPoolExecutor(WRITERS) as pool:
        return sum(pool.map(lambda value: _put(client, table, view, value), values))


def _put(client: Any, table: str, view: ViewPlan, value: EntityValue) -> bool:
    """Store one value; False when a newer one is there."""
    expires = value.event_ts + view.ttl_seconds + KEPT_AFTER_TTL_SECONDS
    item = {
        "entity": {"S": value.entity},
        "view": {"S": view.version},
        "v": {"S": json.dumps(dict(value.outputs), separators=(",", ":"))},
        "et": {"N": str(value.event_ts)},
        "kt": {"N": str(value.known_ts)},
        "rev": {"N": str(value.revision)},
        # the past is replayed with its own event times; the clean-up runs on the wall clock
        "exp": {"N": str(max(expires, int(time.time()) + KEPT_AFTER_TTL_SECONDS))},
    }
    try:
        client.put_item(
            TableName=table,
            Item=item,
            ConditionExpression=_NEWER,
            ExpressionAttributeValues={":et": item["et"], ":rev": item["rev"]},
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _BUSY:
            raise OnlineStoreBusyError(
                f"`{table}` took no more writes",
                cause=str(error),
                hint="the state machine retries; raise the table's limits if it keeps failing",
            ) from error
        if code != "ConditionalCheckFailedException":
            raise
        return False
    return True


def read(
    client: Any, table: str, plan: FeatureSetPlan, rows: list[dict[str, Any]], moments: list[float]
) -> list[Lookup]:
    """The aggregates of each request row as of its moment, in one batched read for all rows and views.

    Args:
        rows: request rows with the views' key columns.
        moments: when each prediction is asked for, seconds since the epoch; a value from after the moment
            counts as missing, one older than the TTL as stale.

    Raises:
        ClientError: DynamoDB refused, or left keys unread after several attempts.
    """
    wanted = {
        (entity, view.version)
        for row in rows
        for view in plan.views
        if (entity := view.entity(row)) and len(entity.encode()) <= _KEY_BYTES
    }
    found = _batch_get(client, table, wanted)
    return [_lookup(plan, row, moment, found) for row, moment in zip(rows, moments, strict=True)]


def _lookup(
    plan: FeatureSetPlan, row: dict[str, Any], moment: float, found: Mapping[tuple[str, str], dict[str, Any]]
) -> Lookup:
    values: dict[str, Any] = {}
    stale: list[str] = []
    missing: list[str] = []
    for view in plan.views:
        item = found.get((view.entity(row) or "", view.version))
        age = None if item is None else moment - float(item["et"]["N"])
        usable = age is not None and 0 <= age <= view.ttl_seconds
        if not usable:
            (stale if age is not None and age > view.ttl_seconds else missing).extend(view.outputs)
        outputs = json.loads(item["v"]["S"]) if usable and item is not None else {}
        values |= {name: outputs.get(name) for name in view.outputs}
    return Lookup(values=values, stale=tuple(stale), missing=tuple(missing))


def _batch_get(
    client: Any, table: str, wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    keys = [{"entity": {"S": entity}, "view": {"S": view}} for entity, view in sorted(wanted)]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for start in range(0, len(keys), 100):  # BatchGetItem's limit
        pending: Any = {table: {"Keys": keys[start : start + 100]}}
        for attempt in range(_BATCH_ATTEMPTS):
            answer = client.batch_get_item(RequestItems=pending)
            for item in answer["Responses"].get(table, []):
                found[item["entity"]["S"], item["view"]["S"]] = item
            pending = answer.get("UnprocessedKeys")
            if not pending:
                break
            time.sleep(0.02 * 2**attempt)
        else:
            raise ClientError(
                {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "keys left unread"}},
                "BatchGetItem",
            )
    return found
