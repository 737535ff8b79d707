"""The rollout that an approval starts, found by its package and followed to its end."""

from datetime import datetime

from tidegate_cli.executions import Ended, follow, wait_for_start
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place

MACHINE_SECONDS = 2_592_000  # of the machine itself: bakes, A/B tests, a person, the warm champion


def started(place: Place, package_arn: str, moment: datetime, narrator: Narrator) -> str:
    """The ARN of the execution.

    Raises:
        CommandError: the registry's event started none.
    """
    return wait_for_start(
        place, "deployment", narrator, moment=moment, wanted=lambda text: package_arn in text
    )


def followed(place: Place, execution_arn: str, narrator: Narrator) -> Ended:
    narrator.say("serve", "the rollout waits for requests at each step, once there is a champion")
    return follow(place, "deployment", execution_arn, narrator, seconds=MACHINE_SECONDS)


def cause(ended: Ended) -> str:
    """Why it failed, in a line."""
    first = (ended.cause.strip().splitlines() or [""])[0]
    return f"{ended.error}: {first}"[:500]
