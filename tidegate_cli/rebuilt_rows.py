"""Rows that a model was trained on, made again from the state of the dataset that its tag keeps.

The deployed BuildTrainingSet does it, with the features and settings of today, and keeps what it made only if
it is the same to the byte.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

CONSTRUCT = "TrainingBuildTrainingSet"
WAIT_SECONDS = 905  # the function has 900


def rebuild(place: Place, metadata: Mapping[str, str]) -> None:
    """Make the rows of a registered model again.

    Args:
        metadata: of its package.

    Raises:
        CommandError: they cannot be made, or are not the same.
    """
    what = "the rows it was trained on are gone"
    run, tag, wanted = (metadata.get(name, "") for name in ("run", "train_tag", "train_sha256"))
    payload = {"run": run, "rebuild": {"tag": tag, "train_sha256": wanted}}
    # once: a second call while the first is still at it would cost as much again
    config = Config(read_timeout=WAIT_SECONDS, retries={"total_max_attempts": 1})
    client = place.session.client("lambda", endpoint_url=place.url, config=config)
    try:
        answer = client.invoke(FunctionName=_function(place), Payload=json.dumps(payload).encode())
    except ClientError as cause:
        raise CommandError(what, cause=f"and cannot be made again: {cause}") from cause
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        first = str(told.get("errorMessage", "")).strip().partition("\n")[0]
        raise CommandError(what, cause=f"and cannot be made again: {first}")
    if told["train_sha256"] != wanted:
        raise CommandError(
            what,
            cause=f"made again of `{tag}` they are others: {told['train_sha256'][:16]}, not {wanted[:16]}",
            hint="features and training settings must be those of the run: deploy them, then replay",
        )


def _function(place: Place) -> str:
    pages = place.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=f"{place.prefix}-Pipeline"):
        for resource in page["StackResourceSummaries"]:
            of_step = resource["LogicalResourceId"].startswith(CONSTRUCT)
            if of_step and resource["ResourceType"] == "AWS::Lambda::Function":
                return str(resource["PhysicalResourceId"])
    raise CommandError("the deployed pipeline has no function that builds training sets")
