"""An index of captured requests: where each lies, which model answered it, and which values it looked up.

Pure: bytes in, Arrow out. One row for each record of somebody's request, in order of inference id, so that
one is found by reading one row group. `looked_up` are the values that were there, of all versions of views
that any serving model needed; which of them a model took, its own feature set says.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.looked_up import VIEWS
from tidegate.moments import seconds
from tidegate.monitoring.capture import is_traffic, payload

ROW_GROUP = 16_384
VALUE = pa.struct([("view", pa.string()), ("entity", pa.string()), ("et", pa.int64()), ("rev", pa.int64())])
SCHEMA = pa.schema(
    [
        ("inference_id", pa.string()),
        ("at", pa.int64()),  # when it was answered, in whole seconds since the epoch
        ("model", pa.string()),  # the training run whose model answered
        ("instances", pa.int32()),
        ("file", pa.string()),  # key in the lake
        ("offset", pa.int64()),  # bytes of the file before the record's line
        ("length", pa.int64()),  # bytes of the line
        ("looked_up", pa.list_(VALUE)),  # of all instances, each once; rev -1 where the store told none
    ]
)
UNTOLD = -1
PlanOf = Callable[[str], ViewPlan | None]  # of a version of a view


class _Event(msgspec.Struct):
    eventId: str = ""  # noqa: N815  SageMaker's spelling
    inferenceId: str = ""  # noqa: N815
    inferenceTime: str = ""  # noqa: N815


class _Sides(msgspec.Struct):
    endpointInput: dict[str, str]  # noqa: N815
    endpointOutput: dict[str, str]  # noqa: N815


class _Record(msgspec.Struct):
    eventMetadata: _Event  # noqa: N815
    captureData: _Sides  # noqa: N815


_decode = msgspec.json.Decoder(_Record).decode


@dataclass
class Index:
    """Rows of an index being made. What cannot be read is passed over: monitoring counts it."""

    plan_of: PlanOf
    _rows: list[tuple[Any, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._rows)

    def add_file(self, key: str, body: bytes) -> None:
        """Read a capture file."""
        offset = 0
        for line in body.splitlines(keepends=True):
            self._add(key, offset, line)
            offset += len(line)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows as `SCHEMA` names their members, as they came."""
        return (dict(zip(SCHEMA.names, row, strict=True)) for row in self._rows)

    def table(self) -> pa.Table:
        """`SCHEMA`, in order of inference id."""
        columns = list(zip(*sorted(self._rows, key=lambda row: row[0]), strict=True)) or [()] * len(SCHEMA)
        arrays = [pa.array(column, member.type) for column, member in zip(columns, list(SCHEMA), strict=True)]
        return pa.Table.from_arrays(arrays, schema=SCHEMA)

    def _add(self, key: str, offset: int, line: bytes) -> None:
        try:
            record = _decode(line)
            event, sides = record.eventMetadata, record.captureData
            inference_id = event.inferenceId or event.eventId
            if not inference_id or not is_traffic(inference_id):
                return
            instances = payload(sides.endpointInput)["instances"]
            model = str(payload(sides.endpointOutput).get("model", ""))
            at = int(seconds(event.inferenceTime))
            values = {value for instance in instances for value in looked_up(instance, self.plan_of)}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return
        told = [dict(zip(("view", "entity", "et", "rev"), value, strict=True)) for value in sorted(values)]
        self._rows.append((inference_id, at, model, len(instances), key, offset, len(line), told))


def looked_up(instance: Mapping[str, Any], plan_of: PlanOf) -> set[tuple[str, str, int, int]]:
    """(version of the view, entity, event time, revision) of each value that was there for an instance.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is no instance.
    """
    found = set()
    for version, member in (instance.get(VIEWS) or {}).items():
        plan = plan_of(version) if "v" in member else None
        entity = plan.entity(instance) if plan else None
        if entity is not None:
            found.add((version, entity, int(member["et"]), int(member.get("rev", UNTOLD))))
    return found
