"""A stack whose update failed, brought back to the template it had before, as CloudFormation rolls back.

What had been replaced takes its place again with all it held, unless it had to go before its replacement
could be made; what had been updated is updated back; what was new is deleted.
"""

from localcloud import assembly
from localcloud.deploy.engine import DeployError, StackDeployer
from localcloud.errors import CloudError


def roll_back(failed: StackDeployer, former: assembly.Stack, reason: CloudError) -> None:
    """Undo what `failed` did before it stopped for `reason`.

    Raises:
        DeployError: the stack cannot be brought back either; it stays as it is now.
    """
    stack = failed.stack
    if failed.unsettled is not None:  # its record must differ from the former template to be mended
        stack.resources[failed.unsettled.logical_id] = failed.unsettled
    back = StackDeployer(former)
    for old in failed.obsolete:
        new = stack.resources.get(old.logical_id)
        if new is not None and new.id != old.id:
            back.obsolete.append(new)
        stack.resources[old.logical_id] = old
    try:
        back.deploy()
    except CloudError as error:
        stack.status = "UPDATE_ROLLBACK_FAILED"
        raise DeployError(
            f"{stack.name} could be neither updated nor rolled back",
            cause=f"{reason.what}: {reason.cause}; then {error.what}: {error.cause}",
            hint="end the local cloud and start it anew",
        ) from reason
    stack.status, stack.reason = "UPDATE_ROLLBACK_COMPLETE", reason.what
