"""Endpoints: fleets of variants behind weights, replaced without dropping a request.

A new fleet is started whole, takes all traffic at once, and only then the old one ends. A variant whose model
and model data have not changed keeps its process: nobody outside can tell. An alarm that the request names
brings the old fleet back when it rings before or while the new one is watched.
Limits, each refused by name: no canary, linear or rolling deployment; a rollout is done by weights.

Source:
    SageMaker API reference, DescribeEndpoint and UpdateEndpoint.
"""

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud import cloud
from localcloud.sagemaker import (
    capture,
    endpoint_configs,
    inference_models,
    production,
    s3,
    signals,
    watch,
)
from localcloud.sagemaker.capture_buffer import Buffer
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.resources import Resource, now
from localcloud.sagemaker.variants import Variant, VariantError
from localcloud.sagemaker.weights import Weights

REASON_LIMIT = 1024
SUMMARY = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Routing:
    """Who answers now; replaced whole, so that a request sees one state of the endpoint."""

    variants: Mapping[str, Variant] = field(default_factory=dict)
    weights: Weights = field(default_factory=lambda: Weights({}))
    captures: Mapping[str, Buffer] = field(default_factory=dict)


class Endpoint(Resource):
    """One endpoint; its changes run on threads, one at a time, as its status says."""

    def __init__(self, backend: Any, request: Mapping[str, Any]) -> None:
        self.name: str = request["EndpointName"]
        self.routing = Routing()
        self._backend = backend
        self._buffers: dict[tuple[str, capture.Rules, str], Buffer] = {}
        answer = {
            "EndpointName": self.name,
            "EndpointArn": backend.arn("endpoint", self.name),
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": "Creating",
        }
        super().__init__(answer["EndpointArn"], answer, request.get("Tags"))
        self.update()

    @property
    def status(self) -> str:
        return str(self.answer["EndpointStatus"])

    def announce(self) -> None:
        """The event of a change of status, which spells it IN_SERVICE where the API says InService."""
        spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.status).upper()
        answer = {**self.answer, "EndpointStatus": spelled}
        signals.event("SageMaker Endpoint State Change", answer, arn=self.arn, tags=self.tags)

    def deploy(self, request: Mapping[str, Any]) -> None:
        """Begin to serve the request's configuration; the status says how it goes on."""
        config = endpoint_configs.find(self._backend, request["EndpointConfigName"])
        old = self.answer.get("ProductionVariants", [])
        variants = [production.plan(each, old, request) for each in config.answer["ProductionVariants"]]
        if self.status != "Creating":
            pending = {"EndpointConfigName": request["EndpointConfigName"], "StartTime": now()}
            pending["ProductionVariants"] = production.pending(variants)
            self.change("Updating", PendingDeploymentSummary=pending, FailureReason=None)
        self.announce()
        arguments = (config, variants, request.get("DeploymentConfig"))
        threading.Thread(target=self._deploy, args=arguments, name=self.name, daemon=True).start()

    def set_weights(self, wanted: list[Mapping[str, Any]]) -> None:
        """Give variants new weights or counts; what is left out stays."""
        variants = production.desired(self.answer["ProductionVariants"], wanted)
        self.change("Updating", ProductionVariants=variants, FailureReason=None)
        self.announce()
        cloud.current().submit(self._apply_weights)

    def change(self, status: str, **more: Any) -> None:
        """Enter a status from which the endpoint leaves by itself; refused while it is in another."""
        with self._lock:
            if self.status != "InService":
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            self.update(EndpointStatus=status, **more)

    def delete(self) -> None:
        with self._lock:
            if self.status not in {"InService", "Failed", "OutOfService"}:
                raise ValidationError(f'Cannot update in-progress endpoint "{self.arn}".')
            self.update(EndpointStatus="Deleting")
        self.announce()
        threading.Thread(target=self._delete, name=self.name, daemon=True).start()

    def end(self) -> None:
        """Stop serving, and write what was captured."""
        old, self.routing = self.routing, Routing()
        _retire(list(old.variants.values()))
        self.flush()

    def flush(self) -> None:
        """Write what was captured; a refusal goes to the endpoint's log, as there is nobody to tell."""
        for (name, *_), buffer in list(self._buffers.items()):
            try:
                buffer.flush()
            except s3.DataError as error:
                if variant := self.routing.variants.get(name):
                    variant.say([f"Data capture was lost: {error}"])
                _logger.warning("data capture of %s was lost: %s", self.name, error)

    @property
    def is_flushed(self) -> bool:
        return all(buffer.is_empty for buffer in list(self._buffers.values()))

    def _deploy(
        self, config: Resource, variants: list[dict[str, Any]], deployment: Mapping[str, Any] | None
    ) -> None:
        old = self.routing
        if ringing := watch.ringing(deployment):
            self._give_up(ringing)
            return
        try:
            fleet = self._start_fleet(config.answer["ProductionVariants"])
        except (VariantError, ValidationError) as error:
            self._give_up(str(error))
            return
        except Exception as error:
            if not cloud.current().closing.is_set():
                _logger.exception("endpoint %s could not be deployed", self.name)
                self._give_up(f"InternalServerError: {error!r}")
            return
        rules = capture.rules(config.answer.get("DataCaptureConfig"))
        self.routing = Routing(fleet, production.weights(variants), self._captures(fleet, rules))
        if ringing := watch.until_quiet(deployment):
            self.routing = old
            _retire([variant for variant in fleet.values() if variant not in old.variants.values()])
            self._give_up(ringing)
            return
        _retire([variant for variant in old.variants.values() if variant not in fleet.values()])
        self.flush()
        self.update(
            EndpointConfigName=config.answer["EndpointConfigName"],
            ProductionVariants=[
                production.with_image(each, fleet[each["VariantName"]].served.image) for each in variants
            ],
            DataCaptureConfig=production.capture_summary(config.answer.get("DataCaptureConfig")),
            LastDeploymentConfig=deployment,
            PendingDeploymentSummary=None,
            EndpointStatus="InService",
        )
        self.announce()

    def _give_up(self, reason: str) -> None:
        """What serves goes on serving; an endpoint that never did has failed."""
        status = "InService" if self.routing.variants else "Failed"
        self.update(EndpointStatus=status, FailureReason=reason[:REASON_LIMIT], PendingDeploymentSummary=None)
        self.announce()

    def _start_fleet(self, configs: list[Mapping[str, Any]]) -> dict[str, Variant]:
        fleet, new = {}, []
        for config in configs:
            model = inference_models.find(self._backend, config["ModelName"])
            served = inference_models.served(self._backend, model)
            variant = self.routing.variants.get(config["VariantName"])
            if variant is None or not variant.serves_still(model, served):
                variant = Variant(self.name, config, model, served)
                new.append(variant)
            fleet[variant.name] = variant
        starts = [cloud.current().submit(variant.start) for variant in new]
        errors = [error for start in starts if (error := start.exception())]
        if errors:
            _retire(new)
            raise errors[0]
        return fleet

    def _captures(self, fleet: Mapping[str, Variant], rules: capture.Rules | None) -> dict[str, Buffer]:
        if rules is None:
            return {}
        captures = {}
        for name, variant in fleet.items():
            key = (name, rules, variant.served.role_arn)
            captures[name] = self._buffers.setdefault(key, Buffer(self.name, *key))
        return captures

    def _apply_weights(self) -> None:
        variants = production.reached(self.answer["ProductionVariants"])
        old = self.routing
        self.routing = Routing(old.variants, production.weights(variants), old.captures)
        self.update(ProductionVariants=variants, EndpointStatus="InService")
        self.announce()

    def _delete(self) -> None:
        self.end()
        self._backend.endpoints.pop(self.name, None)


def _retire(variants: list[Variant]) -> None:
    for retirement in [cloud.current().submit(variant.retire) for variant in variants]:
        retirement.result()


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    _check(request)
    name, arn = request["EndpointName"], backend.arn("endpoint", request["EndpointName"])
    if name in backend.endpoints:
        raise ValidationError(f'Cannot create already existing endpoint "{arn}".')
    endpoint_configs.find(backend, request["EndpointConfigName"])
    backend.endpoints[name] = endpoint = Endpoint(backend, request)
    endpoint.deploy(request)
    return {"EndpointArn": arn}


def find(backend: Any, name: str) -> Endpoint:
    if found := backend.endpoints.get(name):
        return found  # type: ignore[no-any-return]
    raise ValidationError(f'Could not find endpoint "{backend.arn("endpoint", name)}".')


def update(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    _check(request)
    endpoint = find(backend, request["EndpointName"])
    endpoint.deploy(request)
    return {"EndpointArn": endpoint.arn}


def list_endpoints(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    answers = [pick(endpoint.answer, SUMMARY) for endpoint in list(backend.endpoints.values())]
    return listing(answers, request, noun="Endpoint", into="Endpoints", order="Descending")


def _check(request: Mapping[str, Any]) -> None:
    deployment = request.get("DeploymentConfig", {})
    routing = deployment.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    if "RollingUpdatePolicy" in deployment or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise ValidationError(
            "The local cloud moves traffic all at once: it has no canary, linear or rolling deployment. "
            "Use UpdateEndpointWeightsAndCapacities."
        )
