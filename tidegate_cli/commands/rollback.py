"""`tidegate rollback`: all traffic back to the model that served before."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import ClientError

from tidegate.rollout.history import TAKEN_BACK
from tidegate.rollout.weights import returned
from tidegate_cli import model, rollouts
from tidegate_cli.executions import POLL_SECONDS, machine
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Line, Narrator
from tidegate_cli.place import Place, current
from tidegate_cli.rollouts import SPLIT, delete_state

WAIT_SECONDS = 600


@click.command("rollback")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def command(options: Options, yes: bool) -> None:
    """Return all traffic to the previous model

    During a rollout the candidate loses its traffic at once. After it the model before returns at once, as
    long as it is warm. Otherwise the package that was approved before the champion is rolled out again,
    through the same checks as any other.

    Example: tidegate rollback
    """
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    champion = model.champion(place)
    if champion is None:
        raise CommandError("nothing serves yet", hint="tidegate status")
    if options.aws is not None and not yes:
        click.confirm(f"Roll back `{place.prefix}` in {place.name}?", abort=True, err=True)
    result = (
        _warm(place, narrator)
        or _stop_rollout(place, champion, narrator)
        or _previous(place, champion, narrator)
    )
    if options.as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"version {result['version']} serves, {result['how']}")
    raise SystemExit(0 if result["ok"] else 1)


def _warm(place: Place, narrator: Narrator) -> dict[str, Any] | None:
    """Give the model before all traffic in one call; None when its variant is not there any more."""
    item = model.state(place, "champion") or {}
    before = item.get("previous")
    if not before or before["variant"] not in {share.variant for share in model.traffic(place)}:
        return None
    began = time.monotonic()
    # first the record: whoever undoes a rollout that was killed gives the traffic to whom it names
    text = {name: before[name] for name in ("model_package_arn", "model_name", "variant")}
    place.client("dynamodb").put_item(
        TableName=place.outputs["StateTable"],
        Item={
            "id": {"S": "champion"},
            "model_version": {"N": str(before["model_version"])},
            "since": {"S": datetime.now(UTC).isoformat()},
            **{name: {"S": value} for name, value in text.items()},
        },
    )
    _stop_machine(place)
    _return_to(place, before["variant"])
    version = int(before["model_version"])
    told = f"version {version} 100%"
    narrator.tell(Line("serving", "ReturnTraffic", "rolled back", time.monotonic() - began, told))
    return {"ok": True, "version": version, "how": "it was still warm"}


def _stop_rollout(place: Place, champion: model.Champion, narrator: Narrator) -> dict[str, Any] | None:
    """Take the traffic of a candidate that is being rolled out; None when there is none."""
    shares = model.traffic(place)
    if not any(share.variant != champion.variant for share in shares):
        return None
    began = time.monotonic()
    _stop_machine(place)
    _return_to(place, champion.variant)
    narrator.tell(Line("serving", "ReturnTraffic", "rolled back", time.monotonic() - began, "champion 100%"))
    return {"ok": True, "version": champion.version, "how": "the rollout was stopped"}


def _stop_machine(place: Place) -> None:
    """Its end starts the restoration, which holds its lock until the other variant is removed."""
    states = place.client("stepfunctions")
    running = states.list_executions(stateMachineArn=machine(place, "deployment"), statusFilter="RUNNING")
    for execution in running["executions"]:
        states.stop_execution(
            executionArn=execution["executionArn"], error=TAKEN_BACK, cause="tidegate rollback"
        )


def _return_to(place: Place, variant: str) -> None:
    """Give a variant all traffic, at once and whether or not the restoration does the same meanwhile.

    Raises:
        CommandError: the endpoint is being changed all the time.
    """
    began = time.monotonic()
    delete_state(place, SPLIT)  # nobody is dealt to the variant that loses its traffic
    while time.monotonic() - began < WAIT_SECONDS:
        described = model.endpoint(place)
        if described is not None and described["EndpointStatus"] == "InService":
            weights = returned(described, variant)
            if not weights:
                return
            _change(place, weights)
        time.sleep(POLL_SECONDS)
    raise CommandError(f"the endpoint was not InService within {WAIT_SECONDS} s", hint="tidegate status")


def _change(place: Place, weights: list[Any]) -> None:
    try:
        place.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=place.outputs["EndpointName"], DesiredWeightsAndCapacities=weights
        )
    except ClientError as error:  # the restoration was quicker, and the endpoint is being changed
        if error.response["Error"]["Code"] != "ValidationException":
            raise


def _previous(place: Place, champion: model.Champion, narrator: Narrator) -> dict[str, Any]:
    older = [
        package
        for package in model.packages(place)
        if package["ModelApprovalStatus"] == "Approved" and package["ModelPackageVersion"] < champion.version
    ]
    if not older:
        raise CommandError(
            f"there is no approved model before version {champion.version}",
            hint="tidegate models list",
        )
    package = older[0]
    version = package["ModelPackageVersion"]
    narrator.say(
        "serve", f"version {version} is rolled out as any candidate: by steps, and only under traffic"
    )
    started = place.client("stepfunctions").start_execution(
        stateMachineArn=machine(place, "deployment"),
        name=f"rollback-{datetime.now(UTC):%Y%m%d%H%M%S}",
        input=json.dumps({"model_package_arn": package["ModelPackageArn"]}),
    )
    ended = rollouts.followed(place, started["executionArn"], narrator)
    serving = package["ModelPackageVersion"] if ended.succeeded else champion.version
    how = "rolled out as any candidate" if ended.succeeded else f"the rollout failed: {ended.cause}"
    return {"ok": ended.succeeded, "version": serving, "how": how}
