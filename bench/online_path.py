"""The online path without network: from request rows and what DynamoDB answers to instances.

Once with a client that answers from memory, once with botocore's own, whose request is answered where it
would be sent: that shows what writing, signing and parsing it costs.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import numpy as np
from botocore.awsrequest import AWSResponse

from bench.report import Figure
from tidegate.aws import online
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan, ViewPlan
from tidegate.feature_store.looked_up import VIEWS

CALLS = 3000
WARM_UP = 300
_MOMENT = 1_700_000_000
_SOURCE = SourcePlan(dataset="flights", event_ts="departs", known_ts="landed")


class Memory:
    """Answers BatchGetItem from a dictionary, in the shape of botocore's answers."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = {(item["entity"]["S"], item["view"]["S"]): item for item in items}

    def batch_get_item(self, *, RequestItems: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        [(table, asked)] = RequestItems.items()
        keys = [(key["entity"]["S"], key["view"]["S"]) for key in asked["Keys"]]
        return {"Responses": {table: [self._items[key] for key in keys if key in self._items]}}


class _Body:
    """What botocore reads of urllib3's response."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def _client(memory: Memory) -> Any:
    nobody = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "bench")
    client: Any = boto3.client("dynamodb", region_name="eu-west-1", **nobody)

    def answer(request: Any, **_: Any) -> AWSResponse:
        body = json.dumps(memory.batch_get_item(**json.loads(request.body))).encode()
        headers = {"content-type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 200, headers, _Body(body))

    client.meta.events.register("before-send.dynamodb.BatchGetItem", answer)
    return client


def measure() -> list[Figure]:
    """Two views of five outputs each, one row a request."""
    views = tuple(
        _view(name, key) for name, key in (("carrier_delay", "carrier"), ("origin_delay", "origin"))
    )
    plan = FeatureSetPlan(
        name="bench",
        attribute="bench",
        hash="",
        source=_SOURCE,
        label=LabelPlan(name="late", sql="1"),
        request=("departs", "carrier", "origin"),
        views=views,
        transforms=(),
        features=(),
    )
    row = {"departs": "2023-11-14T22:13:20Z", "carrier": "UA", "origin": "EWR"}
    memory = Memory([_item(view, row) for view in views])
    p50, p99 = _milliseconds(memory, plan, row)
    with_client, _ = _milliseconds(_client(memory), plan, row)
    return [
        Figure("online path without network, two views, p50", p50, "ms", 0.3),
        Figure("the same, p99", p99, "ms"),
        Figure("the same with botocore's client, p50", with_client, "ms"),
    ]


def _milliseconds(client: Any, plan: FeatureSetPlan, row: dict[str, Any]) -> tuple[float, float]:
    """p50 and p99 of a call."""
    taken = []
    for _ in range(WARM_UP + CALLS):
        began = time.perf_counter()
        [views] = online.read(client, "online", plan.views, [row], [float(_MOMENT)]).views
        instance = {**row, VIEWS: views}
        taken.append(1000 * (time.perf_counter() - began))
    if any("v" not in views[view.version] for view in plan.views):
        raise AssertionError(f"a value was not found: {instance}")
    p50, p99 = np.percentile(taken[WARM_UP:], [50, 99])
    return float(p50), float(p99)


def _view(name: str, key: str) -> ViewPlan:
    return ViewPlan(
        name=name,
        source=_SOURCE,
        keys=(key,),
        sql="",
        window_seconds=3600,
        every_seconds=3600,
        ttl_seconds=86_400,
        outputs={f"{name}_{i}": "float64" for i in range(5)},
        hash="0" * 64,
    )


def _item(view: ViewPlan, row: dict[str, Any]) -> dict[str, Any]:
    values = {name: 0.1 * i for i, name in enumerate(view.outputs)}
    time_of_it = {"N": str(_MOMENT - 60)}
    return {
        "entity": {"S": view.entity(row)},
        "view": {"S": view.version},
        "v": {"S": json.dumps(values)},
        "et": time_of_it,
        "kt": time_of_it,
        "rev": {"N": "1"},
        "exp": {"N": str(_MOMENT + 86_400)},
    }
