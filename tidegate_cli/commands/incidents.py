"""`tidegate incidents`: what happened, what was done about it, and what came of it."""

import json
from typing import Any

import click

from tidegate_cli import incidents
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current


@click.group("incidents")
def command() -> None:
    """List the incidents and decisions on retraining, or show one

    Example: tidegate incidents list --open
    """


@command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over")
@click.option("--limit", default=20, show_default=True, help="How many of the newest to list")
@click.pass_obj
def list_(options: Options, limit: int, *, only_open: bool) -> None:
    """List the newest incidents and what came of them

    Example: tidegate incidents list --open
    """
    found = [row for row in incidents.all_of(_place(options)) if not only_open or row["state"] == "open"]
    if options.as_json:
        click.echo(json.dumps({"ok": True, "incidents": found[:limit]}))
        return
    for row in found[:limit]:
        click.echo(incidents.line(row))
    if not found:
        click.echo("none")


@command.command("show")
@click.argument("incident_id", metavar="ID")
@click.pass_obj
def show(options: Options, incident_id: str) -> None:
    """Show one incident: cause, evidence, action, outcome, and what to type next

    ID may be cut to the first digits that tell it from others.

    Example: tidegate incidents show 3f9c1a2b
    """
    rows = [row for row in incidents.all_of(_place(options)) if row["id"].startswith(incident_id)]
    if len(rows) != 1:
        what = "no incident" if not rows else f"{len(rows)} incidents"
        raise CommandError(f"{what} begins with `{incident_id}`", hint="tidegate incidents list")
    if options.as_json:
        click.echo(json.dumps({"ok": True, "incident": rows[0]}))
        return
    for name, text in _rows(rows[0]):
        click.echo(f"{name:<10}{text}")


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _rows(row: dict[str, Any]) -> list[tuple[str, str]]:
    over = f" until {row['recovered'][:19]}" if row.get("recovered") else ""
    seen = "once" if row["count"] == 1 else f"{row['count']} times"
    told = [
        ("incident", f"{row['id']}  {incidents.state(row)}  {row['cause']}"),
        ("what", row["what"]),
        ("since", f"{row['opened'][:19]}{over} UTC, seen {seen}, last {row['last_seen'][:19]}"),
        ("flapping", f"it came again {row['flaps']} times within the hold time" if row["flaps"] else ""),
        *((name, row[name]) for name in ("model", "drop", "window")),
        ("columns", ", ".join(row["columns"])),
        *(("evidence", sentence) for sentence in row["evidence"]),
        *((name, row[name]) for name in ("action", "outcome", "runbook")),
        *(("next", text) for text in row["next"]),
    ]
    return [(name, text) for name, text in told if text]
