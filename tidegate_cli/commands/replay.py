"""`tidegate replay`: whether a model follows from its record, bit by bit."""

from collections.abc import Iterator

import click

from tidegate_cli import registered, replay
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current
from tidegate_cli.replay import Comparison
from tidegate_cli.tables import dumps

_SHOWN = 16  # digits of a sha256


@click.command(
    "replay",
    help=f"""Train MODEL again from its record alone and compare the files of both, by sha256

    MODEL is {registered.NAMES}. Rows, hyperparameters, image and artefact are checked first; what
    is not as it was recorded is named, and nothing is trained. Nothing is registered. Exit code 1 when a file
    or an input differs.

    Example: tidegate replay champion
    """,
)
@click.argument("name", metavar="MODEL")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def command(options: Options, name: str, yes: bool) -> None:
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    found = registered.find(place, name)
    record = replay.record_of(place, found)
    facts = {"version": found.version, "run": found.run}
    if changed := replay.changed_inputs(place, record, narrator):
        if options.as_json:
            click.echo(dumps({"ok": False, "equal": False, **facts, "trained": False, "inputs": changed}))
        else:
            click.echo(f"version {found.version} is not replayed: an input is not what it was")
            for each in changed:
                click.echo(f"input     {each}")
        raise SystemExit(1)
    if options.aws is not None and not yes:
        click.confirm(f"Train version {found.version} again in {place.name}?", abort=True, err=True)
    uri = replay.train(place, record, narrator)
    result = replay.compare(record.contents, registered.contents(place, uri))
    if options.as_json:
        told = {"trained": True, "model_uri": uri, "files": result.files, "inputs": result.inputs}
        click.echo(dumps({"ok": result.equal, "equal": result.equal, **facts, **told}))
    else:
        for line in _lines(found.version, result):
            click.echo(line)
    raise SystemExit(0 if result.equal else 1)


def _lines(version: int, result: Comparison) -> Iterator[str]:
    for file, (one, other) in result.files.items():
        verdict = "equal" if one == other else "differs"
        digests = (
            (one or "none")[:_SHOWN]
            if one == other
            else f"{(one or 'none')[:_SHOWN]} -> {(other or 'none')[:_SHOWN]}"
        )
        yield f"file      {file:<16} {verdict:<8} {digests}"
    yield from (f"input     {each}" for each in result.inputs)
    if result.equal:
        yield f"equal: version {version} follows from its record"
    elif result.inputs:
        yield f"version {version} was trained on other inputs than the replay"
    else:
        yield "no recorded input differs: look at the processor, and at what is installed beside the lock"
