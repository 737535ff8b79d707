"""`tidegate clock`: the time of the pipeline on this machine, and what lets it pass."""

import re
import time
from datetime import timedelta
from typing import Any

import click

from tidegate_cli import local
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current
from tidegate_cli.tables import dumps

HOUR = 3600
WAITS = "stepfunctions"  # the room of the local cloud whose timers are waits of state machines
_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@click.command("clock")
@click.argument("span", required=False, metavar="[SPAN]")
@click.option(
    "--to-wait", is_flag=True, help="No further than the end of the next wait: traffic is yours there"
)
@click.pass_obj
def command(options: Options, span: str | None, to_wait: bool) -> None:
    """Let SPAN pass for the pipeline on this machine, as 90m, 26h or 2d6h; without one, tell its time

    Schedules, bakes, cooldowns and alarms come due on the way and none is jumped over; what runs is waited
    for in real time. A rollout goes on with the requests that somebody sends meanwhile. Ctrl-C stops it
    within an hour of the pipeline's time.

    Example: tidegate clock 26h
    """
    if to_wait and span is None:
        raise CommandError(
            "--to-wait needs a span", hint="say how far at most, as in `tidegate clock 2d --to-wait`"
        )
    length = None if span is None else seconds_of(span)
    place = current(options)
    if place.url is None:
        raise CommandError("the clock of an account cannot be moved", hint="leave out --aws")
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    told = {}
    if length is not None:
        told = _pass(place.url, length, WAITS if to_wait else "")
    now = local.time_of(place.url)
    ahead = round(now.timestamp() - time.time())
    if options.as_json:
        click.echo(dumps({"ok": True, "time": now.isoformat(), "ahead_seconds": ahead, **told}))
        return
    if told:
        at = ", the last at the end of a wait" if told["what"] == WAITS else ""
        click.echo(f"passed    in {narrator.elapsed():.1f} s, {told['stops']} stops{at}")
    click.echo(f"clock     {now:%Y-%m-%d %H:%M:%S} UTC, {_ahead(ahead)}")


def _pass(url: str, seconds: int, stop_at: str) -> dict[str, Any]:
    """Hour by hour: the cloud goes on with what it was last asked for when this process is interrupted."""
    stops, what = 0, ""
    while seconds > 0 and what != (stop_at or None):
        piece = min(seconds, HOUR)
        told = local.let_pass(url, piece, stop_at=stop_at)
        stops, what, seconds = stops + told["stops"], told["what"], seconds - piece
    return {"stops": stops, "what": what}


def seconds_of(span: str) -> int:
    """The length of `2d6h`.

    Raises:
        CommandError: it is none, or of no length.
    """
    found = _SPAN.fullmatch(span)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0,) * 4
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not length:
        raise CommandError(f"`{span}` is no span of time", hint="as 45s, 90m, 26h, 2d6h")
    return length


def _ahead(seconds: int) -> str:
    return f"{timedelta(seconds=seconds)} ahead of this machine" if seconds > 1 else "as this machine has it"
