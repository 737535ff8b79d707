"""`tidegate impact`: rows, forward to the features, models and predictions that they touched."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from tidegate_cli import ledger
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current
from tidegate_cli.tables import dumps, table_of

ID = 8  # digits of a drop that a person reads and types


@click.command("impact")
@click.option("--drop", "drop_id", metavar="ID", help="The rows of a drop; the first digits of its id do")
@click.option("--entity", metavar="COLUMN=VALUE[,...]", help="The rows that have these values")
@click.option("--dataset", help="Of which dataset --entity speaks  [default: the pipeline's]")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=0), help="Ids of predictions to list"
)
@click.pass_obj
def command(
    options: Options, drop_id: str | None, entity: str | None, dataset: str | None, limit: int
) -> None:
    """Show what rows became: values of features, training runs, models, predictions

    A training run is touched when the state of the dataset that it learned from holds a row; a prediction,
    when its model is, or a looked-up value that was computed from a row.

    Example: tidegate impact --entity carrier=UA
    """
    if (drop_id is None) == (entity is None):
        raise CommandError("which rows?", hint="give one of --drop ID and --entity COLUMN=VALUE")
    values = None if entity is None else _entity(entity)
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    from tidegate_cli.origins.impact import Asked, impact  # pyarrow, once it is known that something runs

    asked = (
        Asked(dataset=table_of(place, dataset), entity=values)
        if drop_id is None
        else Asked(**_drop(place, drop_id))
    )
    told = impact(place, asked, limit)
    if options.as_json:
        click.echo(dumps({"ok": True, **told}))
        return
    for line in of_impact(told):
        click.echo(line)


def _entity(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and sign for name, sign, _ in parts):
        raise CommandError(
            f"`{text}` names no entity", hint="write COLUMN=VALUE, with commas between several"
        )
    return {name.strip(): value.strip() for name, _, value in parts}


def _drop(place: Place, drop_id: str) -> dict[str, str]:
    rows = [row for row in ledger.entries(place) if row["drop_id"].startswith(drop_id.lower())]
    if not drop_id or len(rows) != 1:
        cause = "none begins so" if not rows else f"{len(rows)} begin so"
        raise CommandError(f"no drop `{drop_id}`", cause=cause, hint="tidegate drops list")
    [row] = rows
    if row["state"] != "recorded":
        raise CommandError(
            f"drop `{row['drop_id'][:ID]}` is {row['state']}",
            cause="no state of the dataset has its rows, so they touched nothing",
            hint=f"tidegate drops show {row['drop_id'][:ID]}",
        )
    return {"dataset": row["dataset"], "drop_id": row["drop_id"]}


def of_impact(told: Mapping[str, Any]) -> Iterator[str]:
    """Lines, from the rows forward."""
    yield f"rows        {told['rows']:,} of {told['asked']['dataset']}"
    for drop in told["drops"]:
        gone = ", replaced since" if drop["replaced"] else ""
        yield f"  drop {drop['drop_id'][:ID]}  {drop['rows']:>9,} rows{gone}  {drop['key']}"
    for view in told["views"]:
        until = f"until {view['computed_to']}" if view["computed_to"] else "retired"
        count = f"{view['values']:,} values of {view['entities']:,} entities"
        yield f"feature     {view['view']}: {count}, {until}"
    for run in told["training"]:
        came = f"model version {run['version']}" if run["version"] else f"{run['ended'].lower()}, no model"
        yield f"training    run {run['run']} on {run['snapshot']}: {came}"
    if not told["training"]:
        yield "training    no run learned from them"
    found = told["predictions"]
    share = f"{found['touched']:,} of {found['captured']:,} captured"
    yield f"predictions {share}: {found['by_model']:,} by their model, {found['by_values']:,} by values"
    for run, count in found["models"].items():
        yield f"  {count:>9,} of the model of run {run}"
    for each in found["newest"]:
        yield f"  {each['at']}  {each['inference_id']}"
