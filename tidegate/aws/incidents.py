"""Incidents and their post in the state table, each item changed only by whoever read it last.

`incident#<cause>` is the newest incident of a cause, `incident-past#<id>` an earlier one, `incident-post` is
what waits to be told, `incident-of#<package ARN>` the cause of the training run that registered a model.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from tidegate.incidents.incident import Incident, Occurrence, happened
from tidegate.incidents.post import Post

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 50  # to write what others write too
LONGEST_PAUSE_SECONDS = 0.2
POST = "incident-post"
Found = TypeVar("Found")


class BusyError(Exception):
    """Others kept winning. The event comes again."""


@dataclass(frozen=True)
class Incidents:
    dynamodb: "DynamoDBClient"
    table: str

    def happened(self, seen: Occurrence, hold_seconds: float) -> Incident | None:
        """Record an occurrence; the incident of its cause, with news that no message was made of."""

        def change(text: str | None) -> tuple[str | None, Incident | None]:
            current = None if text is None else Incident.from_json(json.loads(text))
            after, past = happened(current, seen, hold_seconds)
            if past is not None:
                self._keep(past)
            return None if after is current or after is None else _json(after), after

        return self._changed(f"incident#{seen.cause}", change)

    def told(self, incident: Incident) -> None:
        """The post has these news; what came since then stays."""

        def change(text: str | None) -> tuple[str | None, None]:
            found = None if text is None else Incident.from_json(json.loads(text))
            if found is None or (found.id, found.spoken) != (incident.id, incident.spoken):
                return None, None
            count = len(incident.untold)
            return _json(replace(found, untold=found.untold[count:], spoken=found.spoken + count)), None

        self._changed(f"incident#{incident.cause}", change)

    def posted(self, change: Callable[[Post], Post]) -> Post:
        """The post after a change of it."""

        def changed(text: str | None) -> tuple[str | None, Post]:
            before = Post() if text is None else Post.from_json(json.loads(text))
            after = change(before)
            return None if after == before else _json(after), after

        return self._changed(POST, changed)

    def link(self, package_arn: str, cause: str) -> None:
        """Remember by which training run a model came, for what becomes of it."""
        self._put(f"incident-of#{package_arn}", {"cause": {"S": cause}})

    def linked(self, package_arn: str) -> str | None:
        item = self._item(f"incident-of#{package_arn}")
        return None if item is None else item["cause"]["S"]

    def _keep(self, past: Incident) -> None:
        self._put(f"incident-past#{past.id}", {"record": {"S": _json(past)}})

    def _changed(self, name: str, change: Callable[[str | None], tuple[str | None, Found]]) -> Found:
        """Read, change, and write unless somebody else has written meanwhile; then again."""
        for _ in range(ATTEMPTS):
            item = self._item(name)
            version = 0 if item is None else int(item["version"]["N"])
            text, found = change(None if item is None else item["record"]["S"])
            if text is None or self._write(name, text, version):
                return found
            time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311  spreads writers, keeps no secret
        raise BusyError(f"`{name}` was written by others {ATTEMPTS} times")

    def _write(self, name: str, text: str, version: int) -> bool:
        condition = "attribute_not_exists(id)" if version == 0 else "version = :version"
        values: Any = {} if version == 0 else {":version": {"N": str(version)}}
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={"id": {"S": name}, "record": {"S": text}, "version": {"N": str(version + 1)}},
                ConditionExpression=condition,
                **({"ExpressionAttributeValues": values} if values else {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _put(self, name: str, members: dict[str, Any]) -> None:
        self.dynamodb.put_item(TableName=self.table, Item={"id": {"S": name}, **members})

    def _item(self, name: str) -> dict[str, Any] | None:
        answer = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": name}}, ConsistentRead=True)
        return answer.get("Item")


def _json(found: Incident | Post) -> str:
    return json.dumps(found.to_json())
