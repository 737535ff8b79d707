"""`tidegate demo`: the whole story on real flights, from a drop to a retrained live model."""

import json
import sys
from typing import Any

import click

from tidegate_cli import example, local
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.commands.up import described, hints, say_docs
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import on_this_machine, prefix_of
from tidegate_cli.story import Story

NEXT = ("tidegate ui", "tidegate up", "tidegate demo --keep", "npx cdk deploy --all")
SETTLE_SECONDS = 8


@click.command("demo")
@click.option(
    "--keep/--no-keep",
    default=None,
    help="Keep the pipeline running afterwards  [default: on a terminal, until Ctrl-C]",
)
@click.pass_obj
def command(options: Options, keep: bool | None) -> None:
    """Run the whole story on real flights: train, serve, quarantine, canary, drift, retrain

    Example: tidegate demo --json | jq .retraining
    """
    if options.aws is not None:
        raise CommandError(
            "the demo runs on this machine only", hint="npx cdk deploy, then tidegate drop --aws"
        )
    pipeline = CHECKOUT / "examples" / "flights"
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", "this machine, no AWS account needed")
    narrator.say("template", "synthesizing; the first time takes some ten seconds")
    assembly = synthesize(pipeline, "dev")
    narrator.say("template", described(assembly.cached, assembly.seconds))
    data = example.data(pipeline)
    with local.start(assembly, prefix_of(pipeline, "dev"), warm_up=True) as started:
        cloud = started.cloud
        place = on_this_machine(cloud)
        narrator.say("cloud", f"{cloud.url}   {cloud.resources} resources deployed in {cloud.seconds:.1f} s")
        story = Story(place, data, example.request_columns(pipeline), narrator)
        story.first_model()
        story.serve()
        story.quarantine()
        story.retrain()
        champion = story.live()
        seconds = narrator.elapsed()
        narrator.say(
            "live", f"model version {champion['version']} on {champion['variant']}   {seconds:.0f} s in all"
        )
        narrator.say("api", place.outputs["ApiUrl"])
        say_docs(place, pipeline, "dev", narrator)
        stay = sys.stderr.isatty() and not options.as_json if keep is None else keep
        for line in hints(place, options) if stay else NEXT:
            narrator.say("try", line)
        click.echo(
            json.dumps(_result(story, assembly.seconds, seconds)) if options.as_json else _last_line(story)
        )
        if stay:
            with local.advertised(cloud):
                narrator.say("", "running until Ctrl-C; try these in another terminal")
                started.wait()
        local.settle(cloud, SETTLE_SECONDS)  # the last training run is still being recorded


def _result(story: Story, synth_seconds: float, seconds: float) -> dict[str, Any]:
    facts = {key: value for key, value in story.facts.items() if key != "champion_version"}
    states = [line.to_json() for line in story.narrator.lines]
    return {
        "ok": True,
        "seconds": round(seconds, 1),
        "synth_seconds": round(synth_seconds, 2),
        "states": states,
        **facts,
    }


def _last_line(story: Story) -> str:
    retraining = story.facts["retraining"]
    version = story.facts["champion"]["version"]
    return f"ok  version {version} serves; the retrained candidate was {retraining['verdict']}"
