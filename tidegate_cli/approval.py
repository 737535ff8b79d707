"""A person's word on a model version: what it will lead to, and the one call that says it.

The registry's own event starts the rollout of what is approved; nothing else does.
"""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tidegate_cli import model
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place
from tidegate_cli.registered import Registered

REASON_CHARACTERS = 1024  # SageMaker's ApprovalDescription
VALUE_CHARACTERS = 256  # of CustomerMetadataProperties


def consequence(found: Registered, champion: model.Champion | None) -> str:
    """What approving it leads to, in a sentence.

    Raises:
        CommandError: it serves, or is on its way to.
    """
    name = f"version {found.version}"
    if found.live is not None and found.live.startswith("champion"):
        raise CommandError(f"{name} serves already", cause=f"it is the {found.live} of the traffic")
    if found.live is not None:
        raise CommandError(
            f"{name} is being rolled out already",
            cause=f"it is the {found.live} of the traffic",
            hint="tidegate status; tidegate rollback takes its traffic away",
        )
    against = "the first model" if champion is None else f"a candidate against version {champion.version}"
    if found.approval == "Rejected":
        why = f": {found.reason}" if found.reason else ""
        return f"{name} was rejected{why}; approved now, it is rolled out as {against}"
    if found.approval == "Approved":
        return f"{name} was approved before and serves no more; it is rolled out again, as {against}"
    return f"{name} is rolled out as {against}"


def check_rejection(found: Registered) -> None:
    """Raise CommandError for a version that takes traffic: its approval is not what keeps it there."""
    if found.live is not None:
        raise CommandError(
            f"version {found.version} takes traffic",
            cause=f"it is the {found.live} of the traffic, and a rejection takes nothing back",
            hint="tidegate rollback, then reject it",
        )


def decide(place: Place, found: Registered, status: str, reason: str) -> dict[str, str]:
    """Tell the registry, with the reason and who gave it."""
    said = " ".join(reason.split())  # SageMaker takes one line
    if not 0 < len(said) <= REASON_CHARACTERS:
        raise CommandError(f"a reason has 1 to {REASON_CHARACTERS} characters", cause=f"it has {len(said)}")
    who = {"decided_by": _caller(place), "decided_at": datetime.now(UTC).isoformat(timespec="seconds")}
    request: dict[str, Any] = {
        "ModelPackageArn": found.arn,
        "ModelApprovalStatus": status,
        "ApprovalDescription": said,
        "CustomerMetadataProperties": who,
    }
    place.client("sagemaker").update_model_package(**request)
    return who


def _caller(place: Place) -> str:
    try:
        arn: str = place.client("sts").get_caller_identity()["Arn"]
    except (ClientError, BotoCoreError):
        return "unknown"  # a policy may deny even this; the decision is recorded all the same
    return arn[:VALUE_CHARACTERS]
