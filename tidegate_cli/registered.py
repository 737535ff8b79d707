"""Model versions of the registry, found by the names that a person types."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError

from tidegate_cli import model
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

if TYPE_CHECKING:
    from tidegate.aws.model_package import Contents

NAMES = "a version number, a training run, an ARN or `champion`"
VERSION_DIGITS = 7  # a run begins with fourteen
GATE = "the gate"
EVALUATION_PAGE = "evaluation.html"  # beside evaluation.json


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One version. The metric and its 95 % interval are those of its evaluation; None where it names none."""

    version: int
    arn: str
    run: str
    approval: str  # Approved | Rejected | PendingManualApproval
    reason: str  # of whoever decided
    by: str
    decided_at: str
    created: str  # ISO 8601
    metric_name: str
    metric: float | None
    low: float | None
    high: float | None
    live: str | None  # champion or candidate, with its share of the traffic
    described: dict[str, Any] = field(repr=False, compare=False)  # DescribeModelPackage's answer

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.described.get("CustomerMetadataProperties", {}))

    @property
    def model_uri(self) -> str:
        return str(self.described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])

    @property
    def image(self) -> str:
        return str(self.described["InferenceSpecification"]["Containers"][0]["Image"])

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "described"}


def listed(place: Place, count: int) -> list[Registered]:
    """The newest versions, newest first."""
    marks = live(place)
    return [_described(place, each["ModelPackageArn"], marks) for each in model.packages(place)[:count]]


def find(place: Place, name: str) -> Registered:
    """The version that is called so.

    Raises:
        CommandError: there is none.
    """
    marks = live(place)
    if name == "champion":
        champion = model.champion(place)
        if champion is None:
            raise CommandError("nothing serves yet", hint="tidegate models list")
        return _described(place, champion.model_package_arn, marks)
    packages = model.packages(place)
    versions = {str(each["ModelPackageVersion"]): each["ModelPackageArn"] for each in packages}
    if name in versions or name in versions.values():
        return _described(place, versions.get(name, name), marks)
    if not name.startswith("arn:") and not (name.isdecimal() and len(name) <= VERSION_DIGITS):
        for arn in versions.values():  # newest first: a model may have been registered twice
            found = _described(place, arn, marks)
            if found.run == name:
                return found
    raise CommandError(
        f"there is no model `{name}`",
        cause=f"the versions are {', '.join(versions) or 'none yet'}",
        hint=f"name it by {NAMES}: tidegate models list",
    )


def live(place: Place) -> dict[str, str]:
    """Of each package that takes traffic, or could at once: what it is, and its share."""
    champion = model.champion(place)
    marks = {} if champion is None else {champion.model_package_arn: "champion"}
    for share in model.traffic(place):
        item = model.state(place, f"variant#{share.variant}")
        if item is not None:
            arn = item["model_package_arn"]
            marks[arn] = f"{marks.get(arn, 'candidate').split()[0]} {share.share:.0%}"
    return marks


def evaluation(place: Place, found: Registered) -> dict[str, Any] | None:
    """evaluation.json of the version; None when it names none, or it is gone."""
    uri = _evaluation_uri(found)
    return None if uri is None else _json(place, uri)


def _evaluation_uri(found: Registered) -> str | None:
    quality = found.described.get("ModelMetrics", {}).get("ModelQuality", {})
    uri: str | None = quality.get("Statistics", {}).get("S3Uri")
    return uri


def evaluation_page(place: Place, found: Registered) -> bytes:
    """The page beside evaluation.json.

    Raises:
        CommandError: the version names no evaluation, or its page is gone.
    """
    uri = _evaluation_uri(found) or ""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        answer = place.client("s3").get_object(
            Bucket=bucket, Key=f"{key.rpartition('/')[0]}/{EVALUATION_PAGE}"
        )
    except (ClientError, ParamValidationError) as cause:
        raise CommandError(
            f"version {found.version} has no page of its evaluation",
            cause=str(cause) if uri else "it names no evaluation",
        ) from cause
    body: bytes = answer["Body"].read()
    return body


def contents(place: Place, uri: str) -> "Contents":
    """What is in a model's artefact.

    Raises:
        CommandError: it is gone, or no artefact of ours.
    """
    from tidegate.aws import model_package
    from tidegate.errors import ArtefactError

    try:
        return model_package.contents(place.client("s3"), uri)
    except ArtefactError as error:
        raise CommandError.of(error) from error
    except ClientError as cause:
        raise CommandError(f"`{uri}` cannot be read", cause=str(cause)) from cause


def _json(place: Place, uri: str) -> dict[str, Any] | None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        body = place.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError:
        return None
    document: dict[str, Any] = json.loads(body)
    return document


def _described(place: Place, arn: str, marks: dict[str, str]) -> Registered:
    described = place.client("sagemaker").describe_model_package(ModelPackageName=arn)
    metadata = described.get("CustomerMetadataProperties", {})
    approval = described.get("ModelApprovalStatus", "")
    metric, low, high = _numbers(metadata)
    return Registered(
        version=described["ModelPackageVersion"],
        arn=arn,
        run=metadata.get("run", ""),
        approval=approval,
        reason=described.get("ApprovalDescription", ""),
        by=metadata.get("decided_by", GATE if approval == "Approved" else ""),
        decided_at=metadata.get("decided_at", ""),
        created=described["CreationTime"].isoformat(),
        metric_name=metadata.get("metric_name", ""),
        metric=metric,
        low=low,
        high=high,
        live=marks.get(arn),
        described=described,
    )


def _numbers(metadata: dict[str, str]) -> Iterator[float | None]:
    for name in ("metric", "metric_low", "metric_high"):
        try:
            yield float(metadata[name])
        except (KeyError, ValueError):
            yield None
