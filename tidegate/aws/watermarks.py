"""How far each source has been read, in the state table, and who is reading it now.

Before a range is read it is written down as pending: a run that dies between the drop and the watermark is
followed by one that asks for the very same range, and finds its drop there.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A range whose drop may be there or not."""

    low: str | None
    high: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Of one source; a source never read has neither."""

    watermark: str | None = None
    pending: Pending | None = None


class Watermarks:
    """Items `collect#NAME` and `lock#collect#NAME`."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def lease(self, name: str, run: str, now: float, seconds: float) -> bool:
        """Take the source for `run` unless another run holds it; it is free again after `seconds`."""
        item: Any = {
            "id": {"S": f"lock#collect#{name}"},
            "run": {"S": run},
            "expires_at": {"N": f"{now + seconds:.3f}"},
        }
        return self._put(
            item,
            # Lambda repeats a failed call under the same id: its own lease is no obstacle
            "attribute_not_exists(id) OR expires_at < :now OR run = :run",
            {":now": {"N": f"{now:.3f}"}, ":run": {"S": run}},
            {},
        )

    def release(self, name: str, run: str) -> None:
        """Give the source back; a lease that has passed to another run stays."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key={"id": {"S": f"lock#collect#{name}"}},
                ConditionExpression="run = :run",
                ExpressionAttributeValues={":run": {"S": run}},
            )
        except ClientError as error:
            if not _is_refused(error):
                raise

    def progress(self, name: str) -> Progress:
        answer = self.dynamodb.get_item(
            TableName=self.table, Key={"id": {"S": f"collect#{name}"}}, ConsistentRead=True
        )
        item = answer.get("Item")
        if item is None:
            return Progress()
        return Progress(
            watermark=item["watermark"]["S"] if "watermark" in item else None,
            pending=Pending(**json.loads(item["pending"]["S"])) if "pending" in item else None,
        )

    def intend(self, name: str, before: Progress, pending: Pending) -> bool:
        """Write down what is about to be read; False when another run has gone on from `before`."""
        return self._replace(name, before, Progress(watermark=before.watermark, pending=pending))

    def advance(self, name: str, before: Progress, watermark: str) -> bool:
        """Say that all up to `watermark` is in drops; False when another run has gone on from `before`."""
        return self._replace(name, before, Progress(watermark=watermark))

    def _replace(self, name: str, before: Progress, after: Progress) -> bool:
        conditions, names, values = [], {}, {}
        for number, (attribute, value) in enumerate(_attributes(before).items()):
            names[f"#a{number}"] = attribute
            if value is None:
                conditions.append(f"attribute_not_exists(#a{number})")
            else:
                conditions.append(f"#a{number} = :a{number}")
                values[f":a{number}"] = {"S": value}
        item = {"id": {"S": f"collect#{name}"}}
        item |= {name: {"S": value} for name, value in _attributes(after).items() if value is not None}
        return self._put(item, " AND ".join(conditions), values, names)

    def _put(self, item: Any, condition: str, values: Any, names: dict[str, str]) -> bool:
        expressions: Any = {"ExpressionAttributeValues": values} if values else {}
        expressions |= {"ExpressionAttributeNames": names} if names else {}
        try:
            self.dynamodb.put_item(
                TableName=self.table, Item=item, ConditionExpression=condition, **expressions
            )
        except ClientError as error:
            if not _is_refused(error):
                raise
            return False
        return True


def _attributes(progress: Progress) -> dict[str, str | None]:
    pending = progress.pending
    written = None if pending is None else json.dumps({"low": pending.low, "high": pending.high})
    return {"watermark": progress.watermark, "pending": written}


def _is_refused(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
