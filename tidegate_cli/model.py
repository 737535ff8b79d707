"""What serves: the champion, its endpoint and its traffic, read from the state table and SageMaker."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from tidegate_cli.place import Place

_DESERIALIZE = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Champion:
    version: int
    variant: str
    model_package_arn: str
    since: str


@dataclass(frozen=True)
class Traffic:
    """One variant and its share of the requests."""

    variant: str
    model: str
    share: float


def champion(place: Place) -> Champion | None:
    item = state(place, "champion")
    if item is None:
        return None
    return Champion(int(item["model_version"]), item["variant"], item["model_package_arn"], item["since"])


def state(place: Place, name: str) -> dict[str, Any] | None:
    """One item of the state table as plain values, or None."""
    answer = place.client("dynamodb").get_item(
        TableName=place.outputs["StateTable"], Key={"id": {"S": name}}, ConsistentRead=True
    )
    item = answer.get("Item")
    return None if item is None else {key: _DESERIALIZE(value) for key, value in item.items()}


def endpoint(place: Place) -> dict[str, Any] | None:
    """DescribeEndpoint's answer, or None before the first model."""
    try:
        answer: dict[str, Any] = place.client("sagemaker").describe_endpoint(
            EndpointName=place.outputs["EndpointName"]
        )
    except ClientError:  # SageMaker has no error of its own for "not found"
        return None
    return answer


def traffic(place: Place) -> list[Traffic]:
    described = endpoint(place)
    if described is None:
        return []
    variants = described.get("ProductionVariants", [])
    config = place.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=described["EndpointConfigName"]
    )
    models = {v["VariantName"]: v["ModelName"] for v in config["ProductionVariants"]}
    total = sum(v.get("CurrentWeight", 0.0) for v in variants) or 1.0
    return [
        Traffic(v["VariantName"], models.get(v["VariantName"], ""), v.get("CurrentWeight", 0.0) / total)
        for v in variants
    ]


def packages(place: Place) -> list[dict[str, Any]]:
    """Model packages of the pipeline, newest first."""
    pages = place.client("sagemaker").get_paginator("list_model_packages")
    found = pages.paginate(
        ModelPackageGroupName=place.outputs["ModelPackageGroup"],
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    return [summary for page in found for summary in page["ModelPackageSummaryList"]]


def alarms(place: Place) -> list[dict[str, Any]]:
    """The pipeline's alarms, composites too: name, state, reason, and where the runbook is."""
    pages = (
        place.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{place.prefix}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    return [
        {
            "name": a["AlarmName"],
            "state": a["StateValue"],
            "reason": a.get("StateReason", ""),
            "runbook": a.get("AlarmDescription", "").partition("Runbook: ")[2],
        }
        for page in pages
        for a in page["MetricAlarms"] + page.get("CompositeAlarms", [])
    ]


def measured(place: Place) -> dict[str, Any] | None:
    """The last measured window of captured traffic."""
    item = state(place, "window")
    return None if item is None else {"end": item["end"], "run": item["run"], **json.loads(item["summary"])}


def quality(place: Place) -> dict[str, Any] | None:
    """How good the champion's predictions were, as the last window's look found them."""
    item = state(place, "quality")
    return None if item is None else json.loads(item["summary"])


def operations(place: Place) -> dict[str, Any] | None:
    """How the endpoint did, and how old what it serves is, as the last look found it."""
    item = state(place, "operations")
    return None if item is None else json.loads(item["summary"])


def summary(place: Place) -> dict[str, Any]:
    """Everything about the live model as JSON."""
    found = champion(place)
    described = endpoint(place)
    return {
        "champion": None if found is None else asdict(found),
        "endpoint": None if described is None else described["EndpointStatus"],
        "traffic": [asdict(share) for share in traffic(place)],
        "monitoring": measured(place),
        "quality": quality(place),
        "operations": operations(place),
    }
