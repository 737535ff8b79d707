"""ANOMALY_DETECTION_BAND(series, deviations): the upper and the lower end of what is usual, as two series.

A model is trained on what the metrics under the expression were until the last quarter of a day, and kept
until the next: minutes of two weeks are not read again at every datapoint.
"""

from collections.abc import Sequence

from localcloud.cloudwatch import math_values, queries, usual
from localcloud.cloudwatch.metric_math import Node
from localcloud.cloudwatch.store import MetricStore
from localcloud.cloudwatch.time_series import TimeSeries

TRAINED_EVERY_SECONDS = 6 * 3600


def of_store(store: MetricStore, asked_for: Sequence[queries.Query]) -> queries.Band:
    """How `queries.resolve` finds the bands among `asked_for`."""

    def band(target: Node, series: TimeSeries, deviations: float) -> list[TimeSeries]:
        model = _model(store, asked_for, target, series)
        upper, lower = model.band(series.grid(), deviations) if model else ({}, {})
        return [series.with_points(upper), series.with_points(lower)]

    return band


def _model(
    store: MetricStore, asked_for: Sequence[queries.Query], target: Node, series: TimeSeries
) -> usual.Model | None:
    until = series.start // TRAINED_EVERY_SECONDS * TRAINED_EVERY_SECONDS
    metrics = [query for query in asked_for if "MetricStat" in query]
    key = (repr(target), repr(metrics))
    trained_until, model = store.trained.get(key, (None, None))
    if trained_until != until:
        model = _train(store, metrics, asked_for, target, until)
        store.trained[key] = (until, model)
    return model


def _train(
    store: MetricStore,
    metrics: Sequence[queries.Query],
    asked_for: Sequence[queries.Query],
    target: Node,
    until: int,
) -> usual.Model | None:
    oldest = until - usual.LONGEST_SECONDS
    past: dict[str, TimeSeries] = {}
    for query in metrics:
        stat = query["MetricStat"]
        past[query["Id"]], _ = queries.read_series(store, stat, start=oldest, end=until)
    moments = [min(series.points) for series in past.values() if series.points]
    if not moments:
        return None
    # nothing was counted before the first datapoint: FILL must not make zeros of that time
    first = min(moments)
    past = {
        id_: TimeSeries(series.points, first, until, series.period).with_points(series.points)
        for id_, series in past.items()
    }
    plain = [query for query in asked_for if not queries.is_band(query)]
    values = queries.resolve(plain, lambda query: past[query["Id"]])
    series = math_values.evaluate(target, values, list(past.values()))
    return usual.train(series) if isinstance(series, TimeSeries) else None
