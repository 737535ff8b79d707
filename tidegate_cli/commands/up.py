"""`tidegate up`: the pipeline on this machine, in the foreground, until Ctrl-C."""

import json

import click

from tidegate_cli import local
from tidegate_cli.assembly import synthesize
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, on_this_machine, prefix_of


@click.command("up")
@click.option("--port", default=0, help="Port of the local cloud; 0 takes a free one")
@click.pass_obj
def command(options: Options, port: int) -> None:
    """Start the pipeline on this machine and print where it listens

    Example: tidegate up, then in another terminal: tidegate drop FILE
    """
    if (found := local.running()) is not None:
        raise CommandError(
            "the pipeline runs already",
            cause=f"{found.prefix} at {found.url}, pid {found.pid}",
            hint=f"use it, or end it first: kill {found.pid}",
        )
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", "this machine, no AWS account needed")
    narrator.say("template", "synthesizing; the first time takes some ten seconds")
    assembly = synthesize(options.pipeline, options.environment)
    narrator.say("template", described(assembly.cached, assembly.seconds))
    prefix = prefix_of(options.pipeline, options.environment)
    with local.start(assembly, prefix, port) as started, local.advertised(started.cloud):
        cloud = started.cloud
        place = on_this_machine(cloud)
        narrator.say("cloud", f"{cloud.resources} resources deployed in {cloud.seconds:.1f} s")
        click.echo(json.dumps(facts(place)) if options.as_json else cloud.url)
        for line in hints(place, options):
            narrator.say("try", line)
        narrator.say("", "Ctrl-C ends it and everything it started")
        started.wait()


def described(cached: bool, seconds: float) -> str:
    return f"cached ({seconds:.1f} s)" if cached else f"synthesized in {seconds:.1f} s (cached for next time)"


def facts(place: Place) -> dict[str, object]:
    return {"ok": True, "url": place.url, "prefix": place.prefix, "api": place.outputs["ApiUrl"]}


def hints(place: Place, options: Options) -> list[str]:
    """The next commands to type while the pipeline runs."""
    return [
        f"tidegate predict {options.pipeline}/one.json",
        "tidegate status",
        f"aws --endpoint-url {place.url} s3 cp FILE s3://{place.outputs['DropsBucket']}/drops/DATASET/",
    ]
