"""One entity's value of a view as of a moment: as predict reads it, and as a training set would."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place
from tidegate_cli.tables import catalog_of

if TYPE_CHECKING:
    from tidegate.feature_store.feature_plan import ViewPlan

MISSING = "missing"  # nothing is there, or only what came after the moment
_DESERIALIZE = TypeDeserializer().deserialize


@dataclass(frozen=True, kw_only=True)
class Value:
    """What one store says. Times are seconds since the epoch; None where there is no value at all."""

    state: str  # usable | stale | missing
    outputs: dict[str, Any]  # empty unless usable
    event_ts: int | None = None
    known_ts: int | None = None
    revision: int | None = None
    reason: str = ""

    def to_json(self, at: int) -> dict[str, Any]:
        age = None if self.event_ts is None else at - self.event_ts
        times = {"event_ts": self.event_ts, "known_ts": self.known_ts, "age_seconds": age}
        return {
            "state": self.state,
            "outputs": self.outputs,
            **times,
            "revision": self.revision,
            "reason": self.reason,
        }


def entity_of(view: "ViewPlan", parts: Sequence[str]) -> str:
    """The identity under which the online store holds an entity.

    Raises:
        CommandError: another number of keys than the view has.
    """
    if len(parts) != len(view.keys):
        keys = " ".join(key.upper() for key in view.keys)
        raise CommandError(
            f"`{view.name}` has {len(view.keys)} key{'s' if len(view.keys) > 1 else ''}, got {len(parts)}",
            hint=f"tidegate features value {view.name} {keys}",
        )
    return view.entity(dict(zip(view.keys, parts, strict=True))) or ""


def stored(place: Place, view: "ViewPlan", entity: str) -> dict[str, Any] | None:
    """The online store's item of an entity as plain values, or None."""
    answer = place.client("dynamodb").get_item(
        TableName=place.outputs["OnlineTable"],
        Key={"entity": {"S": entity}, "view": {"S": view.version}},
        ConsistentRead=True,
    )
    item = answer.get("Item")
    return None if item is None else {name: _DESERIALIZE(value) for name, value in item.items()}


def online(view: "ViewPlan", item: dict[str, Any] | None, at: int) -> Value:
    """What predict makes of an item for a request of the moment `at`."""
    if item is None:
        return Value(state=MISSING, outputs={}, reason="no row of this entity is online")
    revision = item.get("rev")
    times = {
        "event_ts": int(item["et"]),
        "known_ts": int(item["kt"]),
        "revision": None if revision is None else int(revision),
    }
    return _judged(view, json.loads(item["v"]), times, at, "online holds only the newest, which came later")


def offline(place: Place, view: "ViewPlan", parts: Sequence[str], at: int) -> Value:
    """The row that a label of the moment `at` is joined to: the last in order of those known by then."""
    catalog = catalog_of(place)
    from pyiceberg.expressions import And, EqualTo  # after it is known that pyiceberg is there

    wanted: Any = EqualTo("feature_hash", view.hash)
    for key, part in zip(view.keys, parts, strict=True):
        wanted = And(wanted, EqualTo(key, part))
    columns = [*view.outputs, "event_ts", "known_ts", "ord"]
    if catalog.head(view.table) is None:
        return Value(state=MISSING, outputs={}, reason=f"the table {view.table} has no rows yet")
    try:
        found = catalog.read(view.table, columns=columns, row_filter=wanted)
    except ValueError as cause:
        raise CommandError(
            f"{', '.join(parts)} names no entity of `{view.name}`", cause=str(cause)
        ) from cause
    rows = [row for row in found.to_pylist() if _seconds(row["known_ts"]) <= at >= _seconds(row["event_ts"])]
    if not rows:
        return Value(state=MISSING, outputs={}, reason="no row of this entity was known by then")
    last = max(rows, key=lambda row: (row["event_ts"], row["known_ts"], row["ord"]))
    times = {
        "event_ts": _seconds(last["event_ts"]),
        "known_ts": _seconds(last["known_ts"]),
        "revision": last["ord"] & 0x7FFFFFFF,
    }
    return _judged(view, last, times, at, "")


def agree(one: Value, other: Value) -> bool:
    """Whether both stores would give a model the same: the same outputs, or nothing usable."""
    return (one.state == "usable") == (other.state == "usable") and all(
        _same(one.outputs[name], other.outputs.get(name)) for name in one.outputs
    )


def _judged(
    view: "ViewPlan", outputs: dict[str, Any], times: dict[str, Any], at: int, why_later: str
) -> Value:
    age = at - times["event_ts"]
    if age < 0 or times["known_ts"] > at:
        return Value(state=MISSING, outputs={}, reason=why_later, **times)
    if age > view.ttl_seconds:
        return Value(state="stale", outputs={}, reason=f"older than the ttl of {view.ttl_seconds} s", **times)
    return Value(state="usable", outputs={name: _plain(outputs.get(name)) for name in view.outputs}, **times)


def _plain(value: Any) -> Any:
    """NaN and null are one to a model."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)


def _seconds(moment: Any) -> int:
    return int(moment.timestamp())
