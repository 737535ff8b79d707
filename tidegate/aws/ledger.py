"""The ledger in DynamoDB: one row for every version of every object ever dropped, and what became of it.

States: received, running; then exactly one of recorded, quarantined, ignored, failed, with a reason.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from tidegate.messages.ingestion import Drop

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

State = Literal["received", "running", "recorded", "quarantined", "ignored", "failed"]

_INDEX = "by-time"


@dataclass(frozen=True)
class Ledger:
    """Rows by `drop_id`; the index `by-time` orders those of a dataset by `received_at`."""

    dynamodb: "DynamoDBClient"
    table: str

    def claim(self, drop: Drop, *, state: State = "received", reason: str = "") -> bool:
        """Write the row of a drop that has none. False when it has one: someone else was first."""
        now = _now()
        item = {
            **drop.to_json(),
            "state": state,
            "reason": reason,
            "received_at": now,
            "updated_at": now,
        }
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=_serialized(item),
                ConditionExpression="attribute_not_exists(drop_id)",
            )
        except ClientError as error:
            if _is_refused(error):
                return False
            raise
        return True

    def get(self, drop_id: str) -> dict[str, Any] | None:
        answer = self.dynamodb.get_item(
            TableName=self.table, Key=_serialized({"drop_id": drop_id}), ConsistentRead=True
        )
        return _deserialized(answer["Item"]) if "Item" in answer else None

    def mark_running(self, drop_id: str, execution_arn: str) -> None:
        """Name the execution. A row that is further already stays as it is: a fast machine may be first."""
        try:
            self._update(
                drop_id, {"state": "running", "execution_arn": execution_arn}, condition="#state = :received"
            )
        except ClientError as error:
            if not _is_refused(error):
                raise

    def note(self, drop_id: str, **attributes: Any) -> None:
        """Add what is known of a drop on its way; its state stays."""
        self._update(drop_id, attributes)

    def finish(self, drop_id: str, state: State, reason: str, **attributes: Any) -> None:
        """Give the row its last state and what is known by then. Repeating it changes nothing."""
        self._update(drop_id, {"state": state, "reason": reason, **attributes})

    def recorded(self, dataset: str, limit: int) -> list[dict[str, Any]]:
        """The newest recorded drops of a dataset, newest first, at most `limit`."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=_INDEX,
            KeyConditionExpression="dataset = :dataset",
            FilterExpression="#state = :recorded",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=_serialized({":dataset": dataset, ":recorded": "recorded"}),
            ScanIndexForward=False,
        )
        rows: list[dict[str, Any]] = []
        for page in pages:
            rows += [_deserialized(item) for item in page["Items"]]
            if len(rows) >= limit:
                break
        return rows[:limit]

    def newest_judged(self, dataset: str) -> dict[str, Any] | None:
        """State, key and id of the newest drop of a dataset that was recorded or quarantined."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            IndexName=_INDEX,
            KeyConditionExpression="dataset = :dataset",
            FilterExpression="#state IN (:recorded, :quarantined)",
            ProjectionExpression="drop_id, #key, #state",
            ExpressionAttributeNames={"#state": "state", "#key": "key"},
            ExpressionAttributeValues=_serialized(
                {":dataset": dataset, ":recorded": "recorded", ":quarantined": "quarantined"}
            ),
            ScanIndexForward=False,
        )
        return next((_deserialized(item) for page in pages for item in page["Items"]), None)

    def _update(self, drop_id: str, values: dict[str, Any], condition: str | None = None) -> None:
        values = {**values, "updated_at": _now()}
        names = {f"#{name}": name for name in values}
        update: dict[str, Any] = {
            "TableName": self.table,
            "Key": _serialized({"drop_id": drop_id}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": _serialized({f":{name}": value for name, value in values.items()}),
        }
        if condition:
            update["ConditionExpression"] = condition
            update["ExpressionAttributeValues"] |= _serialized({":received": "received"})
        self.dynamodb.update_item(**update)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_refused(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"


def _serialized(item: dict[str, Any]) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


def _deserialized(item: dict[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}
