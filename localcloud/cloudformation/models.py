"""The backend that moto's server asks for CloudFormation; the stacks themselves are the deployer's."""

from moto.core.base_backend import BackendDict, BaseBackend

from localcloud.deploy import deployment
from localcloud.deploy.deployment import DeployedStack


class LocalCloudFormation(BaseBackend):
    """The deployed stacks, by name or by id."""

    def stacks(self) -> list[DeployedStack]:
        """The newest first, as AWS lists them."""
        return sorted(deployment.stacks().values(), key=lambda stack: stack.created, reverse=True)

    def find(self, name_or_id: str) -> DeployedStack | None:
        found = [stack for stack in self.stacks() if name_or_id in {stack.name, stack.id}]
        return found[0] if found else None


cloudformation_backends = BackendDict(LocalCloudFormation, "cloudformation")
