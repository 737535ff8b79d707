"""`tidegate drop`: deliver a file and see what becomes of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from tidegate_cli import ledger
from tidegate_cli.executions import follow, wait_for_start
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current

CLOCK_SKEW = timedelta(seconds=2)


@click.command("drop")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dataset", help="Dataset the drop belongs to  [default: the pipeline's]")
@click.option("--follow/--no-follow", "watch", default=True, help="Print each state as it ends")
@click.pass_obj
def command(options: Options, file: Path, dataset: str | None, watch: bool) -> None:
    """Deliver FILE as a new drop and follow it through the pipeline

    Example: tidegate drop march.csv
    """
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    key = f"drops/{dataset or place.dataset}/{file.name}"
    try:
        entry = deliver(place, key, file.read_bytes(), narrator, watch=watch)
    except KeyboardInterrupt:
        narrator.say("", "what was delivered goes on without you: tidegate drops list")
        raise
    accepted = entry["state"] == "recorded"
    if entry.get("verdict_key") and entry.get("reason") != "accepted":
        narrator.say("try", f"tidegate drops show {entry['drop_id'][:8]} --html   each reason, with rows")
    if options.as_json:
        click.echo(json.dumps({"ok": accepted or not watch, **entry}))
    else:
        click.echo(f"{entry['drop_id']}  {entry['state']}  {entry.get('reason', '')}".rstrip())
    raise SystemExit(0 if accepted or not watch else 1)


def deliver(place: Place, key: str, body: bytes, narrator: Narrator, *, watch: bool = True) -> dict[str, Any]:
    """Put an object, wait for its row in the ledger, follow its ingestion; returns that row."""
    bucket = place.outputs["DropsBucket"]
    moment = datetime.now(UTC) - CLOCK_SKEW
    began = datetime.now(UTC)
    try:
        put = place.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as cause:
        raise CommandError(f"`{key}` could not be put", cause=str(cause)) from cause
    narrator.say("drop", f"{key}   {_size(len(body))}")
    entry = ledger.wait_for(place, bucket, key, put.get("VersionId", "null"), narrator)
    if watch and entry["state"] not in ledger.FINAL:
        arn = wait_for_start(
            place, "ingestion", narrator, moment=moment, wanted=lambda text: entry["drop_id"] in text
        )
        started = place.client("stepfunctions").describe_execution(executionArn=arn)["startDate"]
        follow(place, "ingestion", arn, narrator)
        entry = {
            **ledger.entry(place, entry["drop_id"]),
            "execution_arn": arn,
            "start_seconds": round((started - began).total_seconds(), 3),
        }
    return entry


def _size(count: int) -> str:
    if count < 1000:  # noqa: PLR2004  below a kilobyte
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004
