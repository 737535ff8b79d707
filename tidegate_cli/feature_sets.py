"""Feature sets by the names that a person types: a model version, deployed, local, or digits of a hash."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate_cli import model
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

if TYPE_CHECKING:
    from tidegate.feature_store.feature_plan import FeatureSetPlan

NAMES = "a model version, `deployed`, `local`, or the first 8 or more digits of a feature set's hash"
_METADATA = "tidegate:features"  # of the pipeline's stack: the feature set that its functions carry
_SETS = "features/sets/"
_HASH = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Named:
    """A feature set and the name it was asked for by."""

    name: str
    plan: "FeatureSetPlan"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "feature_set": self.plan.name, "hash": self.plan.hash}


def find(place: Place, pipeline: Path, name: str) -> Named:
    """The feature set that is called so.

    Raises:
        CommandError: there is none, or more than one.
    """
    if name == "deployed":
        return Named(name, deployed(place))
    if name == "local":
        return Named(name, local(pipeline))
    if name.isdecimal() and len(name) < 8:  # noqa: PLR2004  from there on it is a hash
        return Named(f"version {name}", of_package(place, package(place, int(name))["ModelPackageArn"]))
    if _HASH.fullmatch(name.lower()):
        return Named(name, kept(place, name.lower()))
    raise CommandError(f"`{name}` names no feature set", hint=f"name it by {NAMES}")


def deployed(place: Place) -> "FeatureSetPlan":
    """The feature set of the deployed pipeline, as its stack's template says.

    Raises:
        CommandError: it was deployed by a release that did not say it.
    """
    from tidegate.feature_store.feature_plan import FeatureSetPlan

    template = place.client("cloudformation").get_template(StackName=f"{place.prefix}-Pipeline")
    document = json.loads(json.dumps(template["TemplateBody"])).get("Metadata", {}).get(_METADATA)
    if document is None:
        raise CommandError(
            "the deployed pipeline does not say which features it has",
            cause="it was deployed by an older release",
            hint="deploy it again",
        )
    return FeatureSetPlan.from_json(document)


def local(pipeline: Path) -> "FeatureSetPlan":
    """The feature set as the pipeline's folder has it now; executes its features.py.

    Raises:
        CommandError: the folder is no pipeline, or its features are refused.
    """
    from tidegate.errors import ConfigError
    from tidegate.feature_store.feature_file import load, plan_of

    try:
        text = tomllib.loads((pipeline / "pipeline.toml").read_text())["pipeline"]["features"]
        file, _, attribute = text.partition(":")
        return plan_of(load(pipeline / file, attribute), attribute)
    except ConfigError as error:
        raise CommandError.of(error) from error
    except (OSError, ValueError, KeyError) as cause:
        raise CommandError(
            f"`{pipeline}` is not a pipeline", cause=str(cause), hint="name a folder with --pipeline"
        ) from cause


def package(place: Place, version: int) -> dict[str, Any]:
    """The summary of a model version in the registry.

    Raises:
        CommandError: there is none.
    """
    found = model.packages(place)
    for each in found:
        if each["ModelPackageVersion"] == version:
            return each
    versions = ", ".join(str(each["ModelPackageVersion"]) for each in found)
    raise CommandError(f"there is no model version {version}", hint=f"there are: {versions or 'none yet'}")


def of_package(place: Place, arn: str) -> "FeatureSetPlan":
    """The feature set that a model was trained on."""
    hash_ = hash_of_package(place, arn)
    if hash_ is None:
        raise CommandError(
            f"model version {arn.rpartition('/')[2]} does not say which features it was trained on", cause=arn
        )
    return kept(place, hash_)


def hash_of_package(place: Place, arn: str) -> str | None:
    described = place.client("sagemaker").describe_model_package(ModelPackageName=arn)
    hash_: str | None = described.get("CustomerMetadataProperties", {}).get("feature_set_hash")
    return hash_


def kept(place: Place, hash_: str) -> "FeatureSetPlan":
    """The feature set whose hash begins so: the deployed one, or one that was computed or trained on.

    Raises:
        CommandError: there is none, or more than one.
    """
    from tidegate.aws import feature_sets

    now = deployed(place)
    if now.hash.startswith(hash_):
        return now
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    if len(hash_) == len(now.hash):
        try:
            return feature_sets.get(s3, bucket, hash_)
        except LookupError as cause:
            raise _unknown(hash_) from cause
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{_SETS}{hash_}")
    try:
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    except ClientError as cause:
        raise CommandError("the lake cannot be listed", cause=str(cause)) from cause
    hashes = [key.removeprefix(_SETS).removesuffix(".json") for key in keys]
    if len(hashes) > 1:
        near = ", ".join(each[:16] for each in hashes[:5])
        raise CommandError(f"{len(hashes)} feature sets begin with `{hash_}`", cause=near)
    if not hashes:
        raise _unknown(hash_)
    return feature_sets.get(s3, bucket, hashes[0])


def _unknown(hash_: str) -> CommandError:
    return CommandError(
        f"there is no feature set `{hash_[:16]}`",
        cause="it is neither deployed nor kept in the lake",
        hint="one is kept when its features are computed or a model is trained on it",
    )
