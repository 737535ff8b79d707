"""Training runs by what they told of themselves in lineage: the state they learned from, and their model."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidegate import lake_keys
from tidegate.aws import origins
from tidegate.aws.objects import get_json
from tidegate.origins.impact import Run
from tidegate_cli import model
from tidegate_cli.place import Place

LINEAGE = "lineage/"


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run; members that nobody told are empty."""

    run: str
    model_run: str  # whose model it came to: its own, or that of an earlier run of the same inputs
    ended: str  # COMPLETE, FAIL, or START while it runs
    dataset: str
    snapshot_id: int | None
    tag: str
    feature_hash: str
    trigger: str
    cause: str
    package_arn: str
    views: tuple[str, ...]  # versions

    def lineage(self) -> Run:
        return Run(run=self.run, snapshot_id=self.snapshot_id, views=frozenset(self.views))

    def to_json(self) -> dict[str, Any]:
        told = {**vars(self), "views": list(self.views)}
        return told | {"snapshot_id": None if self.snapshot_id is None else str(self.snapshot_id)}


def every(place: Place) -> list[TrainingRun]:
    """All runs, oldest first."""
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=LINEAGE)
    last: dict[str, str] = {}
    for page in pages:
        for item in page.get("Contents", []):
            run, _, name = item["Key"].removeprefix(LINEAGE).partition("/")
            if name != "start.json" or run not in last:
                last[run] = item["Key"]
    with ThreadPoolExecutor(origins.READERS) as pool:
        documents = pool.map(lambda key: get_json(s3, bucket, key), last.values())
        return [_of(document) for document in documents]


def one(place: Place, run: str) -> TrainingRun | None:
    """The run of that name, as far as it came; None when lineage has nothing of it."""
    for kind in ("COMPLETE", "FAIL", "START"):
        try:
            document = get_json(place.client("s3"), place.outputs["LakeBucket"], lake_keys.lineage(run, kind))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404):
                raise
        else:
            return _of(document)
    return None


def package(place: Place, run: TrainingRun | None, name: str) -> dict[str, Any] | None:
    """DescribeModelPackage's answer for the model of a run; None when it was not registered."""
    sagemaker = place.client("sagemaker")
    known = [run.package_arn] if run is not None and run.package_arn else []
    others = (each["ModelPackageArn"] for each in model.packages(place)) if not known else ()
    for arn in (*known, *others):
        try:
            found: dict[str, Any] = sagemaker.describe_model_package(ModelPackageName=arn)
        except ClientError:  # it was deleted
            continue
        if found.get("CustomerMetadataProperties", {}).get("run") == name:
            return found
    return None


def _of(document: Mapping[str, Any]) -> TrainingRun:
    facet = document["run"]["facets"]["tidegate"]
    dataset, _, snapshot = facet.get("snapshot", "").partition("@")
    versions = [each["facets"]["version"]["datasetVersion"] for each in document.get("inputs", [])]
    return TrainingRun(
        run=facet["run"],
        model_run=facet.get("model_run") or facet["run"],
        ended=document["eventType"],
        dataset=dataset,
        snapshot_id=int(snapshot) if snapshot else None,
        tag=facet.get("tag", ""),
        feature_hash=facet.get("feature_hash", ""),
        trigger=facet.get("trigger", ""),
        cause=facet.get("cause", ""),
        package_arn=facet.get("package_arn", ""),
        views=tuple(version for version in versions if "@" in version),
    )
