"""The state table: who serves, who holds which lock, what was measured last. One item for each fact."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.messages.training import EarlierRun
from tidegate.rollout import VARIANTS

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
    previous_version: int | None = None  # the champion before, to which a rollback returns


@dataclass(frozen=True, kw_only=True)
class ViewState:
    """What is computed of one version of a view."""

    computed_from: int  # first tick, seconds since the epoch
    computed_to: int  # last tick
    revision: int  # of the dataset; every tick up to `computed_to` is as this state of it says, or newer
    entities: int  # active: with an offline row within the view's TTL of `computed_to`
    online: int  # of those, with a row online
    coverage: float  # online / entities, in [0, 1]; 1 when there are none
    recorded_at: str  # ISO 8601 UTC
    needed_at: str  # ISO 8601 UTC; when a run last found that somebody needs it


SEARCHES_KEPT = 5  # as many as one tuning job may start from
_COUNTS = ("computed_from", "computed_to", "revision", "entities", "online")


class State:
    """Reads and writes of the state table."""

    HOLD = "rollout#hold"  # a person holds the rollout that runs, or the next: {"reason", "by", "since"}
    SPLIT = "split"  # entities are dealt to champion and candidate: see tidegate.assignment
    APPROVAL = "rollout#approval"  # a rollout waits for a person: {"token", "execution", "since"}

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def champion(self) -> Champion | None:
        item = self.item("champion")
        if item is None:
            return None
        before = item.get("previous", {}).get("M")
        return Champion(
            previous_version=None if before is None else int(before["model_version"]["N"]),
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

    def deployment_locked_by(self, holder: str) -> str | None:
        """The model package that an execution rolls out; None when it does not hold the lock of rollouts."""
        item = self.item("lock#deployment")
        if item is None or item["holder"]["S"] != holder:
            return None
        return str(item["model_package_arn"]["S"])

    def forget_entities(self) -> None:
        """Deal no entity to a candidate any more."""
        self.dynamodb.delete_item(TableName=self.table, Key={"id": {"S": self.SPLIT}})

    def record_approval(self, token: str, execution: str, version: int) -> None:
        """Remember by which token a person lets a rollout go on."""
        item: Any = {
            "id": {"S": self.APPROVAL},
            "token": {"S": token},
            "execution": {"S": execution},
            "model_version": {"N": str(version)},
        }
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def lock_training(self, run: str, now: float, seconds: int, execution: str = "") -> bool:
        """Take the training lock for `run` unless another run holds it; a lock expires after `seconds`.

        Args:
            execution: ARN of the state machine's execution, by whose end the lock can be freed.
        """
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={
                    "id": {"S": "lock#training"},
                    "run": {"S": run},
                    "execution": {"S": execution},
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

    def training_lock(self) -> tuple[str, float] | None:
        """The run that holds the training lock, and when the lock expires, seconds since the epoch."""
        item = self.item("lock#training")
        return None if item is None else (item["run"]["S"], float(item["expires_at"]["N"]))

    def free_training_lock(self, execution: str) -> bool:
        """Take the training lock from an execution that is over; whether it held it."""
        try:
            self.dynamodb.delete_item(
                TableName=self.table,
                Key={"id": {"S": "lock#training"}},
                ConditionExpression="execution = :execution",
                ExpressionAttributeValues={":execution": {"S": execution}},
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

    def trained(self, content_id: str) -> EarlierRun | None:
        """The newest finished run of those inputs; see tidegate.training_inputs."""
        item = self.item(f"trained#{content_id}")
        return None if item is None else EarlierRun.from_json(json.loads(item["earlier"]["S"]))

    def record_trained(self, content_id: str, found: EarlierRun) -> None:
        """Remember what came of those inputs, so that no later run pays for it again."""
        item: Any = {"id": {"S": f"trained#{content_id}"}, "earlier": {"S": json.dumps(found.to_json())}}
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def searches(self, kind: str) -> tuple[str, ...]:
        """Names of the last tuning jobs of that kind, the newest first."""
        item = self.item(f"searches#{kind}")
        return () if item is None else tuple(name["S"] for name in item["names"]["L"])

    def record_search(self, kind: str, name: str) -> None:
        """Remember a tuning job for those that start warm from it. Only the holder of the lock calls this."""
        names = [name, *(each for each in self.searches(kind) if each != name)][:SEARCHES_KEPT]
        item: Any = {"id": {"S": f"searches#{kind}"}, "names": {"L": [{"S": each} for each in names]}}
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def record_variant(
        self, variant: str, *, version: int, arn: str, run: str, feature_set: str, fallback: str = ""
    ) -> None:
        """Which model a variant is about to hold: its answers name the run, and this all else.

        Args:
            feature_set: hash of the features that it takes.
            fallback: sha256 of the document that `predict` can answer from; empty when there is none.
        """
        item: Any = {
            **variant_key(variant),
            "model_version": {"N": str(version)},
            "model_package_arn": {"S": arn},
            "run": {"S": run},
            "feature_set_hash": {"S": feature_set},
            **({"fallback": {"S": fallback}} if fallback else {}),
        }
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def live_feature_sets(self) -> tuple[str, ...]:
        """Hashes of the features that models in either variant take, or took last; in order."""
        items = [self.item(variant_key(name)["id"]["S"]) for name in VARIANTS]
        hashes = {item["feature_set_hash"]["S"] for item in items if item and "feature_set_hash" in item}
        return tuple(sorted(hashes))

    def record_operations(self, run: str, summary: str) -> None:
        """Remember what the last look found of the endpoint's operation."""
        item: Any = {"id": {"S": "operations"}, "run": {"S": run}, "summary": {"S": summary}}
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def feature_set_of(self, variant: str) -> str | None:
        """Hash of the features that the model in a variant takes; None while none is known."""
        item = self.item(variant_key(variant)["id"]["S"])
        return None if item is None else item.get("feature_set_hash", {}).get("S")

    def forget_view(self, version: str) -> None:
        """Its rows are gone: whoever needs it computes it anew."""
        self.dynamodb.delete_item(TableName=self.table, Key={"id": {"S": f"view#{version}"}})

    def need_view(self, version: str, now: str) -> None:
        """Somebody needs it still."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"id": {"S": f"view#{version}"}},
                UpdateExpression="SET needed_at = :now",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeValues={":now": {"S": now}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def views(self) -> dict[str, ViewState]:
        """Every version of a view that was computed. Scans the table: it holds one item for each fact."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression="begins_with(id, :view)",
            ExpressionAttributeValues={":view": {"S": "view#"}},
        )
        return {
            item["id"]["S"].removeprefix("view#"): _view_state(item)
            for page in pages
            for item in page["Items"]
        }

    def view(self, version: str) -> ViewState | None:
        """What is computed of a version of a view; None when nothing ever was."""
        item = self.item(f"view#{version}")
        return None if item is None else _view_state(item)

    def record_view(self, version: str, state: ViewState) -> bool:
        """Remember what is computed of a version of a view, unless a higher revision is there already."""
        item: Any = {"id": {"S": f"view#{version}"}}
        item |= {name: {"N": str(getattr(state, name))} for name in (*_COUNTS, "coverage")}
        item |= {name: {"S": getattr(state, name)} for name in ("recorded_at", "needed_at")}
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(revision) OR revision <= :revision",
                ExpressionAttributeValues={":revision": item["revision"]},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def variant_key(variant: str) -> dict[str, Any]:
    """Key of the item that says which model a variant holds."""
    return {"id": {"S": f"variant#{variant}"}}


def _view_state(item: dict[str, Any]) -> ViewState:
    return ViewState(
        **{name: int(item[name]["N"]) for name in _COUNTS},
        coverage=float(item["coverage"]["N"]),
        recorded_at=item["recorded_at"]["S"],
        needed_at=item["needed_at"]["S"],
    )
