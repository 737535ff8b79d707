"""Endpoint configurations: which models an endpoint serves, with which weights, and what it captures.

Limits, each refused by name: no asynchronous inference, explainers, shadow variants, inference components or
model variants without a model. A serverless variant is served by a process like any other.
"""

from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud.sagemaker import inference_models
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.resources import Resource, without_tags

MISSING = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    arn = backend.arn("endpoint-config", name)
    if name in backend.endpoint_configs:
        raise ValidationError(f'Cannot create already existing endpoint configuration "{arn}".')
    for member in MISSING:
        if request.get(member):
            raise ValidationError(f"The local cloud does not have {member} of endpoint configurations.")
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise ValidationError(
                "The local cloud does not have inference components: ModelName is required."
            )
        inference_models.served(backend, inference_models.find(backend, variant["ModelName"]))
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]]
    answer = {**without_tags(request), "EndpointConfigArn": arn, "ProductionVariants": variants}
    backend.endpoint_configs[name] = Resource(arn, answer, request.get("Tags"))
    return {"EndpointConfigArn": arn}


def find(backend: Any, name: str) -> Resource:
    if found := backend.endpoint_configs.get(name):
        return found  # type: ignore[no-any-return]
    arn = backend.arn("endpoint-config", name)
    raise ValidationError(f'Could not find endpoint configuration "{arn}".')


def delete(backend: Any, name: str) -> None:
    find(backend, name)
    del backend.endpoint_configs[name]


def list_configs(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    names = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    answers = [pick(config.answer, names) for config in list(backend.endpoint_configs.values())]
    return listing(answers, request, noun="EndpointConfig", into="EndpointConfigs", order="Descending")
