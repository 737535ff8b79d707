"""CloudFormation's read API over what the deployer has deployed; stacks are made from assemblies only."""

from typing import Any

from localcloud import _moto_seams, deploy


def install() -> None:
    """Answer for CloudFormation in the place of moto, whose own module would cost seconds to import."""
    deploy.install()
    stock = _moto_seams.replace("moto.backends", "_import_backend", _import_backend)
    if stock is not _import_backend:
        _stock.append(stock)


_stock: list[Any] = []


def _import_backend(module_name: str, backends_name: str) -> Any:
    if module_name == "cloudformation":
        from localcloud.cloudformation.models import cloudformation_backends

        return cloudformation_backends
    return _stock[-1](module_name, backends_name)
