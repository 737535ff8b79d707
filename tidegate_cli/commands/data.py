"""`tidegate data`: the versions of a dataset, listed, compared and read."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current
from tidegate_cli.tables import catalog_of, dumps, plain, state_of, table_of

if TYPE_CHECKING:
    from tidegate.ingestion.snapshots import Difference, Snapshot

STATE_HELP = (
    "a tag, a snapshot id, the first 7 digits of a version or drop id, or a time (UTC; a date is its end)"
)


@click.group("data")
def command() -> None:
    """List, compare and read the versions of a dataset

    Example: tidegate data log
    """


@command.command("log")
@click.argument("table", required=False)
@click.option("--limit", type=click.IntRange(1), help="How many of the newest to list  [default: all]")
@click.pass_obj
def log(options: Options, table: str | None, limit: int | None) -> None:
    """List the states of TABLE, newest first: when, by which drop, how many rows, which tags

    Without TABLE it is the pipeline's dataset.

    Example: tidegate data log flights --limit 5
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    name = table_of(place, table)
    states = catalog_of(place).log(name, limit)
    if options.as_json:
        click.echo(dumps({"ok": True, "table": name, "states": [state.to_json() for state in states]}))
        return
    for state in states:
        click.echo(_line(state))


@command.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default="main")
@click.option("--table", help="Of which table  [default: the pipeline's dataset]")
@click.option("--rows", is_flag=True, help="Read the files that differ, and tell which rows do")
@click.option("--limit", default=20, show_default=True, help="How many rows of each state to print")
@click.pass_obj
def diff(options: Options, before: str, after: str, **asked: Any) -> None:
    """Tell what leads from state A to state B: rows, columns, drops and figures of columns

    A state is a tag, a snapshot id, the first 7 digits of a version or drop id, or a time. Without B it is
    the newest. Without --rows no row is read: rows count by whole files, bounds of texts are cut.

    Example: tidegate data diff 2026-03-01 run-20260314
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    catalog, name = catalog_of(place), table_of(place, asked["table"])
    from tidegate_cli.row_diff import differing  # after it is known that pyarrow is there

    found = catalog.diff(name, state_of(catalog, name, before), state_of(catalog, name, after))
    apart = None
    if asked["rows"]:
        apart = differing(*catalog.rows_apart(name, found.before, found.after), asked["limit"])
    if options.as_json:
        told = {"rows": apart.to_json()} if apart else {}
        click.echo(dumps({"ok": True, "table": name, **found.to_json(), **told}))
        return
    for line in _told(found):
        click.echo(line)
    if apart:
        click.echo(f"differ    +{apart.gained:,} -{apart.lost:,} rows")
        for sign, examples in (("-", apart.lost_rows), ("+", apart.gained_rows)):
            for row in examples:
                click.echo(f"row     {sign} {dumps(row)}")


@command.command("read")
@click.argument("table", required=False)
@click.option("--as-of", metavar="STATE", help=f"Which state: {STATE_HELP}  [default: the newest]")
@click.option("--columns", metavar="A,B", help="Only these columns, in this order")
@click.option(
    "--where", metavar="CONDITION", help="Only rows that meet it, as \"delay > 60 and origin = 'JFK'\""
)
@click.option("--limit", type=click.IntRange(0), help="At most so many rows")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json", "parquet"]),
    help="json is one object a line  [default: as FILE ends, else csv]",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write here"
)
@click.pass_obj
def read(options: Options, table: str | None, output: Path | None, **asked: Any) -> None:
    """Write the rows of TABLE as they are now, or were

    Rows come in no particular order, and are never held all at once. Without TABLE it is the dataset.

    Example: tidegate data read --as-of run-20260314 --columns origin,dep_delay -o march.parquet
    """
    from tidegate_cli import row_files

    format_ = _format(asked["format_"], output, options)
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    catalog, name = catalog_of(place), table_of(place, table)
    state = state_of(catalog, name, asked["as_of"])
    schema, batches = _rows(catalog, state, asked)
    facts = {"ok": True, "table": name, "state": state.to_json()}
    try:
        with row_files.sink_of(output) as sink:
            if options.as_json and output is None:
                rows = row_files.write_object(sink, facts, batches)
            else:
                rows = row_files.write(sink, format_, schema, batches)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as cause:
        raise CommandError(f"`{output}` cannot be written", cause=str(cause)) from cause
    if options.as_json and output is not None:
        click.echo(dumps({**facts, "rows": rows, "file": str(output)}))
    narrator.say("read", f"{rows:,} rows of {name} as of {_when(state)}, state {state.snapshot_id}")


def _format(asked: str | None, output: Path | None, options: Options) -> Any:
    from tidegate_cli.row_files import SUFFIXES

    if options.as_json and output is None:
        if asked not in (None, "json"):
            raise CommandError("--json prints one object", hint=f"write {asked} with -o FILE")
        return "json"
    format_ = asked or (SUFFIXES.get(output.suffix.lower(), "csv") if output else "csv")
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise CommandError("Parquet is not for a terminal", hint="write it with -o FILE, or into a pipe")
    return format_


def _rows(catalog: Any, state: "Snapshot", asked: dict[str, Any]) -> tuple[Any, Iterator[Any]]:
    """The schema and the stream; a wrong column or condition shows here, before anything is written."""
    from pyparsing.exceptions import ParseBaseException

    columns = [name.strip() for name in asked["columns"].split(",")] if asked["columns"] else None
    try:
        reader = catalog.batches(
            state.table,
            columns=columns,
            row_filter=asked["where"],
            limit=asked["limit"],
            snapshot_id=state.snapshot_id,
        )
        first = next(reader, None)
    except (ValueError, TypeError, ParseBaseException) as cause:
        schema = catalog.batches(state.table, snapshot_id=state.snapshot_id, limit=0).schema
        raise CommandError(
            f"`{state.table}` cannot be read so",
            cause=str(cause),
            hint=f"its columns are {', '.join(schema.names)}",
        ) from cause
    order = [n for n in columns or reader.schema.names if n in reader.schema.names]
    schema = reader.schema if order == reader.schema.names else _ordered(reader.schema, order)

    def batches() -> Iterator[Any]:
        if first is not None:
            yield first.select(schema.names)
        for batch in reader:
            yield batch.select(schema.names)

    return schema, batches()


def _ordered(schema: Any, names: list[str]) -> Any:
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in names])


def _line(state: "Snapshot") -> str:
    facts = [_when(state), f"{state.snapshot_id:>19}", f"{state.operation:<9}"]
    facts += [f"{state.added_rows:>+12,}", f"{-state.removed_rows:>12,}", f"{state.total_rows:>13,} rows"]
    facts += [f"drop {state.drop_id[:12]}"] if state.drop_id else []
    facts += [f"replaces {', '.join(drop[:12] for drop in state.replaces)}"] if state.replaces else []
    facts += [state.properties["tidegate.verdict"]] if "tidegate.verdict" in state.properties else []
    facts += [f"version {state.version[:8]}"] if state.version else []
    facts += [f"tags {', '.join(state.tags)}"] if state.tags else []
    return "  ".join(facts)


def _told(found: "Difference") -> Iterator[str]:
    yield f"A         {_line(found.before)}"
    yield f"B         {_line(found.after)}"
    yield f"rows      {found.added_rows:+,} {-found.removed_rows:,}, in whole files"
    for change in found.columns:
        sign = "+" if change.before is None else "-" if change.after is None else "~"
        both = " -> ".join(text for text in (change.before, change.after) if text)
        yield f"column  {sign} {both}"
    for sign, states in (("+", found.gained), ("-", found.lost)):
        for state in states:
            yield f"state   {sign} {_line(state)}"
    for name, (before, after) in found.figures.items():
        changed = [
            f"{what} {_text(old)} -> {_text(new)}"
            for what in ("nulls", "minimum", "maximum")
            if (old := getattr(before, what)) != (new := getattr(after, what))
        ]
        yield f"figures   {name}: {', '.join(changed)}"


def _when(state: "Snapshot") -> str:
    from tidegate.ingestion.snapshots import iso

    return iso(state.committed_at)


def _text(value: Any) -> str:
    return "unknown" if value is None else str(plain(value))
