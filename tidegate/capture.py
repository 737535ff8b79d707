"""Data capture records as SageMaker writes them, read into instances and predictions.

Pure. A line that cannot be read (a truncated file, another container's format) is counted, never raised.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Captured:
    """What a window's files held. Rows of `instances` and `probabilities` belong together."""

    instances: list[Mapping[str, Any]] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    unreadable: int = 0
    fallen_short: int = 0  # records with another number of answers than instances

    def add(self, line: bytes) -> None:
        """Read one line."""
        if not line.strip():
            return
        try:
            record = json.loads(line)["captureData"]
            instances = _payload(record["endpointInput"])["instances"]
            answers = [p["probability"] for p in _payload(record["endpointOutput"])["predictions"]]
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
            return
        if len(instances) != len(answers):
            self.fallen_short += 1
            return
        self.instances += instances
        self.probabilities += answers


def read(lines: Iterable[bytes]) -> Captured:
    found = Captured()
    for line in lines:
        found.add(line)
    return found


def _payload(side: Mapping[str, str]) -> Any:
    data = side["data"]
    return json.loads(base64.b64decode(data) if side.get("encoding") == "BASE64" else data)
