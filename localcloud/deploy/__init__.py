"""The deployer: a synthesized app applied to this cloud through plain AWS calls, as CloudFormation would."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import _moto_seams

if TYPE_CHECKING:  # imported where they are needed: coverage reads the handlers without moto
    from localcloud.deploy.deployment import Deployment


def install() -> None:
    """Read service models once, and keep moto from applying bucket policies.

    moto obeys a policy's Deny and drops the condition that limits it.
    """
    from localcloud import service_models

    service_models.install()
    _moto_seams.replace("moto.s3.models", "FakeBucket.get_permission", _no_opinion)


def deploy_assembly(folder: Path) -> "Deployment":
    """Deploy the cloud assembly in `folder`, or bring what is deployed to it.

    Raises:
        CloudError: the folder is not an assembly, or a resource cannot be brought to its template.
    """
    from localcloud import assembly, images
    from localcloud.deploy.assets import publish
    from localcloud.deploy.deployment import Deployment
    from localcloud.deploy.engine import StackDeployer

    begun = time.monotonic()
    found = assembly.read(folder)
    images.register(found)
    deployers, changes = [], []
    for stack in found.stacks:
        publish(stack)
        deployers.append(StackDeployer(stack))
        changes += deployers[-1].deploy()
    stacks = tuple(deployer.stack for deployer in deployers)
    return Deployment(stacks, tuple(changes), time.monotonic() - begun)


def _no_opinion(self: Any, action: str, resource: str) -> Any:
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL
