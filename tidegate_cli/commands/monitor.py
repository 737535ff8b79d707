"""`tidegate monitor`: windows of watched traffic, what each found, and its page."""

from pathlib import Path
from typing import Any

import click

from tidegate_cli import page_file, windows
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current
from tidegate_cli.tables import dumps

_DRIFTED = 4  # columns in a line


@click.group("monitor")
def command() -> None:
    """List the windows of watched traffic, or show what one found

    Example: tidegate monitor show --html
    """


@command.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Of the newest")
@click.pass_obj
def list_(options: Options, limit: int) -> None:
    """List windows, newest first: rows, columns that drifted, quality

    Example: tidegate monitor list
    """
    found = list(windows.listed(_place(options), limit))
    if options.as_json:
        click.echo(dumps({"ok": True, "windows": found}))
        return
    for each in found:
        click.echo(_line(each))
    if not found:
        click.echo("no window was measured yet")


@command.command("show")
@click.argument("run", required=False)
@click.option("--html", is_flag=True, help="Open the window's page in a browser")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Save the page there")
@click.pass_obj
def show(options: Options, run: str | None, html: bool, output: Path | None) -> None:
    """Show what a window found: quality, drift, skew, alarms, decision

    RUN is a window as `list` has it, or its first digits; without it, the newest.

    Example: tidegate monitor show --html
    """
    place = _place(options)
    wanted = windows.find(place, run)
    saved = _page(place, wanted, output) if html or output else None
    if saved is not None and html and not options.as_json:
        page_file.show(saved)
    from tidegate.monitoring.page.findings import findings

    documents = windows.documents(place, wanted)
    found = findings(documents)
    if options.as_json:
        told = [{"word": each.word, "kind": each.kind, "sentence": each.sentence} for each in found]
        read = {name: getattr(documents, name) for name in windows.DOCUMENTS}
        page = None if saved is None else str(saved)
        click.echo(dumps({"ok": True, "run": wanted, "findings": told, "report": page, **read}))
        return
    click.echo(f"window    {wanted}")
    for each in found:
        click.echo(f"  {each.word:<9} {each.sentence}")
    if saved is not None:
        click.echo(f"report    {saved}")


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _page(place: Place, run: str, output: Path | None) -> Path:
    body = windows.content(place, run, windows.PAGE)
    if body is None:
        raise CommandError(
            f"window `{run}` has no page yet",
            cause="its last state has not run, or failed",
            hint="tidegate logs monitoring",
        )
    return page_file.written(output, f"tidegate-window-{run}.html", body)


def _line(each: dict[str, Any]) -> str:
    rows = "not measured" if each["rows"] is None else f"{each['rows']:,} rows"
    drifted = ", ".join(each["drifted"][:_DRIFTED]) + (" ..." if len(each["drifted"]) > _DRIFTED else "")
    quality = each["quality"] or "no quality"
    value = "" if each["value"] is None else f" {each['metric']} {each['value']:.4f}"
    return f"{each['run']}  {rows:>14}  drifted: {drifted or 'none':<40}  {quality}{value}".rstrip()
