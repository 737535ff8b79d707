"""Data capture records as SageMaker writes them, read into instances and predictions.

Pure. A line that cannot be read (a truncated file, another container's format) is counted, never raised. The
golden rows and the copied requests of a rollout are captured too, and are nobody's traffic.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.answers import measured

GOLDEN = "golden-"  # begins the inference id of golden rows
MIRROR = "mirror-"  # and that of copied requests


@dataclass
class Captured:
    """What a window's files held. Rows of `instances` and `answers` belong together."""

    instances: list[Mapping[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)  # as tidegate.answers.measured gives them
    golden: int = 0  # records of golden rows and copied requests, left out
    unreadable: int = 0
    fallen_short: int = 0  # records with another number of answers than instances

    def add(self, line: bytes) -> None:
        """Read one line."""
        if not line.strip():
            return
        try:
            record = json.loads(line)
            golden = not is_traffic(str(record.get("eventMetadata", {}).get("inferenceId", "")))
            sides = record["captureData"]
            instances = [_object(i) for i in payload(sides["endpointInput"])["instances"]]
            answers = [measured(a) for a in payload(sides["endpointOutput"])["predictions"]]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.unreadable += 1
            return
        if golden:
            self.golden += 1
            return
        if len(instances) != len(answers):
            self.fallen_short += 1
            return
        self.instances += instances
        self.answers += answers


def is_traffic(inference_id: str) -> bool:
    """Whether somebody asked it, not a rollout."""
    return not inference_id.startswith((GOLDEN, MIRROR))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One captured request that can be asked again, and its answers."""

    instances: tuple[dict[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]  # one for each instance


def requests(lines: Iterable[bytes]) -> Iterator[Request]:
    """Requests that somebody made and that were answered whole; other lines are passed over."""
    for line in lines:
        try:
            record = json.loads(line)
            if not is_traffic(str(record["eventMetadata"].get("inferenceId", ""))):
                continue
            sides = record["captureData"]
            instances = [dict(_object(i)) for i in payload(sides["endpointInput"])["instances"]]
            answers = [_object(a) for a in payload(sides["endpointOutput"])["predictions"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        if len(instances) == len(answers):
            yield Request(instances=tuple(instances), answers=tuple(answers))


def read(lines: Iterable[bytes]) -> Captured:
    found = Captured()
    for line in lines:
        found.add(line)
    return found


def payload(side: Mapping[str, str]) -> Any:
    """The JSON document of one side of a record.

    Raises:
        ValueError, KeyError: there is none.
    """
    data = side["data"]
    return json.loads(base64.b64decode(data) if side.get("encoding") == "BASE64" else data)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an instance is an object")
    return value
