"""The state table: who serves, who holds which lock, what was measured last. One item for each fact."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The model that serves. Exactly one, so exactly one item."""

    model_package_arn: str
    model_version: int
    model_name: str
    variant: str
    since: str  # ISO 8601 UTC


class State:
    """Reads and writes of the state table."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def champion(self) -> Champion | None:
        item = self.item("champion")
        if item is None:
            return None
        return Champion(
            model_package_arn=item["model_package_arn"]["S"],
            model_version=int(item["model_version"]["N"]),
            model_name=item["model_name"]["S"],
            variant=item["variant"]["S"],
            since=item["since"]["S"],
        )

    def item(self, name: str) -> dict[str, Any] | None:
        """One item with DynamoDB's own type marks, read consistently; None when it is not there."""
        answer = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": name}}, ConsistentRead=True)
        return answer.get("Item")

    def lock_training(self, run: str, now: float, seconds: int) -> bool:
        """Take the training lock for `run` unless another run holds it; a lock expires after `seconds`."""
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={
                    "id": {"S": "lock#training"},
                    "run": {"S": run},
                    "expires_at": {"N": f"{now + seconds:.0f}"},
                },
                ConditionExpression="attribute_not_exists(id) OR expires_at < :now",
                ExpressionAttributeValues={":now": {"N": f"{now:.0f}"}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def record_training(self, run: str, now: float) -> None:
        """Remember when the last run began, for the cooldown."""
        item: Any = {"id": {"S": "last-training"}, "run": {"S": run}, "began": {"N": f"{now:.3f}"}}
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def last_training(self) -> float | None:
        """When the last run began, seconds since the epoch."""
        item = self.item("last-training")
        return None if item is None else float(item["began"]["N"])

    def record_variant(self, variant: str, version: int, arn: str, run: str) -> None:
        """Which model a variant is about to hold; answers name the run, and this names its version."""
        item: Any = {
            "id": {"S": f"variant#{variant}"},
            "model_version": {"N": str(version)},
            "model_package_arn": {"S": arn},
            "run": {"S": run},
        }
        self.dynamodb.put_item(TableName=self.table, Item=item)
