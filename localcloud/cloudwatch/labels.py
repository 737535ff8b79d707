"""What a line of GetMetricData is called: its label with ${...} filled in, or one made from what differs.

Source: CloudWatch User Guide, "Using dynamic labels"; the default labels are as recorded on AWS. Of the
dynamic parts, those that print a time or a rank among lines (LAST_TIME, MAX_TIME, DATAPOINT_COUNT_RANK, ...)
are left as they stand.
"""

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.cloudwatch.time_series import TimeSeries

_PART = re.compile(r"\$\{(\w+)(?:\('([^']*)'\))?\}")
_OF_POINTS: dict[str, Callable[[list[float]], float]] = {
    "AVG": statistics.fmean,
    "MIN": min,
    "MAX": max,
    "SUM": sum,
    "FIRST": lambda points: points[0],
    "LAST": lambda points: points[-1],
}


def defaults(queries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A label for each query without one: the metric's name, then what tells it from the others."""
    stats = [query["MetricStat"] for query in queries if "MetricStat" in query]
    one_metric = len({(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"]) for stat in stats}) == 1
    telling = [key for key in ("Stat", "Period") if one_metric and len({stat[key] for stat in stats}) > 1]
    labels = {}
    for query in queries:
        if stat := query.get("MetricStat"):
            name = stat["Metric"]["MetricName"]
            labels[query["Id"]] = " ".join([name, *(str(stat[key]) for key in telling)])
        else:
            labels[query["Id"]] = query["Id"]
    return labels


def fill(
    label: str, default: str, query: Mapping[str, Any], series: TimeSeries, *, account: str, region: str
) -> str:
    """`label` with its dynamic parts replaced."""
    points = [series.points[when] for when in sorted(series.points)]

    def part(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name == "LABEL":
            return default
        if name == "DATAPOINT_COUNT":
            return str(len(points))
        if name == "PROP" and argument:
            return _property(argument, query, account, region)
        if name in _OF_POINTS:
            return f"{_OF_POINTS[name](points):g}" if points else "--"
        return match[0]

    return _PART.sub(part, label)


def _property(name: str, query: Mapping[str, Any], account: str, region: str) -> str:
    stat = query.get("MetricStat", {})
    metric = stat.get("Metric", {})
    if name.startswith("Dim."):
        dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions") or []}
        return str(dimensions.get(name.removeprefix("Dim."), ""))
    known = {
        "AccountId": account,
        "Region": region,
        "MetricName": metric.get("MetricName", ""),
        "Namespace": metric.get("Namespace", ""),
        "Period": stat.get("Period", ""),
        "Stat": stat.get("Stat", ""),
    }
    return str(known.get(name, ""))
