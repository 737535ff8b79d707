"""Which share of a view's active entities can be looked up online.

An entity is active that has an offline row within the view's TTL of its last tick: a request finds a value.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tidegate.aws.catalog import Catalog
from tidegate.columns.duck import connect
from tidegate.errors import OnlineStoreBusyError
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.view_sql import quoted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS_A_READ = 100  # BatchGetItem's limit
_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Active entities, and how many of them have a row online."""

    entities: int
    online: int

    @property
    def share(self) -> float:
        """In [0, 1]; 1 when there are no active entities."""
        return self.online / self.entities if self.entities else 1.0


def measure(
    catalog: Catalog,
    dynamodb: "DynamoDBClient",
    online_table: str,
    view: ViewPlan,
    *,
    last: int,
    written: pa.Table,
) -> Coverage:
    """Coverage of a view as of the tick `last`, seconds since the epoch.

    Args:
        written: keys of entities that are known to have a row online: those are not looked up again.

    Raises:
        OnlineStoreBusyError: DynamoDB left keys unread on each of several attempts.
    """
    oldest = datetime.fromtimestamp(last - view.ttl_seconds, UTC).isoformat()
    rows = catalog.batches(
        view.table,
        columns=list(view.keys),
        row_filter=f"feature_hash == '{view.hash}' and event_ts >= '{oldest}'",
    )
    keys = ", ".join(map(quoted, view.keys))
    with connect() as connection:
        connection.register("active_rows", rows)
        connection.execute(f"create table active as select distinct {keys} from active_rows")  # noqa: S608  quoted names
        connection.register("written", written.select(list(view.keys)))
        [[entities]] = connection.execute("select count(*) from active").fetchall()
        others = connection.sql(
            f"select {keys} from active anti join written using ({keys})"  # noqa: S608
        ).to_arrow_table()
    names = [name for row in others.to_pylist() if (name := view.entity(row)) is not None]
    found = sum(
        _present(dynamodb, online_table, view, names[start : start + _KEYS_A_READ])
        for start in range(0, len(names), _KEYS_A_READ)
    )
    return Coverage(entities=entities, online=entities - others.num_rows + found)


def _present(dynamodb: "DynamoDBClient", table: str, view: ViewPlan, entities: Sequence[str]) -> int:
    """How many of at most 100 entities have a row."""
    keys = [{"entity": {"S": entity}, "view": {"S": view.version}} for entity in entities]
    pending: Any = {table: {"Keys": keys, "ProjectionExpression": "entity"}}
    found = 0
    for wait in _waits():
        answer = dynamodb.batch_get_item(RequestItems=pending)
        found += len(answer["Responses"].get(table, []))
        pending = answer.get("UnprocessedKeys")
        if not pending:
            return found
        time.sleep(wait)
    raise OnlineStoreBusyError(
        f"`{table}` left keys unread",
        hint="the state machine retries; raise the table's limits if it goes on",
    )


def _waits() -> Iterator[float]:
    return (0.05 * 2**attempt for attempt in range(_ATTEMPTS))
