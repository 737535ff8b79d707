"""`tidegate features`: versions of views, what differs, a backfill, and one value checked in both stores."""

import time
from typing import TYPE_CHECKING

import click

from tidegate_cli import backfill, feature_sets, feature_values, feature_views
from tidegate_cli.executions import follow
from tidegate_cli.failure import CommandError
from tidegate_cli.feature_words import Diff, of_value, of_version
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current
from tidegate_cli.tables import catalog_of, dumps

if TYPE_CHECKING:
    from tidegate.feature_store.feature_plan import ViewPlan

_NAME = f"A and B are each {feature_sets.NAMES}"


@click.group("features")
def command() -> None:
    """List the versions of views, compare feature sets, compute the past, check one value

    Example: tidegate features list
    """


@command.command("list")
@click.pass_obj
def list_(options: Options) -> None:
    """List every version of a view: what is computed of it, offline and online, and who needs it

    Example: tidegate features list
    """
    versions = feature_views.listed(_place(options))
    if options.as_json:
        click.echo(dumps({"ok": True, "views": [version.to_json() for version in versions]}))
        return
    for version in versions:
        for line in of_version(version):
            click.echo(line)
    if not versions:
        click.echo("no view was computed or deployed: the features have no aggregate")


@command.command(
    "diff",
    help=f"""Tell what leads from feature set A to B, and which views need a backfill

    {_NAME}. `local` is the features.py of --pipeline as it is on disk. Exit code 1 when they differ.

    Example: tidegate features diff deployed local
    """,
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.pass_obj
def diff(options: Options, before: str, after: str) -> None:
    from tidegate_cli.feature_diff import diff as differing

    place = _place(options)
    a, b = (feature_sets.find(place, options.pipeline, name) for name in (before, after))
    found = differing(a.plan, b.plan)
    computed = feature_views.computed(place)
    needed = sorted(view.version for view in b.plan.views if view.version not in computed)
    if options.as_json:
        facts = {"ok": True, "equal": found.empty, "a": a.to_json(), "b": b.to_json()}
        click.echo(dumps({**facts, **found.to_json(), "need_backfill": needed}))
    else:
        for line in Diff(a, b, found, needed).lines():
            click.echo(line)
    raise SystemExit(0 if found.empty else 1)


@command.command("backfill")
@click.option("--from", "first", metavar="TIME", help="Compute again from here  [default: nothing again]")
@click.option("--to", "last", metavar="TIME", help="Compute again up to here; a date is its end")
@click.option("--reason", default="asked for by command", show_default=True, help="Kept with the execution")
@click.pass_obj
def backfill_(options: Options, first: str | None, last: str | None, reason: str) -> None:
    """Compute what was never computed of the views that somebody needs, and follow it

    A view that is new to the pipeline gets its whole history. With --from or --to the ticks between are
    computed again in every view. The same again, while neither data nor features changed, runs once.

    Example: tidegate features backfill --reason "a new view"
    """
    interval = backfill.Interval.of(first, last)
    place = _place(options)
    narrator = Narrator(quiet=options.quiet)
    plan = feature_sets.deployed(place)
    head = catalog_of(place).head(plan.source.dataset)
    if head is None:
        raise CommandError(
            f"dataset `{plan.source.dataset}` has no rows yet", hint="deliver one with `tidegate drop FILE`"
        )
    name = backfill.execution_name(interval, head.snapshot_id, plan.hash)
    asked = backfill.start(place, name, interval, reason)
    narrator.say("backfill", f"{interval}; {asked.arn.rpartition(':')[2]}")
    if not asked.fresh:
        narrator.say("", "the same was asked for before: nothing is started twice")
    ended = follow(place, "features", asked.arn, narrator)
    if options.as_json:
        facts = {"status": ended.status, "seconds": ended.seconds, "output": ended.output}
        failure = {"error": ended.error, "cause": ended.cause}
        told = {"ok": ended.succeeded, "execution_arn": asked.arn, "started": asked.fresh, **facts, **failure}
        click.echo(dumps(told))
    elif ended.succeeded:
        rows, online = ended.output.get("rows", 0), ended.output.get("online_rows", 0)
        done = "done before" if asked.status == "SUCCEEDED" else f"done in {ended.seconds:.1f} s"
        click.echo(f"{done}: {rows:,} rows, {online:,} values online")
    else:
        click.echo(f"{ended.status.lower()}: {ended.error} {ended.cause}".strip())
    raise SystemExit(0 if ended.succeeded else 1)


@command.command("value")
@click.argument("view")
@click.argument("entity", nargs=-1, required=True)
@click.option("--at", metavar="TIME", help="As of when; `now` too  [default: the moment of the newest value]")
@click.option(
    "--hash", "hash_", metavar="DIGITS", help="Which version, as `list` has it  [default: the deployed]"
)
@click.pass_obj
def value(options: Options, view: str, entity: tuple[str, ...], at: str | None, hash_: str | None) -> None:
    """Read an entity's value of VIEW as predict does, and the offline row for the same moment beside it

    ENTITY is the view's keys in their order. Exit code 1 when the two do not agree.

    Example: tidegate features value carrier_delay UA
    """
    moment = None if at is None else _moment(at)
    place = _place(options)
    wanted = _view(place, view, hash_)
    item = feature_values.stored(place, wanted, feature_values.entity_of(wanted, entity))
    if moment is None:
        moment = int(item["et"]) if item else int(time.time())
    online = feature_values.online(wanted, item, moment)
    offline = feature_values.offline(place, wanted, entity, moment)
    agreed = feature_values.agree(online, offline)
    if options.as_json:
        values = {"online": online.to_json(moment), "offline": offline.to_json(moment)}
        facts = {"version": wanted.version, "entity": list(entity), "at": moment}
        click.echo(dumps({"ok": True, "agree": agreed, **facts, "ttl_seconds": wanted.ttl_seconds, **values}))
    else:
        for line in of_value(wanted, entity, moment, online, offline, agreed=agreed):
            click.echo(line)
    raise SystemExit(0 if agreed else 1)


def _place(options: Options) -> Place:
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    return place


def _moment(text: str) -> int:
    from tidegate.ingestion.snapshots import moment

    if text == "now":
        return int(time.time())
    if (found := moment(text)) is None:
        raise CommandError(f"`{text}` is no time", hint="write 2013-01-01T00:00:00Z, a date or `now`")
    return int(found.timestamp())


def _view(place: Place, name: str, hash_: str | None) -> "ViewPlan":
    """The deployed version of a view, or the one whose hash begins so of all that somebody needs."""
    plans = (
        [feature_sets.deployed(place)]
        if hash_ is None
        else [need.plan for need in feature_views.needs(place) if need.plan]
    )
    known = {view.version: view for plan in plans for view in plan.views}
    found = [each for each in known.values() if each.name == name and each.hash.startswith(hash_ or "")]
    if len(found) == 1:
        return found[0]
    asked = name if hash_ is None else f"{name}@{hash_}"
    what = f"`{asked}` names {len(found)} versions" if found else f"there is no view `{asked}`"
    raise CommandError(
        what, hint=f"there are: {', '.join(sorted(known))}" if known else "the features have no aggregate"
    )
