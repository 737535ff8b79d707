"""`tidegate up`: the pipeline on this machine, in the foreground, until Ctrl-C; again, it updates it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tidegate.settings.config import PipelineConfig
from tidegate_cli import local
from tidegate_cli.assembly import Assembly, synthesize
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, on_this_machine, prefix_of

EXAMPLE_FILE = "one.json"  # a request that a pipeline's folder may hold


@click.command("up")
@click.option("--port", default=0, help="Port of the local cloud; 0 takes a free one")
@click.pass_obj
def command(options: Options, port: int) -> None:
    """Start the pipeline on this machine and print where it listens; while it runs, update it

    Typed again in another terminal it synthesizes anew and changes in the running pipeline what the edited
    files change, as `cdk deploy` would. Data, models and running executions stay.

    Example: tidegate up, then in another terminal: tidegate drop FILE
    """
    prefix = prefix_of(options.pipeline, options.environment)
    narrator = Narrator(quiet=options.quiet)
    if (found := local.running()) is not None:
        _refuse_another(found, prefix, port)
        _update(found, _synthesized(options, narrator), narrator, options)
        return
    narrator.say("place", "this machine, no AWS account needed")
    assembly = _synthesized(options, narrator)
    with local.start(assembly, prefix, port) as started, local.advertised(started.cloud):
        cloud = started.cloud
        place = on_this_machine(cloud)
        narrator.say("cloud", f"{cloud.resources} resources deployed in {cloud.seconds:.1f} s")
        click.echo(json.dumps(facts(place, options)) if options.as_json else cloud.url)
        narrator.say("api", place.outputs["ApiUrl"])
        say_docs(place, options.pipeline, options.environment, narrator)
        for line in hints(place, options):
            narrator.say("try", line)
        narrator.say("", "Ctrl-C ends it and everything it started")
        try:
            started.wait()
        except KeyboardInterrupt:
            narrator.say("", "ending what it started, some seconds")
            raise


def _synthesized(options: Options, narrator: Narrator) -> Assembly:
    narrator.say("template", "synthesizing; the first time takes some ten seconds")
    assembly = synthesize(options.pipeline, options.environment)
    narrator.say("template", described(assembly.cached, assembly.seconds))
    return assembly


def _refuse_another(found: local.LocalCloud, prefix: str, port: int) -> None:
    """Raise CommandError unless what runs is this very pipeline, at the port that was asked for."""
    if found.prefix == prefix and port in (0, local.port_of(found)):
        return
    another = found.prefix != prefix
    raise CommandError(
        f"another pipeline runs already, and `{prefix}` was asked for"
        if another
        else f"`{prefix}` runs already, and not at port {port}",
        cause=f"{found.prefix} at {found.url}, pid {found.pid}",
        hint=f"{'use it' if another else 'leave out --port to update it'}, or end it first: kill {found.pid}",
    )


def _update(found: local.LocalCloud, assembly: Assembly, narrator: Narrator, options: Options) -> None:
    place = on_this_machine(found)
    narrator.say("place", place.name)
    told = local.update(found, assembly)
    for line in told_of(told):
        narrator.say("update", line)
    changed = {name: told[name] for name in ("created", "updated", "deleted", "unchanged", "changes")}
    click.echo(json.dumps({**facts(place, options), **changed}) if options.as_json else found.url)


def told_of(update: dict[str, Any]) -> list[str]:
    """What an update did, in a few lines: counts by type, and each resource that lost what it held."""
    changes = update["changes"]
    if not changes:
        return ["nothing changed"]
    total = update["created"] + update["updated"] + update["unchanged"]
    counts = Counter((line["change"], line["type"].removeprefix("AWS::")) for line in changes)
    lines = [f"{len(changes)} of {total} resources in {update['seconds']:.1f} s"]
    lines += [f"{change}: {count} {type_}" for (change, type_), count in sorted(counts.items())]
    lines += [
        f"replaced by a new and empty one: {line['stack']}/{line['logical_id']} ({line['type']})"
        for line in changes
        if line["replaced"]
    ]
    return lines


def described(cached: bool, seconds: float) -> str:
    return f"cached ({seconds:.1f} s)" if cached else f"synthesized in {seconds:.1f} s (cached for next time)"


def facts(place: Place, options: Options) -> dict[str, object]:
    api = {"api": place.outputs["ApiUrl"], "docs": docs_url(place, options.pipeline, options.environment)}
    return {"ok": True, "url": place.url, "prefix": place.prefix, **api}


def docs_url(place: Place, pipeline: Path, environment: str) -> str | None:
    """Where a browser finds what the API takes and answers; None where that must be signed for."""
    serving = PipelineConfig.from_toml(pipeline / "pipeline.toml", environment).serving
    is_open = serving.public_docs or serving.auth == "none"
    return f"{place.outputs['ApiUrl'].rstrip('/')}/docs" if is_open else None


def say_docs(place: Place, pipeline: Path, environment: str, narrator: Narrator) -> None:
    if docs := docs_url(place, pipeline, environment):
        narrator.say("docs", f"{docs}   in a browser: what the API takes and answers")


def hints(place: Place, options: Options) -> list[str]:
    """The next commands to type while the pipeline runs."""
    drops = f"s3://{place.outputs['DropsBucket']}/drops/{place.dataset}/"
    one = options.pipeline / EXAMPLE_FILE
    return [
        "tidegate drop FILE",
        *([f"tidegate predict {one}"] if one.is_file() else []),
        "tidegate status",
        "tidegate ui",
        f"aws --endpoint-url {place.url} s3 cp FILE {drops}",
    ]
