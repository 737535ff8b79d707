"""Monitoring windows of a place: which there are, and what their states have left of them."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate_cli import model
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

if TYPE_CHECKING:
    from tidegate.monitoring.page import Documents

FOLDER = "monitoring/"
PAGE = "report.html"
DOCUMENTS = ("measurement", "quality", "skew", "operations", "decision")


def runs(place: Place) -> list[str]:
    """Every window that something was written of, the newest first."""
    pages = place.client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=place.outputs["LakeBucket"], Prefix=FOLDER, Delimiter="/")
    names = (each["Prefix"] for page in found for each in page.get("CommonPrefixes", []))
    return sorted((name.removeprefix(FOLDER).rstrip("/") for name in names), reverse=True)


def find(place: Place, name: str | None) -> str:
    """The window that is called so, or begins so; without a name the newest.

    Raises:
        CommandError: there is none, or several begin so.
    """
    every = runs(place)
    if not every:
        raise CommandError(
            "no window was measured yet", hint="it begins with monitoring.minimum_rows captured requests"
        )
    if name is None:
        return every[0]
    found = [run for run in every if run.startswith(name)]
    if len(found) != 1:
        cause = f"{len(found)} begin so" if found else f"the newest is {every[0]}"
        raise CommandError(f"no window `{name}`", cause=cause, hint="tidegate monitor list")
    return found[0]


def document(place: Place, run: str, name: str) -> dict[str, Any] | None:
    """One JSON document of a window; None when it is not there."""
    body = content(place, run, f"{name}.json")
    if body is None:
        return None
    found: dict[str, Any] = json.loads(body)
    return found


def content(place: Place, run: str, name: str) -> bytes | None:
    """A file of a window; None when it is not there."""
    try:
        answer = place.client("s3").get_object(
            Bucket=place.outputs["LakeBucket"], Key=f"{FOLDER}{run}/{name}"
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    body: bytes = answer["Body"].read()
    return body


def documents(place: Place, run: str, *, quality_run: str | None = None) -> "Documents":
    """What a window's findings are made of; quality may be of a later look that measured nothing else."""
    from tidegate.monitoring.page import Alarm, Documents, Window

    read = {name: document(place, run, name) for name in DOCUMENTS}
    if quality_run is not None and quality_run != run:
        read["quality"] = document(place, quality_run, "quality")
    quality = read["quality"] or {}
    window = Window(
        run=run,
        pipeline=place.prefix,
        start="",
        end="",
        records=int((read["measurement"] or {}).get("summary", {}).get("rows", 0)),
        ready=read["measurement"] is not None,
        reason="",
        model_run=str(quality.get("model", "")),
        model_version=None,
    )
    alarms = tuple(
        Alarm(name=each["name"], state=each["state"], since="", reason=each["reason"], description="")
        for each in model.alarms(place)
    )
    return Documents(window=window, alarms=alarms, **read)


def listed(place: Place, count: int) -> Iterator[dict[str, Any]]:
    """The newest windows with what they say in a line."""
    for run in runs(place)[:count]:
        measurement, quality = document(place, run, "measurement"), document(place, run, "quality")
        summary = (measurement or {}).get("summary", {})
        realised = (quality or {}).get("realised", {})
        yield {
            "run": run,
            "rows": summary.get("rows"),
            "drifted": [each["column"] for each in summary.get("drifted", [])],
            "quality": realised.get("status"),
            "value": realised.get("value"),
            "metric": (quality or {}).get("metric"),
        }
