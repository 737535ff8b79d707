"""`tidegate logs`: what a stage's functions, jobs and machines wrote."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from botocore.exceptions import ClientError

from tidegate_cli.commands.status import STAGES
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place, current

# states of each stage are its functions; jobs log where SageMaker puts them
JOBS = {
    "training": ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"),
    "monitoring": ("/aws/sagemaker/ProcessingJobs",),
}


@click.command("logs")
@click.argument("stage", type=click.Choice([*STAGES, "serving"]))
@click.option("--minutes", default=60, show_default=True, help="How far back to look")
@click.option("--errors", is_flag=True, help="Only lines that tell of an error")
@click.pass_obj
def command(options: Options, stage: str, minutes: int, errors: bool) -> None:
    """Print what a stage said, oldest first

    Example: tidegate logs training --minutes 10
    """
    place = current(options)
    Narrator(quiet=options.quiet).say("place", place.name)
    start = datetime.now(UTC) - timedelta(minutes=minutes)
    lines = sorted(_lines(place, stage, int(start.timestamp() * 1000)), key=lambda line: line["time"])
    if errors:
        lines = [
            line for line in lines if any(w in line["text"].lower() for w in ("error", "traceback", "failed"))
        ]
    if options.as_json:
        click.echo(json.dumps({"ok": True, "lines": lines}))
        return
    for line in lines:
        when = datetime.fromtimestamp(line["time"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
        click.echo(f"{when}  {line['source']:<22} {line['text']}")


def _lines(place: Place, stage: str, start_ms: int) -> list[dict[str, Any]]:
    groups = _groups(place, stage)
    if not groups:
        raise CommandError(f"no function of {stage} is deployed", hint="npx cdk deploy --all")
    found = []
    for source, group in groups:
        try:
            pages = place.client("logs").get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=group, startTime=start_ms):
                found += [
                    {"time": e["timestamp"], "source": source, "text": e["message"].rstrip()}
                    for e in page["events"]
                ]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":  # nothing was said yet
                raise
    return found


def _groups(place: Place, stage: str) -> list[tuple[str, str]]:
    """(short name, log group) of the stage's functions, found by the stage in their construct's path."""
    found = [(group.rsplit("/", 1)[-1], group) for group in JOBS.get(stage, ())]
    if stage == "serving":
        found.append(("endpoint", f"/aws/sagemaker/Endpoints/{place.outputs['EndpointName']}"))
    for stack in ("Pipeline", "Api"):
        pages = place.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=f"{place.prefix}-{stack}"):
            for resource in page["StackResourceSummaries"]:
                logical = resource["LogicalResourceId"].lower()
                belongs = logical.startswith(stage) or (stack == "Api" and stage == "serving")
                if belongs and resource["ResourceType"] == "AWS::Lambda::Function":
                    name = resource["PhysicalResourceId"]
                    described = place.client("lambda").get_function_configuration(FunctionName=name)
                    group = described.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
                    found.append((_short(resource["LogicalResourceId"], stage), group))
    return found


def _short(logical: str, stage: str) -> str:
    """`IngestionValidateShardFn1A2B3C4D` -> `ValidateShard`."""
    name = logical[len(stage) :] if logical.lower().startswith(stage) else logical
    return name[:-8].removesuffix("Function").removesuffix("Fn")
