"""What CloudWatch counted for each variant of the endpoint."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.messages import VariantCounts

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

NAMESPACE = "AWS/SageMaker"
PERIOD_SECONDS = 60  # SageMaker's resolution
# a failing model and a failing container count once, under the larger of the two
_ERRORS = ("Invocation5XXErrors", "InvocationModelErrors")


def counts(
    cloudwatch: "CloudWatchClient", endpoint: str, variants: tuple[str, ...], since: datetime, until: datetime
) -> tuple[VariantCounts, ...]:
    """Requests and failures of each variant in the minutes that [since, until] touches."""
    queries: list[Any] = [
        {
            "Id": f"q{i}_{j}",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": metric,
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": endpoint},
                        {"Name": "VariantName", "Value": variant},
                    ],
                },
                "Period": PERIOD_SECONDS,
                "Stat": "Sum",
            },
        }
        for i, variant in enumerate(variants)
        for j, metric in enumerate(("Invocations", *_ERRORS))
    ]
    start = datetime.fromtimestamp(since.timestamp() // PERIOD_SECONDS * PERIOD_SECONDS, since.tzinfo)
    sums: dict[str, int] = {}
    for page in cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=until
    ):
        for result in page["MetricDataResults"]:
            sums[result["Id"]] = sums.get(result["Id"], 0) + round(sum(result["Values"]))
    return tuple(
        VariantCounts(
            variant=variant,
            requests=sums.get(f"q{i}_0", 0),
            errors=max(sums.get(f"q{i}_1", 0), sums.get(f"q{i}_2", 0)),
        )
        for i, variant in enumerate(variants)
    )


def ringing(cloudwatch: "CloudWatchClient", prefix: str) -> tuple[str, ...]:
    """Names of alarms that begin with `prefix` and are in ALARM."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, StateValue="ALARM")
    return tuple(alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"])
