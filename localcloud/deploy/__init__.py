"""The deployer: a synthesized app applied to this cloud through plain AWS calls, as CloudFormation would."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import _moto_seams
from localcloud.errors import CloudError

if TYPE_CHECKING:  # imported where they are needed: coverage reads the handlers without moto
    from localcloud.deploy.deployment import Deployment

_deploying = threading.Lock()


def install() -> None:
    """Read service models once, and keep moto from applying bucket policies.

    moto obeys a policy's Deny and drops the condition that limits it.
    """
    from localcloud import service_models

    service_models.install()
    _moto_seams.replace("moto.s3.models", "FakeBucket.get_permission", _no_opinion)


def deploy_assembly(folder: Path, *, rollback: bool = False) -> "Deployment":
    """Deploy the cloud assembly in `folder`, or bring what is deployed to it.

    With `rollback` a stack whose update fails is brought back to its former template; those before it stay
    updated, as with `cdk deploy`.

    Raises:
        CloudError: the folder is not an assembly, a resource cannot be brought to its template, or another
            deployment is under way.
    """
    if not _deploying.acquire(blocking=False):
        raise CloudError("another deployment is under way", hint="try again when it has ended")
    try:
        return _deploy(folder, rollback=rollback)
    finally:
        _deploying.release()


def _deploy(folder: Path, *, rollback: bool) -> "Deployment":
    from localcloud import assembly, images
    from localcloud.deploy.assets import publish
    from localcloud.deploy.deployment import Deployment, stacks
    from localcloud.deploy.engine import StackDeployer
    from localcloud.deploy.rollback import roll_back

    begun = time.monotonic()
    found = assembly.read(folder)
    images.register(found)
    changes = []
    for stack in found.stacks:
        publish(stack)
        former = stacks()[stack.name].source if stack.name in stacks() else None
        deployer = StackDeployer(stack)
        try:
            changes += deployer.deploy()
        except CloudError as error:
            if rollback and former is not None:
                roll_back(deployer, former, error)
            raise
    deployed = tuple(stacks()[stack.name] for stack in found.stacks)
    return Deployment(deployed, tuple(changes), time.monotonic() - begun)


def _no_opinion(self: Any, action: str, resource: str) -> Any:
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL
