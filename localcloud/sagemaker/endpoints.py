"""Endpoints: fleets of variants behind weights, replaced without dropping a request.

A new fleet is started whole, takes all traffic at once, is watched as its guardrails ask, and only then the
old one ends. A variant whose model, model data and instance type have not changed keeps its processes: nobody
outside can tell. Canary, linear and rolling deployments are refused by name: a rollout is done by weights.

Source:
    SageMaker API reference, DescribeEndpoint and UpdateEndpoint.
"""

import json
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
    fleets,
    guardrails,
    production,
    s3,
    signals,
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
        _check_scaled(self, config.answer["ProductionVariants"])
        rails = guardrails.read(request.get("DeploymentConfig"))
        old = self.answer.get("ProductionVariants", [])
        variants = [production.plan(each, old, request) for each in config.answer["ProductionVariants"]]
        if self.status != "Creating":
            pending = {"EndpointConfigName": request["EndpointConfigName"], "StartTime": now()}
            pending["ProductionVariants"] = production.pending(variants)
            self.change("Updating", PendingDeploymentSummary=pending, FailureReason=None)
        self.announce()
        arguments = (config, variants, request.get("DeploymentConfig"), rails)
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
        fleets.retire(list(old.variants.values()))
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
        self,
        config: Resource,
        variants: list[dict[str, Any]],
        deployment: Mapping[str, Any] | None,
        rails: guardrails.Guardrails,
    ) -> None:
        old, fleet = self.routing, dict[str, Variant]()
        try:
            rails.check()
            fleet = fleets.start(
                self._backend, self.name, old.variants, config.answer["ProductionVariants"], variants
            )
            rules = capture.rules(config.answer.get("DataCaptureConfig"))
            self.routing = Routing(fleet, production.weights(variants), self._captures(fleet, rules))
            rails.watch()
        except (VariantError, ValidationError, guardrails.RollBackError) as error:
            self._give_up(str(error), old, fleet)
            return
        except Exception as error:
            if not cloud.current().closing.is_set():
                _logger.exception("endpoint %s could not be deployed", self.name)
                self._give_up(f"InternalServerError: {error!r}", old, fleet)
            return
        fleets.retire([variant for variant in old.variants.values() if variant not in fleet.values()])
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

    def _give_up(self, reason: str, old: Routing, fleet: Mapping[str, Variant]) -> None:
        """What served goes on serving, with all traffic; an endpoint that never did has failed."""
        reason = reason[:REASON_LIMIT]
        if old.variants:
            self.routing = old
            self.update(EndpointStatus="RollingBack", FailureReason=reason)
            self.announce()
            fleets.retire([variant for variant in fleet.values() if variant not in old.variants.values()])
            counts = {each["VariantName"]: each for each in self.answer["ProductionVariants"]}
            fleets.resize(old.variants, counts)
        status = "InService" if old.variants else "Failed"
        self.update(EndpointStatus=status, FailureReason=reason, PendingDeploymentSummary=None)
        self.announce()

    def _captures(self, fleet: Mapping[str, Variant], rules: capture.Rules | None) -> dict[str, Buffer]:
        if rules is None:
            return {}
        captures = {}
        for name, variant in fleet.items():
            key = (name, rules, variant.served.role_arn)
            captures[name] = self._buffers.setdefault(key, Buffer(self.name, *key))
        return captures

    def _apply_weights(self) -> None:
        before, old = self.answer["ProductionVariants"], self.routing
        try:
            fleets.resize(
                old.variants, {each["VariantName"]: production.reached([each])[0] for each in before}
            )
        except Exception as error:  # noqa: BLE001  whatever it is, the endpoint must leave Updating
            stays = [{**each, **production.wishes_of(each)} for each in before]
            self.update(ProductionVariants=stays, EndpointStatus="InService", FailureReason=str(error))
        else:
            variants = production.reached(before)
            self.routing = Routing(old.variants, production.weights(variants), old.captures)
            self.update(ProductionVariants=variants, EndpointStatus="InService")
        self.announce()

    def _delete(self) -> None:
        self.end()
        self._backend.endpoints.pop(self.name, None)


def _check_scaled(endpoint: Endpoint, configs: list[Mapping[str, Any]]) -> None:
    """A variant that is a scalable target can neither go nor get other instances."""
    from localcloud.autoscaling.models import backend as scaling  # which itself looks at endpoints

    types = {config["VariantName"]: config.get("InstanceType") for config in configs}
    scaled = [
        name
        for name, variant in endpoint.routing.variants.items()
        if types.get(name) != variant.instance_type and scaling().is_registered(endpoint.name, name)
    ]
    if scaled:
        raise ValidationError(
            f"The variant(s) {json.dumps(scaled)} must be deregistered as scalable targets with AWS Auto "
            "Scaling before they can be removed or have their instance type modified."
        )


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    name, arn = request["EndpointName"], backend.arn("endpoint", request["EndpointName"])
    if name in backend.endpoints:
        raise ValidationError(f'Cannot create already existing endpoint "{arn}".')
    endpoint_configs.find(backend, request["EndpointConfigName"])
    guardrails.read(request.get("DeploymentConfig"))
    backend.endpoints[name] = endpoint = Endpoint(backend, request)
    endpoint.deploy(request)
    return {"EndpointArn": arn}


def find(backend: Any, name: str) -> Endpoint:
    if found := backend.endpoints.get(name):
        return found  # type: ignore[no-any-return]
    raise ValidationError(f'Could not find endpoint "{backend.arn("endpoint", name)}".')


def update(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = find(backend, request["EndpointName"])
    endpoint.deploy(request)
    return {"EndpointArn": endpoint.arn}


def list_endpoints(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    answers = [pick(endpoint.answer, SUMMARY) for endpoint in list(backend.endpoints.values())]
    return listing(answers, request, noun="Endpoint", into="Endpoints", order="Descending")
