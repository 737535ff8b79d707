"""`tidegate logs`: what a stage's functions, jobs and machine wrote."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from botocore.exceptions import ClientError

from tidegate_cli import log_text
from tidegate_cli.commands.status import STAGES
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current

# The construct that holds a stage's functions and machine, and its stack: ids of log groups begin with
# it. SageMaker's jobs log to groups of the whole account, in streams that begin with the job's name.
CONSTRUCTS = {stage: (stage.capitalize(), "Pipeline") for stage in STAGES} | {
    "deployment": ("Serving", "Pipeline"),
    "serving": ("Inference", "Api"),
}
JOBS = {
    "training": (
        ("/aws/sagemaker/TrainingJobs", "tune-"),
        ("/aws/sagemaker/TrainingJobs", "train-"),
        ("/aws/sagemaker/ProcessingJobs", "evaluate-"),
    ),
    "monitoring": (("/aws/sagemaker/ProcessingJobs", "measure-"),),
}
_HASH_DIGITS = 8  # CDK's, at the end of a logical id


@dataclass(frozen=True)
class Group:
    """A log group and whose it is; of a group shared by jobs, only streams that begin with `streams`."""

    source: str
    name: str
    streams: str = ""


@click.command("logs")
@click.argument("stage", type=click.Choice([*STAGES, "serving"]), metavar="STAGE")
@click.option("--minutes", default=60, show_default=True, help="How far back to look")
@click.option("--errors", is_flag=True, help="Only lines that tell of an error")
@click.pass_obj
def command(options: Options, stage: str, minutes: int, errors: bool) -> None:
    """Print what STAGE said, oldest first: ingestion, features, training, deployment, monitoring or serving

    With --json nothing is left out: metrics, Lambda's own lines and whole traces are there too.

    Example: tidegate logs training --minutes 10
    """
    place = current(options)
    narrator = Narrator(quiet=options.quiet)
    narrator.say("place", place.name)
    start = datetime.now(UTC) - timedelta(minutes=minutes)
    lines = sorted(_lines(place, stage, int(start.timestamp() * 1000)), key=lambda line: line["time"])
    if errors:
        lines = [line for line in lines if (said := log_text.read(line["text"])) and said.is_error]
    if options.as_json:
        click.echo(json.dumps({"ok": True, "lines": lines}))
        return
    told = [(line, said) for line in lines if (said := log_text.read(line["text"])) is not None]
    for line, said in told:
        when = datetime.fromtimestamp(line["time"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        first, *more = said.text.splitlines() or [""]
        click.echo(f"{when}  {line['source']:<22} {first}")
        for text in more:
            click.echo(f"{'':38}{text}")
    if not told:
        what = "told of no error" if errors else "said nothing"
        narrator.say("", f"{stage} {what} in the last {minutes} minutes")


def _lines(place: Place, stage: str, start_ms: int) -> Iterator[dict[str, Any]]:
    pages = place.client("logs").get_paginator("filter_log_events")
    for group in _groups(place, stage):
        wanted: dict[str, Any] = {"logStreamNamePrefix": group.streams} if group.streams else {}
        try:
            for page in pages.paginate(logGroupName=group.name, startTime=start_ms, **wanted):
                for event in page["events"]:
                    stream = event.get("logStreamName", "")
                    if stream.startswith(group.streams):
                        source = group.source or stream.partition("/")[0]
                        yield {
                            "time": event["timestamp"],
                            "source": source,
                            "text": event["message"].rstrip(),
                        }
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":  # nothing was said yet
                raise


def _groups(place: Place, stage: str) -> list[Group]:
    """The stage's log groups. Its jobs go by their own names, so those sources are left open."""
    found = [Group("", group, streams) for group, streams in JOBS.get(stage, ())]
    if stage == "serving":
        found.append(Group("Endpoint", f"/aws/sagemaker/Endpoints/{place.outputs['EndpointName']}"))
    construct, stack = CONSTRUCTS[stage]
    pages = place.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=f"{place.prefix}-{stack}"):
        for resource in page["StackResourceSummaries"]:
            logical = resource["LogicalResourceId"]
            if resource["ResourceType"] == "AWS::Logs::LogGroup" and logical.startswith(construct):
                found.append(Group(source(logical, construct), resource["PhysicalResourceId"]))
    return found


def source(logical: str, construct: str) -> str:
    """`IngestionPlanShardsLogDA3D4CB7` -> `PlanShards`; the machine's own log -> `machine`."""
    return logical[len(construct) : -_HASH_DIGITS].removesuffix("Log") or "machine"
