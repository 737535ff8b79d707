"""`tidegate status`: what is live and what rings."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import shorten
from typing import Any

import click

from tidegate_cli import incidents, ledger, model, windows
from tidegate_cli.executions import machine
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.operation_words import ages, operated
from tidegate_cli.place import Place, current

STAGES = ("ingestion", "features", "training", "deployment", "monitoring")
PACKAGES = 10
NEWEST = 20  # executions of a stage that are looked at
_REASON = 120  # letters of a drop's reason; `tidegate drops show ID` has all of it


@click.command("status")
@click.option("--drops", "shown", default=10, show_default=True, help="How many of the newest drops to list")
@click.pass_obj
def command(options: Options, shown: int) -> None:
    """Show what is live: data, model, traffic, alarms

    Example: tidegate status --json | jq .model
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    report = _report(place, shown)
    ringing = [alarm["name"] for alarm in report["alarms"] if alarm["state"] == "ALARM"]
    if options.as_json:
        click.echo(json.dumps({"ok": not ringing, **report}, default=str))
    else:
        _print(report)
    raise SystemExit(1 if ringing else 0)


def _report(place: Place, shown: int) -> dict[str, Any]:
    drops = ledger.entries(place)
    live = model.summary(place)
    return {
        "data": {"drops": dict(Counter(drop["state"] for drop in drops)), "latest": drops[:shown]},
        "model": live,
        "window": _window(place, live),
        "packages": [
            {
                "version": p["ModelPackageVersion"],
                "approval": p["ModelApprovalStatus"],
                "created": p["CreationTime"].isoformat(),
            }
            for p in model.packages(place)[:PACKAGES]
        ],
        "stages": {stage: _latest(place, stage) for stage in STAGES},
        "alarms": model.alarms(place),
        "incidents": [row for row in incidents.all_of(place) if row["state"] == "open"],
        "retraining": incidents.decision(place),
    }


def _window(place: Place, live: dict[str, Any]) -> dict[str, Any] | None:
    """What the newest look found, as its page has it; of quality, what a later look found of late labels."""
    if not live["monitoring"]:
        return None
    from tidegate.monitoring.page.findings import findings  # numpy: only where a window was measured

    run = live["monitoring"]["run"]
    found = windows.documents(place, run, quality_run=(live["quality"] or {}).get("run"))
    return {"run": run, "findings": [asdict(each) for each in findings(found) if each.word != "alarms"]}


def _latest(place: Place, stage: str) -> dict[str, Any] | None:
    """The execution that runs, else the newest: one that found the lock taken ends before it."""
    client, arn = place.client("stepfunctions"), machine(place, stage)
    found = client.list_executions(stateMachineArn=arn, maxResults=NEWEST)["executions"]
    for execution in [*(each for each in found if each["status"] == "RUNNING"), *found][:1]:
        ended = execution.get("stopDate") or datetime.now(UTC)
        seconds = (ended - execution["startDate"]).total_seconds()
        return {"status": execution["status"], "name": execution["name"], "seconds": round(seconds, 1)}
    return None


def quality_lines(quality: dict[str, Any]) -> list[str]:
    """What outcomes say of the champion, and what its probabilities promise where outcomes lack."""
    share = quality["coverage"] or 0.0
    told = f"{quality['rows']} outcomes, {share:.0%} of predictions have one"
    if quality["status"] != "insufficient":
        interval = f"{quality['value']:.4f} [{quality['low']:.4f}, {quality['high']:.4f}]"
        told = f"{quality['status']}: {interval}, promised {quality['promised']:.4f}, from {told}"
    lines = [f"quality   {told}"]
    if quality["estimate"] is None:
        lines.append(f"estimated {quality['estimate_status']}")
    else:
        lines.append(f"estimated {quality['estimate_status']}: {quality['estimate']:.4f}")
    return lines


def _print_model(report: dict[str, Any]) -> None:
    live = report["model"]
    champion = live["champion"]
    if champion is None:
        click.echo(f"model     none yet{what_now(report)}")
    else:
        endpoint = live["endpoint"] or "missing"
        click.echo(f"model     version {champion['version']} since {champion['since']}, endpoint {endpoint}")
    for package in report["packages"]:
        if package["approval"] == "PendingManualApproval":
            version = package["version"]
            click.echo(
                f"waiting   version {version} for a person: tidegate models approve {version} --reason WHY"
            )
    for share in live["traffic"]:
        click.echo(f"traffic   {share['share']:4.0%}  {share['variant']}  {share['model']}")
    _print_watched(report)


def what_now(report: dict[str, Any]) -> str:
    """What a person does who has no champion yet, or waits for."""
    if report["packages"]:
        return ""
    for stage in ("ingestion", "features", "training"):
        if (report["stages"][stage] or {}).get("status") == "RUNNING":
            return f": {stage} runs, the rest follows by itself"
    training = (report["stages"]["training"] or {}).get("status")
    if training == "FAILED":
        return ": the training failed, see `tidegate logs training --errors`"
    if report["data"]["drops"].get("recorded"):
        return "" if training is None else ": the training ended without one, see `tidegate logs training`"
    return ": deliver a drop with `tidegate drop FILE`"


def _print_watched(report: dict[str, Any]) -> None:
    live = report["model"]
    if live["monitoring"]:
        window = live["monitoring"]
        drifted = ", ".join(c["column"] for c in window.get("drifted", [])) or "none"
        click.echo(f"watched   {window.get('rows', 0)} rows until {window['end']}, drifted: {drifted}")
    if live["operations"]:
        told = (operated(live["operations"]), ages(live["operations"]))
        click.echo(f"operated  {'; '.join(filter(None, told))}")
    if report["window"] is not None:
        for each in report["window"]["findings"]:
            click.echo(f"  {each['word']:<9} {each['sentence']}")
        click.echo(f"  {'page':<9} tidegate monitor show {report['window']['run']} --html")
    elif live["quality"]:
        for line in quality_lines(live["quality"]):
            click.echo(line)


def retraining_line(decision: dict[str, Any]) -> str:
    """What the last window decided on retraining, and why."""
    words = {"none": "not needed", "hold-off": "held off", "wait": "waits", "train": "started"}
    return f"retrain   {words[decision['action']]}: {decision['reason']}"


def _print(report: dict[str, Any]) -> None:
    _print_model(report)
    if report["retraining"] is not None:
        click.echo(retraining_line(report["retraining"]))
    counts = report["data"]["drops"]
    click.echo("drops     " + (", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "none"))
    for drop in report["data"]["latest"]:
        reason = str(drop.get("reason") or "").splitlines()
        told = shorten(reason[0] if reason else "", _REASON, placeholder=" ...")
        click.echo(f"  {drop['state']:<11} {drop['key']:<40} {told}".rstrip())
    for stage, latest in report["stages"].items():
        if latest is not None:
            click.echo(
                f"{stage:<12}{latest['status'].lower():<11} {latest['seconds']:8.1f} s  {latest['name']}"
            )
    ringing = [alarm for alarm in report["alarms"] if alarm["state"] == "ALARM"]
    click.echo(f"alarms    {len(ringing)} of {len(report['alarms'])} ringing")
    for alarm in ringing:
        click.echo(f"  ALARM     {alarm['name']}: {alarm['reason']}")
        if alarm["runbook"]:
            click.echo(f"            {alarm['runbook']}")
    click.echo(f"incidents {len(report['incidents'])} open")
    for row in report["incidents"]:
        click.echo(f"  {incidents.line(row)}")
