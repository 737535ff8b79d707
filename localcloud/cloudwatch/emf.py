"""Metrics inside log lines: CloudWatch's embedded metric format.

Source: CloudWatch User Guide, "Specification: Embedded metric format". A line that is not one JSON object
with `_aws` is a log line and nothing else. Of a line that
breaks the specification nothing is taken.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.cloudwatch.distribution import Distribution
from localcloud.cloudwatch.store import MINUTE, Datum, Metric

MOST_METRICS = 100
MOST_VALUES = 100
MOST_DIMENSIONS = 30


class FormatError(ValueError):
    """The line has `_aws` and breaks the specification."""


def read(message: str, now: float) -> list[Datum]:
    """The samples of one log line.

    Args:
        message: the line.
        now: epoch seconds, for a line without a timestamp.

    Raises:
        FormatError: it means to be a metric and is none.
    """
    root = _document(message)
    if root is None:
        return []
    metadata = root["_aws"]
    timestamp = metadata.get("Timestamp")
    when = float(timestamp) / 1000 if isinstance(timestamp, (int, float)) else now
    directives = metadata.get("CloudWatchMetrics")
    if not isinstance(directives, list):
        raise FormatError("_aws.CloudWatchMetrics is a list of directives")
    return list(itertools.chain.from_iterable(_directive(root, directive, when) for directive in directives))


def _document(message: str) -> dict[str, Any] | None:
    if '"_aws"' not in message or not message.lstrip().startswith("{"):
        return None
    try:
        root = json.loads(message)
    except ValueError:
        return None
    return root if isinstance(root, dict) and isinstance(root.get("_aws"), dict) else None


def _directive(root: Mapping[str, Any], directive: Any, when: float) -> Iterator[Datum]:
    try:
        namespace, metrics = directive["Namespace"], directive["Metrics"]
        sets = [_dimensions(root, names) for names in directive.get("Dimensions", [[]])]
        if len(metrics) > MOST_METRICS:
            raise FormatError(f"a directive names at most {MOST_METRICS} metrics")
        for metric in metrics:
            name = metric["Name"]
            if name not in root:
                continue  # the directive may name metrics that this line does not carry
            for dimensions in sets:
                yield Datum(
                    metric=Metric.of(namespace, name, dimensions),
                    sample=_sample(name, root[name]),
                    unit=metric.get("Unit", "None"),
                    when=when,
                    resolution=1 if metric.get("StorageResolution") == 1 else MINUTE,
                )
    except (KeyError, TypeError, AttributeError) as cause:
        raise FormatError(f"a directive lacks {cause}") from cause


def _dimensions(root: Mapping[str, Any], names: list[str]) -> dict[str, str]:
    """One dimension set: its names, valued by the members of the line that bear them."""
    if len(names) > MOST_DIMENSIONS:
        raise FormatError(f"a dimension set has at most {MOST_DIMENSIONS} names")
    missing = [name for name in names if not isinstance(root.get(name), (str, int, float))]
    if missing:
        raise FormatError(f"the dimensions {', '.join(missing)} have no value in the line")
    return {name: str(root[name]) for name in names}


def _sample(name: str, found: Any) -> Distribution:
    values = found if isinstance(found, list) else [found]
    if len(values) > MOST_VALUES:
        raise FormatError(f"{name} has more than {MOST_VALUES} values")
    sample = Distribution()
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise FormatError(f"{name} is {value!r}, not a number")
        sample.add(float(value))
    return sample
