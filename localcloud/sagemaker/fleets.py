"""Fleets: the variants of one endpoint configuration, started, resized and retired together."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from localcloud import cloud
from localcloud.sagemaker import inference_models, production
from localcloud.sagemaker.variants import Variant

Fleet = dict[str, Variant]


def start(
    backend: Any,
    endpoint: str,
    old: Mapping[str, Variant],
    configs: Sequence[Mapping[str, Any]],
    plans: Sequence[Mapping[str, Any]],
) -> Fleet:
    """A fleet that is healthy whole; of `old` it takes over the variants that would be the same.

    Args:
        plans: of `production.plan`, which name the counts.

    Raises:
        VariantError, ValidationError: a variant cannot start; those that were new are retired.
    """
    counts = {plan["VariantName"]: plan for plan in plans}
    fleet, new = Fleet(), []
    for config in configs:
        model = inference_models.find(backend, config["ModelName"])
        served = inference_models.served(backend, model)
        variant = old.get(config["VariantName"])
        if variant is None or not variant.serves_still(config, model, served):
            variant = Variant(endpoint, config, model, served)
            new.append(variant)
        fleet[variant.name] = variant
    try:
        _wait_for(
            cloud.current().submit(variant.start, production.count(counts[variant.name])) for variant in new
        )
        resize({name: variant for name, variant in fleet.items() if variant not in new}, counts)
    except BaseException:
        retire(new)
        raise
    return fleet


def resize(variants: Mapping[str, Variant], counts: Mapping[str, Mapping[str, Any]]) -> None:
    """Give every variant the instances it is to have; raises VariantError when one cannot."""
    _wait_for(
        cloud.current().submit(variant.resize, production.count(counts[name]))
        for name, variant in variants.items()
    )


def retire(variants: Iterable[Variant]) -> None:
    """Drain and end them."""
    for retirement in [cloud.current().submit(variant.retire) for variant in variants]:
        retirement.result()


def _wait_for(works: Iterable[Future[Any]]) -> None:
    """Wait for all of them, then raise the first error."""
    for error in [error for work in list(works) if (error := work.exception())]:
        raise error
