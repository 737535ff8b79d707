"""The metrics that a job prints: regular expressions over its output; pure."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping


class MetricScan:
    """Finds each metric's values in lines, in order; capture group 1 is the number, as SageMaker has it."""

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        """`definitions` is MetricDefinitions of a request.

        Raises:
            ValueError: an expression does not compile or has no group; the message names the metric.
        """
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for definition in definitions:
            name, text = definition["Name"], definition["Regex"]
            try:
                pattern = re.compile(text)
            except re.error as error:
                raise ValueError(f"Regex of metric '{name}' does not compile: {error}") from error
            if not pattern.groups:
                raise ValueError(f"Regex of metric '{name}' has no capture group: {text}")
            self._patterns.append((name, pattern))

    def values(self, line: str) -> Iterator[tuple[str, float]]:
        """(metric, value) for each match in a line; what is no finite number is no value."""
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                value = _number(match[1])
                if value is not None:
                    yield name, value


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
