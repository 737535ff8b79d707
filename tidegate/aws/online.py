"""The online store: the newest value of each entity in each view, for the moment a prediction is asked for.

A DynamoDB table with the entity as partition key and `view@hash` as sort key, so that two models may need
two versions of a feature at once. Writes never replace a newer value by an older one; the reader, not
DynamoDB's lazy clean-up, decides what is too old.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidegate.aws.batch_get import Key, batch_get
from tidegate.errors import OnlineStoreBusyError
from tidegate.feature_store.feature_plan import EntityValue, ViewPlan
from tidegate.feature_store.looked_up import FAILED, MISSING, Member, Views, lack_at

KEPT_AFTER_TTL_SECONDS = 7 * 86400  # DynamoDB removes a row that long after no reader would take it
_NEWER = "attribute_not_exists(et) OR et < :et OR (et = :et AND (attribute_not_exists(rev) OR rev <= :rev))"
_BUSY = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")
WRITERS = 16  # a write is some 4 ms of waiting and 1 ms of CPU
LOOK_UP_MS = 1000
_KEY_BYTES = 2048  # DynamoDB's limit; nothing longer was ever stored
_decode = json.JSONDecoder(parse_constant=lambda _: None).decode  # NaN and infinities are no values


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one read found."""

    views: list[Views]  # of each row
    beside: list[dict[str, Any]] | None  # items of the other tables, in no order; None when that failed
    failure: str | None  # kind of the failure, when a view could not be read


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
    client: Any,
    table: str,
    views: Sequence[ViewPlan],
    rows: Sequence[Mapping[str, Any]],
    moments: Sequence[float],
    *,
    milliseconds: int = LOOK_UP_MS,
    beside: Sequence[tuple[str, Key]] = (),
) -> Reading:
    """What each request row's `views` are as of its moment, in one BatchGetItem for up to 100 keys.

    A view that could not be read in time is `failed` in the rows that need it: nothing is raised, for the
    model has defaults.

    Args:
        views: each version once.
        rows: request rows with the views' key columns.
        moments: when each prediction is asked for, seconds since the epoch; a value from after the moment
            counts as missing, one older than the TTL as stale.
        milliseconds: no call to DynamoDB begins later.
        beside: (table, key) of items of other tables to read in the same call.
    """
    wanted = [_entities(view, rows) for view in views]
    keys = [
        (table, {"entity": {"S": entity}, "view": {"S": view.version}})
        for view, entities in zip(views, wanted, strict=True)
        for entity in dict.fromkeys(entities)
        if entity is not None
    ]
    items = batch_get(client, [*beside, *keys], milliseconds)
    stored = {_key(item): _stored(item) for item in items.found.get(table, ())}
    unread = [key for of, key in items.unread if of == table]
    stored |= {_key(key): FAILED for key in unread}
    found: list[Views] = [{} for _ in rows]
    for view, entities in zip(views, wanted, strict=True):
        version, ttl_seconds = view.version, view.ttl_seconds
        for made, entity, moment in zip(found, entities, moments, strict=True):
            member = stored.get((entity, version))
            made[version] = MISSING if member is None else _at(moment, member, ttl_seconds)
    others = [item for of, many in items.found.items() if of != table for item in many]
    return Reading(
        views=found,
        beside=others if len(unread) == len(items.unread) else None,
        failure=items.kind if unread else None,
    )


def _entities(view: ViewPlan, rows: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Of each row; None of one that names no entity, or one of a name that is too long to be stored."""
    found = [view.entity(row) for row in rows]
    return [None if name is None or len(name.encode()) > _KEY_BYTES else name for name in found]


def _key(item: Mapping[str, Any]) -> tuple[str | None, str]:
    return item["entity"]["S"], item["view"]["S"]


def _stored(item: Mapping[str, Any]) -> Member:
    """An item as a member of `views`; one that cannot be read is a failed read, not a value."""
    try:
        member = {"v": _decode(item["v"]["S"]), "et": int(item["et"]["N"]), "kt": int(item["kt"]["N"])}
        if "rev" in item:
            member["rev"] = int(item["rev"]["N"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return FAILED
    return member if isinstance(member["v"], dict) else FAILED


def _at(moment: float, member: Member, ttl_seconds: int) -> Member:
    if member is FAILED:
        return FAILED
    lack = lack_at(moment, member["et"], member["kt"], ttl_seconds)
    return member if lack is None else {"state": lack, "et": member["et"]}
