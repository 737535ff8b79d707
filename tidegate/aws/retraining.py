"""What the state table remembers of retraining: the last decision, and which runs began on a day."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.incidents.decision import RetrainingDecision

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LAST = "retraining"  # item of the state table: the newest decision, whole


@dataclass(frozen=True)
class Retraining:
    dynamodb: "DynamoDBClient"
    table: str

    def last(self) -> RetrainingDecision | None:
        """The decision of the look before."""
        item = self._item(LAST)
        return None if item is None else RetrainingDecision.from_json(json.loads(item["decision"]["S"]))

    def record(self, decision: RetrainingDecision) -> None:
        """Keep it for the next look, unless a later one is there already."""
        item: Any = {
            "id": {"S": LAST},
            "run": {"S": decision.run},
            "decision": {"S": json.dumps(decision.to_json())},
        }
        self._put(item, "attribute_not_exists(id) OR run <= :run", {":run": item["run"]})

    def begun(self, day: str) -> int:
        """How many runs of that day (YYYY-MM-DD, UTC) were paid for from its budget."""
        item = self._item(f"retrained#{day}")
        return 0 if item is None else len(item["keys"]["SS"])

    def spend(self, day: str, key: str, budget: int) -> bool:
        """Take one run from the day's budget; once for each key, however often it is asked."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"id": {"S": f"retrained#{day}"}},
                UpdateExpression="ADD #keys :keys",
                ConditionExpression="attribute_not_exists(#keys) OR contains(#keys, :key)"
                " OR size(#keys) < :most",
                ExpressionAttributeNames={"#keys": "keys"},
                ExpressionAttributeValues={
                    ":keys": {"SS": [key]},
                    ":key": {"S": key},
                    ":most": {"N": str(budget)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _put(self, item: Any, condition: str, values: Any) -> None:
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _item(self, name: str) -> dict[str, Any] | None:
        answer = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": name}}, ConsistentRead=True)
        return answer.get("Item")
