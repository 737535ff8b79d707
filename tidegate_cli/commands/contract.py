"""`tidegate contract`: write a data contract from a file, check one, compare two. Needs no cloud."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate_cli import page_file
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Group, Options
from tidegate_cli.narration import Narrator

if TYPE_CHECKING:
    from tidegate.contract.check import FileCheck, RuleCheck
    from tidegate.contract.plan import Column, ContractPlan

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NAME = r"[a-z][a-z0-9_]{0,99}"
_SHOWN_ROWS = 5
_WHOLE = "the drop"
_LEVEL_COLOURS = {"none": "green", "minor": "green", "major": "red"}


@click.group("contract", cls=Group, subcommand_metavar="COMMAND")
@click.pass_obj
def command(options: Options) -> None:
    """Write, check and compare data contracts, on this machine

    Example: tidegate contract infer people.csv -o contract.yaml
    """
    if options.aws is not None:
        raise CommandError("contracts are read on this machine only", hint="remove --aws")


@command.command("infer")
@click.argument("file", type=_FILE)
@click.option("--name", help="Name of the dataset  [default: the file's name]")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there")
@click.pass_obj
def infer(options: Options, file: Path, name: str | None, output: Path | None) -> None:
    """Write a contract that FILE keeps, to be edited

    Types come from all rows; what was seen of each column stands beside it as a comment.

    Example: tidegate contract infer people.csv -o contract.yaml
    """
    from tidegate.contract.draft import write
    from tidegate.contract.infer import draft_of
    from tidegate.errors import DropUnreadableError

    if name is not None and not re.fullmatch(_NAME, name):
        raise CommandError(f"`{name}` cannot name a dataset", cause=f"it must match {_NAME}")
    if output is not None and output.exists():
        raise CommandError(
            f"`{output}` exists", hint="name another file, or remove this one: it may be edited"
        )
    narrator = Narrator(quiet=options.quiet)
    narrator.say("reading", str(file))
    try:
        draft = draft_of(file, name=name)
    except DropUnreadableError as error:
        raise CommandError.of(error) from error
    text = write(draft)
    narrator.say("inferred", f"{len(draft.columns)} columns from {draft.rows:,} rows")
    for left, why in draft.left_out.items():
        narrator.say("left out", f"{left}: {why}")
    for seen in draft.columns:
        if seen.failed:
            narrator.say("mixed", f"{seen.column.name}: {seen.failed:,} values are no {seen.column.type}")
    if output is not None:
        page_file.save(output, text.encode())
        narrator.say("try", f"tidegate contract check {output} {file}")
    if options.as_json:
        facts = {"dataset": draft.name, "rows": draft.rows, "columns": len(draft.columns)}
        where = {"contract": text} if output is None else {"path": str(output)}
        click.echo(json.dumps({"ok": True, **facts, "left_out": draft.left_out, **where}))
    elif output is None:
        click.echo(text, nl=False)


@command.command("check")
@click.argument("contract", type=_FILE)
@click.argument("file", type=_FILE, required=False)
@click.pass_obj
def check(options: Options, contract: Path, file: Path | None) -> None:
    """Say what CONTRACT holds, or what it says to FILE

    Freshness is judged when a file is dropped, not here.

    Example: tidegate contract check contract.yaml people.csv
    """
    plan = _compiled(contract)
    if file is None:
        if options.as_json:
            click.echo(json.dumps({"ok": True, "contract": _facts(plan)}))
        else:
            for line in _described(plan):
                click.echo(line)
        return
    from tidegate.contract.check import check_file
    from tidegate.errors import ConfigError, DropUnreadableError

    Narrator(quiet=options.quiet).say("reading", str(file))
    try:
        found = check_file(plan, file)
    except (ConfigError, DropUnreadableError) as error:
        raise CommandError.of(error) from error
    if options.as_json:
        click.echo(json.dumps({"ok": found.passes, "contract": _facts(plan), "file": _file_facts(found)}))
    else:
        for line in _judged(found, plan):
            click.echo(line)
    raise SystemExit(0 if found.passes else 1)


@command.command("diff")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.pass_obj
def diff(options: Options, old: Path, new: Path) -> None:
    """Say whether NEW is a minor or a major change of OLD

    A major change, after which drops or readers may fail, ends with 1.

    Example: tidegate contract diff contract.yaml edited.yaml
    """
    from tidegate.contract.diff import diff as compare

    found = compare(_compiled(old), _compiled(new))
    if options.as_json:
        facts = {"level": found.level, "due_version": found.due_version, "says_enough": found.says_enough}
        changes = [asdict(change) for change in found.changes]
        click.echo(json.dumps({"ok": found.level != "major", **facts, "changes": changes}))
    else:
        for change in found.changes:
            level = click.style(f"{change.level:<6}", fg=_LEVEL_COLOURS[change.level])
            click.echo(f"{level} {change.column or 'the table'}: {change.what}; {change.why}")
        click.echo(f"{found.level}{'' if found.says_enough else f'; version {found.due_version} is due'}")
    raise SystemExit(1 if found.level == "major" else 0)


def _compiled(path: Path) -> "ContractPlan":
    from tidegate.contract import ContractPlan, compile_contract
    from tidegate.errors import ConfigError

    try:
        return ContractPlan.from_json(compile_contract(path))
    except ConfigError as error:
        raise CommandError.of(error) from error


def _facts(plan: "ContractPlan") -> dict[str, Any]:
    known = {"id": plan.id, "version": plan.version, "dataset": plan.dataset, "hash": plan.hash}
    return {**known, "columns": len(plan.columns), "rules": len(plan.rules)}


def _described(plan: "ContractPlan") -> Iterable[str]:
    from tidegate.contract.rule_changes import title

    yield f"{plan.dataset} {plan.version}   {len(plan.columns)} columns, {len(plan.rules)} rules"
    width = max(len(_WHOLE), *(len(column.name) for column in plan.columns))
    for column in plan.columns:
        rules = [rule for rule in plan.rules if rule.columns == (column.name,) and rule.kind != "type"]
        words = [title(rule) + (" (warning)" if rule.severity == "warning" else "") for rule in rules]
        yield f"  {column.name:<{width}}  {_type(column):<20} {'; '.join(words)}".rstrip()
    for rule in plan.rules:
        if len(rule.columns) != 1 and rule.kind != "columns":
            yield f"  {_WHOLE:<{width}}  {title(rule)}"


def _type(column: "Column") -> str:
    return f"{column.type} {column.format or ''}".rstrip()


def _file_facts(found: "FileCheck") -> dict[str, Any]:
    rules = [
        {
            "rule": item.rule.kind,
            "columns": item.rule.columns,
            "severity": item.rule.severity,
            "holds": item.holds,
            "failed_rows": item.count.failed,
            "first_rows": item.count.first_rows,
            "first_values": item.count.first_values,
        }
        for item in found.rules
    ]
    return {"rows": found.rows, "missing": found.missing, "extra": found.extra, "rules": rules}


def _judged(found: "FileCheck", plan: "ContractPlan") -> Iterable[str]:
    from tidegate.ingestion.rule_results import strangers

    error = click.style("error  ", fg="red")
    stranger = strangers(plan, found.extra, is_there=len(found.missing) < len(plan.names))
    if stranger is not None:
        yield f"{error} {stranger}"
    for name in found.missing if stranger is None else ():
        yield f"{error} {name}: the column is missing"
    for name in found.extra if stranger is None else ():
        yield click.style("warning", fg="yellow") + f" {name}: not in the contract, it would be left out"
    broken = [item for item in found.rules if item.is_broken]
    for item in sorted(broken, key=lambda item: item.rule.severity):
        yield from _broken(item, found.rows, plan)
    later = sum(item.holds is None for item in found.rules)
    note = f"; {later} more cannot be judged by this file" if later else ""
    kept = sum(item.holds is True for item in found.rules)
    answer = "ok" if found.passes else "refused"
    yield f"{answer}   {found.rows:,} rows, {kept} rules kept, {len(broken)} broken{note}"


def _broken(item: "RuleCheck", rows: int, plan: "ContractPlan") -> Iterable[str]:
    from tidegate.contract.rule_changes import title

    colour = "red" if item.rule.severity == "error" else "yellow"
    names = ", ".join(item.rule.columns) or _WHOLE
    count = f"{rows:,} rows" if item.rule.kind == "row_count" else f"{item.count.failed:,} of {rows:,} rows"
    what = f"type {_type(plan.column(names))}" if item.rule.kind == "type" else title(item.rule)
    yield click.style(f"{item.rule.severity:<7}", fg=colour) + f" {names}: {what}: broken in {count}"
    shown = list(zip(item.count.first_rows, item.count.first_values, strict=True))[:_SHOWN_ROWS]
    for row, value in shown:
        yield f"          row {row:,}: {value!r}"
