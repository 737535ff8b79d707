"""`tidegate train`: a training run because a person says so, followed to its end, rollout included."""

import json
from datetime import UTC, datetime
from typing import Any

import click

from tidegate_cli import rollouts
from tidegate_cli.commands.drop import CLOCK_SKEW
from tidegate_cli.executions import follow, machine
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current


@click.command("train")
@click.option("--reason", default="asked for by command", show_default=True, help="Kept with the run")
@click.option("--again", is_flag=True, help="Tune and train even if an earlier run had the same inputs")
@click.option("--follow/--no-follow", "watch", default=True, help="Print each state as it ends")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def command(options: Options, reason: str, again: bool, watch: bool, yes: bool) -> None:
    """Train a model now on the newest data and follow it through its rollout

    A candidate that passes the gate is rolled out by steps, each of which waits for requests. Exit code 0
    when it serves (or waits for a person's approval), 1 when the champion stays. What an earlier run had the
    same inputs for is neither tuned nor trained twice, unless --again says so.

    Example: tidegate train --reason "a new feature"
    """
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    if options.aws is not None and not yes:
        click.confirm(f"Train a model in {place.name}?", abort=True, err=True)
    moment = datetime.now(UTC) - CLOCK_SKEW
    arn = _start(place, reason, again=again)
    narrator.say("train", arn.rpartition(":")[2])
    told = _followed(place, arn, moment, narrator) if watch else {"ok": True, "verdict": "started"}
    told["execution_arn"] = arn
    if options.as_json:
        click.echo(json.dumps(told))
    else:
        version = f"  version {told['version']}" if told.get("version") else ""
        click.echo(f"{told['verdict']}{version}  {told.get('reason', '')}".rstrip())
    raise SystemExit(0 if told["ok"] else 1)


def _start(place: Place, reason: str, *, again: bool) -> str:
    trigger = {"trigger": "command", "cause": reason} | ({"again": True} if again else {})
    started = place.client("stepfunctions").start_execution(
        stateMachineArn=machine(place, "training"),
        name=f"command-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
        input=json.dumps(trigger),
    )
    return str(started["executionArn"])


def _followed(place: Place, arn: str, moment: datetime, narrator: Narrator) -> dict[str, Any]:
    """How it ended: promoted, rolled back, rejected, pending, skipped or failed, and why."""
    trained = follow(place, "training", arn, narrator)
    if not trained.succeeded:
        narrator.say("try", "tidegate logs training --errors")
        return {"ok": False, "verdict": "failed", "reason": rollouts.cause(trained)}
    outcome = trained.output["outcome"]
    reason = "; ".join(trained.output.get("reasons") or [trained.output.get("reason", "")])
    if outcome != "registered":
        return {"ok": False, "verdict": outcome, "reason": reason}
    package = trained.output["package_arn"]
    version = int(package.rpartition("/")[2])
    told = {"version": version, "reason": reason}
    approval = place.client("sagemaker").describe_model_package(ModelPackageName=package)
    if approval["ModelApprovalStatus"] != "Approved":
        return {"ok": True, "verdict": "waits for approval", **told}
    deployed = rollouts.followed(place, rollouts.started(place, package, moment, narrator), narrator)
    if deployed.succeeded:
        return {"ok": True, "verdict": "promoted", **told}
    return {"ok": False, "verdict": "rolled back", **told, "reason": rollouts.cause(deployed)}
