"""`tidegate runs`: the records of training runs on their way to MLflow."""

import json

import click

from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current


@click.group("runs")
def command() -> None:
    """Write the training runs that wait to MLflow; `tidegate ui` shows them

    Example: tidegate runs replay
    """


@command.command("replay")
@click.pass_obj
def replay(options: Options) -> None:
    """Write what MLflow could not take when it was down

    Each training run does this too when it ends. Exit code 1 when something still waits.

    Example: tidegate runs replay
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    function = place.outputs.get("RecordRunFunction")
    if function is None:
        raise CommandError(
            f"`{place.prefix}` records no runs", cause="pipeline.toml: tracking.enabled is false"
        )
    answer = place.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    told = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CommandError("the runs could not be recorded", cause=told.get("errorMessage", ""))
    waiting: dict[str, str] = told["waiting"]
    if options.as_json:
        click.echo(json.dumps({"ok": not waiting, "written": told["written"], "waiting": waiting}))
    else:
        for run in told["written"]:
            click.echo(f"{run}  written")
        for run, reason in waiting.items():
            click.echo(f"{run}  waits  {reason.splitlines()[-1].strip()}")
        if not told["written"] and not waiting:
            click.echo("nothing waits")
    raise SystemExit(1 if waiting else 0)
