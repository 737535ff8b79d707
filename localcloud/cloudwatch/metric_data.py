"""The answers of GetMetricData and GetMetricStatistics.

Datapoints lie on multiples of the period since the epoch, and each covers its whole period wherever the
requested range begins: StartTime is rounded down to a multiple of the period.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError

from localcloud.cloudwatch import bands, labels
from localcloud.cloudwatch.intake import epoch
from localcloud.cloudwatch.queries import check, check_period, check_statistic, read_series, resolve
from localcloud.cloudwatch.statistics import statistic
from localcloud.cloudwatch.store import Metric, MetricStore
from localcloud.cloudwatch.time_series import TimeSeries

MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800  # of GetMetricData, in one page
MOST_STATISTICS = 1440  # datapoints of GetMetricStatistics


def get_metric_data(
    store: MetricStore, request: Mapping[str, Any], *, account: str, region: str
) -> dict[str, Any]:
    """GetMetricData, a page of it."""
    queries = request.get("MetricDataQueries") or []
    if len(queries) > MOST_QUERIES:
        raise ValidationError(f"The collection MetricDataQueries must not have more than {MOST_QUERIES}.")
    check(queries)
    start, end = _range(request)
    units: dict[str, list[str]] = {}

    def read(query: Mapping[str, Any]) -> TimeSeries:
        stat = query["MetricStat"]
        aligned = start // stat["Period"] * stat["Period"]
        series, units[query["Id"]] = read_series(store, stat, start=aligned, end=end)
        return series

    values = resolve(queries, read, bands.of_store(store, queries))
    names = labels.defaults(queries)
    results = []
    for query in queries:
        if query.get("ReturnData") is False:
            continue
        value = values[query["Id"]]
        if not isinstance(value, (TimeSeries, list)):
            raise ValidationError(
                f"The expression '{query.get('Expression')}' must return a time series or an array of them."
            )
        for series in value if isinstance(value, list) else [value]:
            default = names[query["Id"]]
            label = query.get("Label") or default
            label = labels.fill(label, default, query, series, account=account, region=region)
            results.append(_result(query["Id"], label, series, units.get(query["Id"], [])))
    newest_first = request.get("ScanBy") != "TimestampAscending"
    return _page(results, request, newest_first=newest_first)


def get_metric_statistics(store: MetricStore, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetMetricStatistics; without a Unit, each unit has datapoints of its own."""
    names = [*(request.get("Statistics") or []), *(request.get("ExtendedStatistics") or [])]
    if not names:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    for name in names:
        check_statistic(name)
    period = int(request["Period"])
    check_period(period)
    start, end = _range(request)
    seconds = epoch(request["EndTime"]) - epoch(request["StartTime"])
    if (datapoints := math.ceil(seconds / period)) > MOST_STATISTICS:
        raise InvalidParameterCombination(
            f"You have requested up to {datapoints:,} datapoints, which exceeds the limit of "
            f"{MOST_STATISTICS:,}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range."
        )
    metric = Metric.from_request(request)
    found = []
    for unit in [request["Unit"]] if request.get("Unit") else store.units(metric):
        windows = store.read(metric, unit, start=start // period * period, end=end, period=period)
        for when, distribution in windows.items():
            values = {name: value for name in names if (value := statistic(name)(distribution)) is not None}
            found.append(_datapoint(when, unit, values, request.get("ExtendedStatistics") or []))
    return {"Label": request["MetricName"], "Datapoints": found}


def _datapoint(when: int, unit: str, values: Mapping[str, float], extended: Sequence[str]) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(when, UTC), "Unit": unit}
    point |= {name: value for name, value in values.items() if name not in extended}
    if extended:
        point["ExtendedStatistics"] = {name: values[name] for name in extended if name in values}
    return point


def _range(request: Mapping[str, Any]) -> tuple[int, int]:
    start, end = epoch(request["StartTime"]), epoch(request["EndTime"])
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    return math.floor(start), math.ceil(end)


def _result(identity: str, label: str, series: TimeSeries, units: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"Id": identity, "Label": label, "points": dict(series.points)}
    if len(units) > 1:
        text = f"Multiple units returned: '[{', '.join(units)}]'"
        result["Messages"] = [{"Code": "MultipleUnits", "Value": text}]
    return result


def _page(results: list[dict[str, Any]], request: Mapping[str, Any], *, newest_first: bool) -> dict[str, Any]:
    """Cut at MaxDatapoints, counted through the results in their order; the token is where to go on."""
    skip = int(request.get("NextToken") or 0)
    room = request.get("MaxDatapoints") or MOST_DATAPOINTS
    total = sum(len(result["points"]) for result in results)
    passed = 0
    for result in results:
        times = sorted(result.pop("points").items(), reverse=newest_first)
        begin, finish = max(skip - passed, 0), max(skip + room - passed, 0)
        passed += len(times)
        shown = times[begin:finish]
        result["Timestamps"] = [datetime.fromtimestamp(when, UTC) for when, _ in shown]
        result["Values"] = [value for _, value in shown]
        result["StatusCode"] = "Complete" if finish >= len(times) else "PartialData"
    answer: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    if skip + room < total:
        answer["NextToken"] = str(skip + room)
    return answer
