"""`tidegate drops`: what was delivered, why it was judged as it was, and a person's word against it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from tidegate_cli import ledger, page_file
from tidegate_cli.executions import follow, machine
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current

SHOWN_ID = 8  # digits of an id that a person reads and types
_REASONS = 20


@click.group("drops")
def command() -> None:
    """List the drops, show the report of one, or accept one that was quarantined

    Example: tidegate drops show 3f9c1a2b --html
    """


@command.command("list")
@click.option("--limit", default=20, show_default=True, help="How many of the newest drops to list")
@click.option("--state", type=click.Choice(ledger.FINAL), help="Only drops in this state")
@click.pass_obj
def list_(options: Options, limit: int, state: str | None) -> None:
    """List the newest drops and what became of them

    Example: tidegate drops list --state quarantined
    """
    place = _place(options)
    rows = [row for row in ledger.entries(place) if state in (None, row["state"])][:limit]
    if options.as_json:
        click.echo(json.dumps({"ok": True, "drops": rows}, default=str))
        return
    for row in rows:
        reason = (str(row.get("reason") or "").splitlines() or [""])[0]
        told = (
            f"{row['drop_id'][:SHOWN_ID]}  {row['state']:<11} {row.get('rows') or 0:>11,}  {row['key']:<44}"
        )
        click.echo(f"{told} {reason}".rstrip())


@command.command("show")
@click.argument("drop_id", metavar="ID")
@click.option("--html", is_flag=True, help="Open the drop's report in a browser")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Save the report there")
@click.pass_obj
def show(options: Options, drop_id: str, html: bool, output: Path | None) -> None:
    """Show why a drop was judged as it was

    ID may be cut to the first digits that tell it from others.

    Example: tidegate drops show 3f9c1a2b --html
    """
    place = _place(options)
    row = _find(place, drop_id)
    saved = _report(place, row, output) if html or output else None
    if saved is not None and html and not options.as_json:
        page_file.show(saved)
    verdict = _verdict(place, row)
    if options.as_json:
        told = {"ok": True, "drop": row, "verdict": verdict, "report": str(saved) if saved else None}
        click.echo(json.dumps(told, default=str))
        return
    _print(row, verdict)
    if saved is not None:
        click.echo(f"report    {saved}")


@command.command("accept")
@click.argument("drop_id", metavar="ID")
@click.option("--reason", required=True, help="Why it is right; kept with the drop and its dataset version")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def accept(options: Options, drop_id: str, reason: str, yes: bool) -> None:
    """Accept a quarantined drop after all; later drops are compared with it

    Figures that were out of line start a new history with this drop, so that the next ones like it pass.
    A file that nobody could parse stays in quarantine.

    Example: tidegate drops accept 3f9c1a2b --reason "new stores opened in May"
    """
    place = _place(options)
    narrator = Narrator(quiet=options.quiet)
    row = _find(place, drop_id)
    if row["state"] != "quarantined":
        raise CommandError(
            f"drop `{row['drop_id'][:SHOWN_ID]}` is {row['state']}",
            hint="only a quarantined drop is accepted",
        )
    if options.aws is not None and not yes:
        click.confirm(f"Accept `{row['key']}` into `{row['dataset']}` in {place.name}?", abort=True, err=True)
    arn = _start(place, row, reason)
    follow(place, "ingestion", arn, narrator)
    row = ledger.entry(place, row["drop_id"])
    accepted = row["state"] == "recorded"
    if options.as_json:
        click.echo(json.dumps({"ok": accepted, "drop": row}, default=str))
    else:
        click.echo(f"{row['drop_id']}  {row['state']}  {row.get('reason', '')}".rstrip())
    raise SystemExit(0 if accepted else 1)


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _find(place: Place, drop_id: str) -> dict[str, Any]:
    """The row of a drop by its id or the beginning of one.

    Raises:
        CommandError: there is none, or more than one begins so.
    """
    found = [row for row in ledger.entries(place) if row["drop_id"].startswith(drop_id.lower())]
    if len(found) == 1 and drop_id:
        return found[0]
    if not found:
        raise CommandError(f"no drop `{drop_id}`", hint="tidegate drops list")
    near = ", ".join(f"{row['drop_id'][:12]} ({row['key']})" for row in found[:5])
    raise CommandError(f"{len(found)} drops begin with `{drop_id}`", cause=near, hint="give more digits")


def _verdict(place: Place, row: dict[str, Any]) -> dict[str, Any] | None:
    """The verdict in full; None for a drop that nobody could parse or that was not judged yet."""
    key = row.get("verdict_key")
    return json.loads(_object(place, key)) if key else None


def _report(place: Place, row: dict[str, Any], output: Path | None) -> Path:
    key = row.get("page_key")
    if not key:
        raise CommandError(
            f"drop `{row['drop_id'][:SHOWN_ID]}` has no report",
            cause=str(row.get("reason") or f"it is {row['state']}"),
            hint="only a drop that could be parsed and judged has one",
        )
    return page_file.written(output, f"tidegate-drop-{row['drop_id'][:12]}.html", _object(place, key))


def _object(place: Place, key: str) -> bytes:
    try:
        answer = place.client("s3").get_object(Bucket=place.outputs["LakeBucket"], Key=key)
    except ClientError as cause:
        raise CommandError(f"`{key}` cannot be read", cause=str(cause)) from cause
    body: bytes = answer["Body"].read()
    return body


def _print(row: dict[str, Any], verdict: dict[str, Any] | None) -> None:
    click.echo(f"drop      {row['drop_id']}  {row['key']}")
    click.echo(f"state     {row['state']}: {row.get('reason') or 'no reason yet'}")
    if verdict is None:
        return
    failed = f"{verdict['checks_failed']} of {verdict['checks']} checks failed"
    click.echo(f"verdict   {verdict['status']}, {verdict['rows']:,} rows, {failed}")
    for reason in verdict["reasons"][:_REASONS]:
        click.echo(f"  {reason['severity']:<8} {reason['message']}")
        if reason["first_rows"]:
            pairs = zip(reason["first_rows"][:3], reason["first_values"][:3], strict=False)
            click.echo("           " + ", ".join(f"row {number}: {value}" for number, value in pairs))
    if (more := len(verdict["reasons"]) - _REASONS) > 0:
        click.echo(f"  and {more} more: tidegate drops show {row['drop_id'][:SHOWN_ID]} --html")


def _start(place: Place, row: dict[str, Any], reason: str) -> str:
    now = datetime.now(UTC)
    who = place.client("sts").get_caller_identity()["Arn"]
    acceptance = {"reason": reason, "by": who, "at": now.isoformat(timespec="seconds").replace("+00:00", "Z")}
    members = ("drop_id", "dataset", "bucket", "key", "version_id", "etag", "size_bytes", "arrived_at")
    drop = {name: row[name] for name in (*members, "sequencer")} | {"acceptance": acceptance}
    started = place.client("stepfunctions").start_execution(
        stateMachineArn=machine(place, "ingestion"),
        name=f"accept-{row['drop_id']}-{now:%Y%m%dT%H%M%S}",
        input=json.dumps(drop, default=int),
    )
    return str(started["executionArn"])
