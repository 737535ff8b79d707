"""What AWS's Powertools write as embedded metrics, the local cloud reads."""

import json

from aws_lambda_powertools.metrics import MetricResolution, Metrics, MetricUnit

from localcloud.cloudwatch.emf import read
from localcloud.cloudwatch.store import Metric


def test_metrics_of_powertools_arrive_with_dimensions_units_and_resolution():
    metrics = Metrics(namespace="Shop", service="api")
    metrics.add_dimension(name="Route", value="/buy")
    metrics.add_metric(
        name="Latency", unit=MetricUnit.Milliseconds, value=12, resolution=MetricResolution.High
    )
    metrics.add_metric(
        name="Latency", unit=MetricUnit.Milliseconds, value=18, resolution=MetricResolution.High
    )
    metrics.add_metric(name="Orders", unit=MetricUnit.Count, value=1)
    metrics.add_metadata(key="order_id", value="not a dimension")
    data = {d.metric.name: d for d in read(json.dumps(metrics.serialize_metric_set()), now=0.0)}
    metrics.clear_metrics()

    dimensions = {"service": "api", "Route": "/buy"}
    latency, orders = data["Latency"], data["Orders"]
    assert latency.metric == Metric.of("Shop", "Latency", dimensions)
    assert (latency.sample.count, latency.sample.total, latency.unit, latency.resolution) == (
        2,
        30,
        "Milliseconds",
        1,
    )
    assert (orders.sample.total, orders.unit, orders.resolution) == (1, "Count", 60)
    assert orders.when > 1_700_000_000  # its own time, not that of the reader
