"""Changes of an endpoint under load: weights, and whole fleets that are replaced. No request may be lost."""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from bench.rollouts import model
from bench.rollouts.endpoint import Endpoint
from bench.rollouts.place import LOOK_SECONDS, Place

NAME = "flights-dev-updates"
WEIGHTS = ((0.9, 0.1), (0.05, 0.95), (0.5, 0.5))
THREADS = 8
OK = 200


@dataclass(frozen=True)
class Load:
    """What became of the requests."""

    asked: int
    lost: int  # without status 200
    wrong: int  # with another answer than the model's
    weights: int  # changes meanwhile
    fleets: int


def under_load(place: Place, requests: int) -> Load:
    """Ask so many times while weights change and fleets are replaced, one after the other."""
    with _served(place) as configs, ThreadPoolExecutor(THREADS) as threads:
        asking = _Asking(Endpoint(place.url, NAME), requests)
        works = [threads.submit(asking.run) for _ in range(THREADS)]
        changes = _change(place, configs, asking)
        for work in works:
            work.result()
    return Load(requests, asking.lost, asking.wrong, *changes)


class _Asking:
    def __init__(self, endpoint: Endpoint, left: int) -> None:
        self._endpoint, self.left = endpoint, left
        self._lock = Lock()
        self.lost = self.wrong = 0

    def run(self) -> None:
        while self._take():
            hour = uuid.uuid4().int % 24
            status, _, body = self._endpoint.ask(hour, str(uuid.uuid4()))
            with self._lock:
                self.lost += status != OK
                self.wrong += status == OK and str(model.expected(hour)).encode() not in body

    def _take(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left >= 0


def _change(place: Place, configs: Sequence[str], asking: _Asking) -> tuple[int, int]:
    """Change the endpoint again and again until everybody was answered; how often each."""
    sagemaker, weights, fleets = place.client("sagemaker"), 0, 0
    while asking.left > 0:
        for pair in WEIGHTS:
            wanted = [
                {"VariantName": name, "DesiredWeight": weight}
                for name, weight in zip(("variant-a", "variant-b"), pair, strict=True)
            ]
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=NAME, DesiredWeightsAndCapacities=wanted
            )
            weights += 1
            _wait(sagemaker)
        sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=configs[(fleets + 1) % len(configs)])
        fleets += 1
        _wait(sagemaker)
    return weights, fleets


@contextmanager
def _served(place: Place) -> Iterator[list[str]]:
    """An endpoint of two variants; configurations of it whose models are others in both."""
    sagemaker = place.client("sagemaker")
    serving = sagemaker.describe_endpoint(EndpointName=place.endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=serving)
    [variant, *_] = config["ProductionVariants"]
    champion = sagemaker.describe_model(ModelName=variant["ModelName"])
    names = [f"{NAME}-{uuid.uuid4().hex[:8]}" for _ in range(4)]
    for name in names:
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=champion["ExecutionRoleArn"],
            PrimaryContainer={"Image": place.image, "ModelDataUrl": place.model_uri()},
        )
    configs = [f"{names[0]}-{number}" for number in (1, 2)]
    for name, pair in zip(configs, (names[:2], names[2:]), strict=True):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=_variants(pair))
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=configs[0])
    _wait(sagemaker)
    yield configs
    sagemaker.delete_endpoint(EndpointName=NAME)


def _variants(models: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "VariantName": name,
            "ModelName": each,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 0.5,
        }
        for name, each in zip(("variant-a", "variant-b"), models, strict=True)
    ]


def _wait(sagemaker: Any) -> None:
    while (described := sagemaker.describe_endpoint(EndpointName=NAME))["EndpointStatus"] != "InService":
        if described["EndpointStatus"] == "Failed":
            raise RuntimeError(described["FailureReason"])
        time.sleep(LOOK_SECONDS)
