"""`tidegate models`: the versions of the registry, what differs, and a person's word on one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tidegate_cli import approval, feature_sets, model, model_diff, page_file, registered, rollouts
from tidegate_cli.commands.drop import CLOCK_SKEW
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.model_words import of_diff, of_model, of_version
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current
from tidegate_cli.registered import Registered
from tidegate_cli.tables import dumps

_ID = f"ID is {registered.NAMES}"


@click.group("models")
def command() -> None:
    """List, show and compare model versions, approve or reject one

    Example: tidegate models list
    """


@command.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Of the newest")
@click.pass_obj
def list_(options: Options, limit: int) -> None:
    """List versions, newest first: metric with its 95 % interval, approval, traffic, and who decided

    Example: tidegate models list
    """
    found = registered.listed(_place(options), limit)
    if options.as_json:
        click.echo(dumps({"ok": True, "models": [each.to_json() for each in found]}))
        return
    for each in found:
        click.echo(of_version(each))
    if not found:
        click.echo("no model was registered yet: tidegate train")


@command.command(
    "show",
    help=f"""Show a version: metric, reasons of the gate, data, parameters, libraries, and what it was made of

    {_ID}.

    Example: tidegate models show champion
    """,
)
@click.argument("id_", metavar="ID")
@click.option("--html", is_flag=True, help="Open the page of its evaluation in a browser")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Save the page there")
@click.pass_obj
def show(options: Options, id_: str, html: bool, output: Path | None) -> None:
    place = _place(options)
    found = registered.find(place, id_)
    saved = _page(place, found, output) if html or output else None
    if saved is not None and html and not options.as_json:
        page_file.show(saved)
    contents = registered.contents(place, found.model_uri)
    evaluation = registered.evaluation(place, found)
    if options.as_json:
        facts = {"manifest": dict(contents.manifest), "evaluation": evaluation}
        lineage = {"lineage": found.metadata, "model_uri": found.model_uri, "size_bytes": contents.size_bytes}
        page = {"report": None if saved is None else str(saved)}
        click.echo(dumps({"ok": True, **found.to_json(), **lineage, **facts, **page}))
        return
    for line in of_model(found, contents.manifest, evaluation, contents.size_bytes):
        click.echo(line)
    if saved is not None:
        click.echo(f"report      {saved}")


def _page(place: Place, found: Registered, output: Path | None) -> Path:
    content = registered.evaluation_page(place, found)
    return page_file.written(output, f"tidegate-evaluation-{found.run}.html", content)


@command.command(
    "approve",
    help=f"""Approve a version; the registry's own event starts its rollout

    {_ID}. What serves, or is being rolled out, is refused. Exit code 1 when --follow sees it rolled back.

    Example: tidegate models approve 3 --reason "checked on May's rows"
    """,
)
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Kept with the version")
@click.option(
    "--follow/--no-follow", "watch", default=False, help="Print each state of the rollout as it ends"
)
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def approve(options: Options, id_: str, reason: str, watch: bool, yes: bool) -> None:
    place = _place(options)
    narrator = Narrator(quiet=options.quiet)
    found = registered.find(place, id_)
    narrator.say("approve", approval.consequence(found, model.champion(place)))
    _ask(options, f"Approve version {found.version} in {place.name}?", yes=yes)
    moment = datetime.now(UTC) - CLOCK_SKEW
    who = approval.decide(place, found, "Approved", reason)
    told: dict[str, Any] = {
        "ok": True,
        "version": found.version,
        "arn": found.arn,
        "verdict": "approved",
        **who,
    }
    told["execution_arn"] = rollouts.started(place, found.arn, moment, narrator)
    if watch:
        ended = rollouts.followed(place, told["execution_arn"], narrator)
        told |= {"ok": ended.succeeded, "verdict": "promoted" if ended.succeeded else "rolled back"}
        told |= {} if ended.succeeded else {"reason": rollouts.cause(ended)}
    name = told["execution_arn"].rpartition(":")[2]
    text = f"version {found.version} {told['verdict']}, rollout {name}  {told.get('reason', '')}".rstrip()
    click.echo(dumps(told) if options.as_json else text)
    raise SystemExit(0 if told["ok"] else 1)


@command.command(
    "reject",
    help=f"""Reject a version: it is not rolled out, and never returned to

    {_ID}. What takes traffic is refused: a rejection takes nothing back.

    Example: tidegate models reject 3 --reason "worse for short flights"
    """,
)
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Kept with the version")
@click.option("--yes", is_flag=True, help="Do not ask, even with --aws")
@click.pass_obj
def reject(options: Options, id_: str, reason: str, yes: bool) -> None:
    place = _place(options)
    found = registered.find(place, id_)
    approval.check_rejection(found)
    _ask(options, f"Reject version {found.version} in {place.name}?", yes=yes)
    who = approval.decide(place, found, "Rejected", reason)
    told = {"ok": True, "version": found.version, "arn": found.arn, "verdict": "rejected", **who}
    click.echo(dumps(told) if options.as_json else f"version {found.version} rejected")


@command.command(
    "diff",
    help="""Tell what differs from model A to B: scores, parameters, features, data, code, libraries, files

    A and B are each named as for `show`. Exit code 1 when they differ.

    Example: tidegate models diff 2 3
    """,
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.pass_obj
def diff(options: Options, before: str, after: str) -> None:
    from tidegate_cli.feature_diff import diff as features_apart
    from tidegate_cli.feature_words import Diff

    place = _place(options)
    a, b = (registered.find(place, name) for name in (before, after))
    one, other = (_side(place, each) for each in (a, b))
    found = model_diff.diff(one, other)
    sets = [_features(place, each) for each in (a, b)]
    apart = features_apart(sets[0].plan, sets[1].plan)
    equal = found.empty and apart.empty
    if options.as_json:
        facts = {"a": a.to_json(), "b": b.to_json(), **found.to_json(), "features": apart.to_json()}
        click.echo(dumps({"ok": True, "equal": equal, **facts}))
    else:
        for line in of_diff(one, other, found):
            click.echo(line)
        if not apart.empty:
            for line in Diff(sets[0], sets[1], apart, ()).lines():
                click.echo(f"features    {line}")
        if equal:
            click.echo("equal")
    raise SystemExit(0 if equal else 1)


def _side(place: Place, found: Registered) -> model_diff.Side:
    contents = registered.contents(place, found.model_uri)
    return model_diff.Side(
        name=f"version {found.version}, run {found.run}",
        manifest=contents.manifest,
        evaluation=registered.evaluation(place, found),
        metadata=found.metadata,
        size_bytes=contents.size_bytes,
    )


def _features(place: Place, found: Registered) -> feature_sets.Named:
    from tidegate.aws import feature_sets as stored

    hash_ = found.metadata.get("feature_set_hash", "")
    try:  # its training run left it there
        features = stored.get(place.client("s3"), place.outputs["LakeBucket"], hash_)
    except LookupError as cause:
        raise CommandError(
            f"nobody knows the features of version {found.version}", cause=str(cause)
        ) from cause
    return feature_sets.Named(f"version {found.version}", features)


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _ask(options: Options, question: str, *, yes: bool) -> None:
    if options.aws is not None and not yes:
        click.confirm(question, abort=True, err=True)
