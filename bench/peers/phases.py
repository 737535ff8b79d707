"""CPU seconds of the phases of one process, and the most memory it held: printed as one JSON object."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_KIBIBYTES = 1024 if sys.platform == "linux" else 1  # what ru_maxrss counts


class Phases:
    """`with phases("read"):` measures; `tell(...)` prints, with whatever else the peer found."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began

    def tell(self, **found: Any) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTES
        print(json.dumps({"seconds": self.seconds, "peak_bytes": peak, **found}))


def rules(path: str) -> list[dict[str, Any]]:
    """The rules of a compiled contract but those of types; `condition.values` are percent of rows allowed."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123  a peer's environment, kept plain
        found: list[dict[str, Any]] = json.load(file)["rules"]
    return [rule for rule in found if rule["kind"] != "type"]


def share_allowed(rule: dict[str, Any]) -> float:
    """The share of rows that may break a rule, in [0, 1]."""
    condition = rule["condition"]
    return float(condition["values"][0]) / 100 if condition["unit"] == "percent" else 0.0
