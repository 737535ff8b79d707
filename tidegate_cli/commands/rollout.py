"""`tidegate rollout`: rollouts listed and shown; the one that runs held, approved, taken back."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tidegate.report import rollout_page
from tidegate.rollout.history import Rollout
from tidegate_cli import page_file, rollout_rows, rollout_words, rollouts
from tidegate_cli.commands import rollback
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Group, Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current


@click.group("rollout", cls=Group)
def command() -> None:
    """List and show the rollouts of candidates; hold, approve or take back the one that runs

    Example: tidegate rollout list
    """


@command.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Of the newest")
@click.pass_obj
def list_(options: Options, limit: int) -> None:
    """List rollouts, newest first: when, which version, how far it got, what came of it and why

    After the arrow stands what led to it: the cause of its training run, or who approved it.

    Example: tidegate rollout list
    """
    found = rollout_rows.listed(_place(options), limit)
    if options.as_json:
        click.echo(json.dumps({"ok": True, "rollouts": [each.to_json() for each in found]}))
        return
    for each in found:
        click.echo(rollout_rows.line(each, found))
    if not found:
        click.echo("there was no rollout yet: tidegate train")


@command.command("show")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--html", is_flag=True, help="Open the rollout's page in a browser")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Save the page there")
@click.pass_obj
def show(options: Options, id_: str | None, html: bool, output: Path | None) -> None:
    """Show the evidence so far, and how much more is needed

    ID is a model version, or one of `list`, cut to what tells it from others. Without it, it is the rollout
    that runs, or the last one.

    Example: tidegate rollout show --html
    """
    place = current(options)
    found = _last(place) if id_ is None else rollouts.named(place, id_)
    saved = _page(found, output) if html or output else None
    if saved is not None and html and not options.as_json:
        page_file.show(saved)
    if options.as_json:
        click.echo(json.dumps({**found.to_json(), "report": str(saved) if saved else None}))
    else:
        click.echo("\n".join([*rollout_words.told(found), *([f"report        {saved}"] if saved else [])]))
    raise SystemExit(1 if found.status in ("FAILED", "TIMED_OUT", "ABORTED") else 0)


@command.command("promote")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def promote(options: Options, yes: bool) -> None:
    """Let a candidate that waits for a person have all the traffic

    Example: tidegate rollout promote
    """
    place = current(options)
    found = _running(place)
    if not found.awaits_approval:
        raise CommandError(
            f"version {found.version} does not wait for a person",
            cause=f"it is in state {found.state}" + (f": {found.reason}" if found.reason else ""),
            hint="`tidegate rollout show` tells what it waits for",
        )
    if options.aws is not None and not yes:
        click.confirm(f"Let version {found.version} have all the traffic?", abort=True, err=True)
    rollouts.approve(place, found, by=getpass.getuser())
    _say(options, {"ok": True, "version": found.version}, f"version {found.version} was approved")


@command.command("hold")
@click.argument("reason")
@click.pass_obj
def hold(options: Options, reason: str) -> None:
    """Keep the candidate at its share until you resume; evidence against it still rolls it back

    Example: tidegate rollout hold "the sale ends on Monday"
    """
    place = current(options)
    found = _running(place)
    item = {"id": rollouts.HOLD, "reason": reason, "by": getpass.getuser()}
    rollouts.put_state(place, item | {"since": datetime.now(UTC).isoformat()})
    _say(options, {"ok": True, "version": found.version}, f"version {found.version} is held: {reason}")


@command.command("resume")
@click.pass_obj
def resume(options: Options) -> None:
    """Let a rollout that was held go on

    Example: tidegate rollout resume
    """
    place = current(options)
    was_held = rollouts.delete_state(place, rollouts.HOLD)
    if not was_held:
        raise CommandError("no rollout is held", hint="tidegate rollout show")
    _say(options, {"ok": True}, "the rollout goes on after its next bake")


command.add_command(rollback.command, "rollback")


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _page(found: Rollout, output: Path | None) -> Path:
    """As it stands now; the lake has the same under rollouts/ once it is decided."""
    content = rollout_page.page(found, now=datetime.now(UTC)).encode()
    return page_file.written(output, f"tidegate-rollout-{found.name[:40]}.html", content)


def _running(place: Place) -> Rollout:
    found = _last(place)
    if found.status != "RUNNING":
        raise CommandError("no rollout runs", cause=f"the last one {found.status}", hint="tidegate status")
    return found


def _last(place: Place) -> Rollout:
    found = rollouts.last(place)
    if found is None:
        raise CommandError("there was no rollout yet", hint="tidegate train")
    return found


def _say(options: Options, result: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(result) if options.as_json else text)
