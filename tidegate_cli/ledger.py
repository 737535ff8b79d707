"""The ledger of drops, read: what became of every object version that arrived."""

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Attr
from boto3.dynamodb.types import TypeDeserializer

from tidegate_cli.failure import CommandError
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place

FINAL = ("recorded", "quarantined", "ignored", "failed")
WAIT_SECONDS = 60
BATCH = 100  # of one BatchGetItem
_DESERIALIZE = TypeDeserializer().deserialize


def entries(place: Place) -> list[dict[str, Any]]:
    """All rows, newest first. One scan: a ledger has one row for each delivery, not for each record."""
    pages = place.client("dynamodb").get_paginator("scan").paginate(TableName=place.outputs["LedgerTable"])
    rows = [_plain(item) for page in pages for item in page["Items"]]
    return sorted(rows, key=lambda row: row.get("received_at", ""), reverse=True)


def entry(place: Place, drop_id: str) -> dict[str, Any]:
    answer = place.client("dynamodb").get_item(
        TableName=place.outputs["LedgerTable"], Key={"drop_id": {"S": drop_id}}, ConsistentRead=True
    )
    if "Item" not in answer:
        raise CommandError(f"no drop `{drop_id}`", hint="tidegate status lists the drops")
    return _plain(answer["Item"])


def some(place: Place, drop_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Rows of these drops by id, without what only the pipeline reads; one that is not there is left out."""
    client, table = place.client("dynamodb"), place.outputs["LedgerTable"]
    names = (
        "drop_id",
        "dataset",
        "key",
        "state",
        "rows",
        "verdict",
        "arrived_at",
        "first_event",
        "last_event",
    )
    projection = {
        "ProjectionExpression": ", ".join(f"#{name}" for name in names),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    }
    found: dict[str, dict[str, Any]] = {}
    wanted = [{"drop_id": {"S": drop_id}} for drop_id in dict.fromkeys(drop_ids)]
    while wanted:
        asked, wanted = wanted[:BATCH], wanted[BATCH:]
        answer = client.batch_get_item(RequestItems={table: {"Keys": asked, **projection}})
        for item in answer["Responses"].get(table, []):
            row = _plain(item)
            found[row["drop_id"]] = row
        wanted += answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return found


def wait_for(place: Place, bucket: str, key: str, version_id: str, narrator: Narrator) -> dict[str, Any]:
    """The row of one object version, as soon as the pipeline has claimed it.

    Raises:
        CommandError: it is not there after a minute.
    """
    table = place.session.resource("dynamodb", endpoint_url=place.url).Table(place.outputs["LedgerTable"])
    wanted = Attr("key").eq(key) & Attr("version_id").eq(version_id) & Attr("bucket").eq(bucket)
    began = time.monotonic()
    while (waited := time.monotonic() - began) < WAIT_SECONDS:
        found = table.scan(FilterExpression=wanted, ConsistentRead=True)["Items"]
        if found:
            return {name: _number(value) for name, value in found[0].items()}
        if waited > 1:
            narrator.waiting(f"waiting for the drop to be noticed, {waited:.0f} s")
        time.sleep(0.05)
    raise CommandError(
        f"`{key}` was not noticed within {WAIT_SECONDS} s",
        cause="no row in the ledger of drops",
        hint="tidegate logs ingestion",
    )


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as JSON takes it: the packed figures, which are bytes, are for the pipeline alone."""
    return {name: _number(_DESERIALIZE(value)) for name, value in item.items() if "B" not in value}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) and value == int(value) else value
