"""Incidents as the state table keeps them, and the last decision on retraining."""

import json
from typing import Any

from tidegate_cli import model
from tidegate_cli.place import Place

PREFIXES = ("incident#", "incident-past#")


def all_of(place: Place) -> list[dict[str, Any]]:
    """Every incident, newest first. One scan: the table has one item for each fact."""
    pages = (
        place.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=place.outputs["StateTable"],
            FilterExpression="begins_with(id, :now) OR begins_with(id, :past)",
            ExpressionAttributeValues={
                f":{name}": {"S": prefix} for name, prefix in zip(("now", "past"), PREFIXES, strict=True)
            },
            ConsistentRead=True,
        )
    )
    # by id: one that was replaced while this was read is in both places
    rows = {
        row["id"]: row
        for page in pages
        for item in page["Items"]
        for row in [json.loads(item["record"]["S"])]
    }
    return sorted(rows.values(), key=lambda row: row["opened"], reverse=True)


def decision(place: Place) -> dict[str, Any] | None:
    """The newest decision on retraining."""
    item = model.state(place, "retraining")
    return None if item is None else json.loads(item["decision"])


def line(row: dict[str, Any]) -> str:
    """One incident in one line: what came of it, or what is done about it."""
    came = row["outcome"] or row["action"]
    told = f"{row['id']}  {state(row):<10}{row['opened'][:19]}  {row['what']}"
    return f"{told}: {came}" if came else told


def state(row: dict[str, Any]) -> str:
    """A training run is over, however it ended; nothing has recovered by that."""
    return "over" if row["kind"] == "retraining" and row["state"] == "recovered" else str(row["state"])
