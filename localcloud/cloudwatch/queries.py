"""The queries of GetMetricData and of metric math alarms: each id's value, found through the others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError

from localcloud.cloudwatch import math_values, metric_math
from localcloud.cloudwatch.math_values import Value
from localcloud.cloudwatch.metric_math import ExpressionError, Node
from localcloud.cloudwatch.statistics import statistic
from localcloud.cloudwatch.store import MINUTE, Metric, MetricStore
from localcloud.cloudwatch.time_series import TimeSeries

SHORT_PERIODS = (1, 5, 10, 20, 30)
Query = Mapping[str, Any]  # MetricDataQuery, as in the API
# of a series and what it is an expression of: upper and lower end, so many deviations from what is usual
Band = Callable[[Node, TimeSeries, float], list[TimeSeries]]


def check(queries: Sequence[Query]) -> None:
    """Refuse queries that could not be answered: two of a name, unknown ids, loops, bad expressions.

    Raises:
        ValidationError, InvalidParameterValue: naming the query.
    """
    by_id = {query["Id"]: query for query in queries}
    if len(by_id) != len(queries):
        raise ValidationError("The values for parameter Id in MetricDataQueries are not unique.")
    for number, query in enumerate(queries, 1):
        if ("MetricStat" in query) == ("Expression" in query):
            # AWS ends the sentence with a line break
            raise ValidationError(
                f"The parameter MetricDataQueries.member.{number}.MetricStat is required.\n"
            )
        if metric_stat := query.get("MetricStat"):
            check_period(metric_stat["Period"])
            check_statistic(metric_stat["Stat"])
        else:
            _check_references(query["Id"], by_id, ())


def check_period(period: int) -> None:
    if period not in SHORT_PERIODS and (period < MINUTE or period % MINUTE):
        raise InvalidParameterValue(f"The parameter Period must be a multiple of 60, got {period}.")


def check_statistic(name: str) -> None:
    try:
        statistic(name)
    except ValueError as cause:
        raise InvalidParameterValue(f"The value {name} for parameter Stat is not supported.") from cause


def _check_references(identity: str, by_id: Mapping[str, Query], above: tuple[str, ...]) -> None:
    if identity in above:
        raise ValidationError(f"Circular reference in expression '{by_id[identity]['Expression']}'")
    for name in metric_math.references(_parse(by_id[identity])):
        if name not in by_id:
            raise ValidationError(
                f"Error in expression '{by_id[identity]['Expression']}': {name} is not defined"
            )
        if "Expression" in by_id[name]:
            _check_references(name, by_id, (*above, identity))


def _parse(query: Query) -> Node:
    try:
        return metric_math.parse(query["Expression"])
    except ExpressionError as cause:
        raise ValidationError(str(cause)) from cause


def is_band(query: Query) -> bool:
    return "Expression" in query and metric_math.band(_parse(query)) is not None


def resolve(
    queries: Sequence[Query], read: Callable[[Query], TimeSeries], band: Band | None = None
) -> dict[str, Value]:
    """The value of every query, by id; `read` fetches the series of one that has a MetricStat.

    Args:
        band: the band of an expression that asks for one; without it nobody may ask.

    Raises:
        ValidationError: an expression does not work out.
    """
    values: dict[str, Value] = {query["Id"]: read(query) for query in queries if "MetricStat" in query}
    metrics = [value for value in values.values() if isinstance(value, TimeSeries)]
    expressions = {query["Id"]: _parse(query) for query in queries if "Expression" in query}
    by_id = {query["Id"]: query for query in queries}

    def value_of(identity: str) -> Value:
        if identity not in values:
            node = expressions[identity]
            for name in metric_math.references(node):
                value_of(name)
            try:
                values[identity] = _value(node, values, metrics, band)
            except ExpressionError as cause:
                text = by_id[identity]["Expression"]
                raise ValidationError(f"Error in expression '{text}': {cause}") from cause
        return values[identity]

    return {query["Id"]: value_of(query["Id"]) for query in queries}


def _value(
    node: Node, values: Mapping[str, Value], metrics: Sequence[TimeSeries], band: Band | None
) -> Value:
    wanted = metric_math.band(node)
    if wanted is None or band is None:
        return math_values.evaluate(node, values, metrics)
    target, deviations = wanted
    series = math_values.evaluate(target, values, metrics)
    if not isinstance(series, TimeSeries):
        raise ExpressionError("a band is of one time series")
    return band(target, series, deviations)


def read_series(
    store: MetricStore, metric_stat: Mapping[str, Any], *, start: int, end: int
) -> tuple[TimeSeries, list[str]]:
    """One metric's statistic on the grid from `start`, and the units it was published in.

    Without a Unit in the query the series is of the first unit by name: CloudWatch does not say which it
    takes, only that it takes one and warns.
    """
    metric = Metric.from_request(metric_stat["Metric"])
    units = [metric_stat["Unit"]] if metric_stat.get("Unit") else store.units(metric)
    compute, period = statistic(metric_stat["Stat"]), metric_stat["Period"]
    found = store.read(metric, units[0], start=start, end=end, period=period) if units else {}
    points = {when: value for when, d in found.items() if (value := compute(d)) is not None}
    return TimeSeries(points, start, end, period), units
