"""What SageMaker tells the rest of the cloud by itself: state change events and metrics."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from localcloud import cloudwatch, events


def event(
    detail_type: str,
    answer: Mapping[str, Any],
    *,
    arn: str,
    tags: Sequence[Mapping[str, str]],
    times_as_text: bool = False,
) -> None:
    """Publish a change of state: the answer of Describe, but times in epoch milliseconds and tags as a map.

    Source:
        SageMaker guide, "Automating Amazon SageMaker with Amazon EventBridge": the samples of training and
        processing jobs hold their own times as strings, all others hold numbers.
    """
    detail = {name: _plain(value) for name, value in answer.items()}
    if times_as_text:
        detail |= {name: str(detail[name]) for name, value in answer.items() if isinstance(value, datetime)}
    detail["Tags"] = {tag["Key"]: tag["Value"] for tag in tags}
    events.emit("aws.sagemaker", detail_type, detail, [arn])


def metric(
    namespace: str, name: str, dimensions: Mapping[str, str], value: float, unit: str = "None"
) -> None:
    cloudwatch.record(namespace, name, dimensions, value, unit)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
