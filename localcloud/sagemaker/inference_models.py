"""Models as SageMaker has them: an image, model data and an environment, ready to be served.

Limits, each refused by name: one container, no multi-model container.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.sagemaker.exceptions import ValidationError

from localcloud import cloud
from localcloud.sagemaker import packages, s3, uris
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.resources import Resource, without_tags

NOT_FOUND = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


@dataclass(frozen=True)
class Served:
    """What a variant of a model runs, a model package resolved."""

    image: str
    data_url: str | None  # a .tar.gz
    data_prefix: str | None  # or files as they are
    environment: Mapping[str, str]
    role_arn: str


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    arn = backend.arn("model", name)
    if name in backend.models:
        raise ValidationError(f'Cannot create already existing model "{arn}".')
    answer = {"EnableNetworkIsolation": False, **without_tags(request), "ModelArn": arn}
    model = Resource(arn, answer, request.get("Tags"))
    _check_data(served(backend, model))
    backend.models[name] = model
    return {"ModelArn": arn}


def find(backend: Any, name: str) -> Resource:
    if found := backend.models.get(name):
        return found  # type: ignore[no-any-return]
    raise ValidationError(f'Could not find model "{backend.arn("model", name)}".')


def delete(backend: Any, name: str) -> None:
    find(backend, name)
    del backend.models[name]


def list_models(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    names = ("ModelName", "ModelArn", "CreationTime")
    answers = [pick(model.answer, names) for model in list(backend.models.values())]
    return listing(answers, request, noun="Model", into="Models", order="Descending")


def served(backend: Any, model: Resource) -> Served:
    """Image, data and environment; of a model package, its first container's under the model's own."""
    answer = model.answer
    containers = answer.get("Containers") or [answer["PrimaryContainer"]]
    if len(containers) != 1:
        raise ValidationError("The local cloud serves models of one container.")
    container = containers[0]
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise ValidationError("The local cloud does not serve multi-model containers.")
    if "ExecutionRoleArn" not in answer:
        raise ValidationError("ExecutionRoleArn is required to serve a model.")
    environment = container.get("Environment", {})
    if name := container.get("ModelPackageName"):
        container = _packaged(packages.find(backend, name))
        environment = {**container.get("Environment", {}), **environment}
    if "Image" not in container:
        raise ValidationError("A container needs an Image or a ModelPackageName.")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    packed = source.get("CompressionType", "Gzip") == "Gzip"
    return Served(
        image=container["Image"],
        data_url=container.get("ModelDataUrl") or (source.get("S3Uri") if packed else None),
        data_prefix=None if packed else source.get("S3Uri"),
        environment=environment,
        role_arn=answer["ExecutionRoleArn"],
    )


def _packaged(package: packages.Package) -> Mapping[str, Any]:
    answer = package.answer
    if answer.get("ModelApprovalStatus", "Approved") != "Approved":
        raise ValidationError(
            f"Model package {package.arn} cannot be used: its approval status is "
            f"{answer['ModelApprovalStatus']}, not Approved."
        )
    containers = answer.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise ValidationError(f"The local cloud serves model packages of one container, not {package.arn}.")
    return containers[0]  # type: ignore[no-any-return]


def _check_data(what: Served) -> None:
    """AWS looks with the model's role whether the data is there."""
    if what.data_url is None:
        return
    bucket, key = uris.split(what.data_url)
    try:
        s3.client(what.role_arn).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            raise ValidationError(f"Could not find model data at {what.data_url}.") from error
        raise ValidationError(
            f'Could not access model data at {what.data_url}. Please ensure that the role "{what.role_arn}" '
            "exists and that its trust relationship policy allows the action "
            '"sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that the role '
            f'has "s3:GetObject" permissions and that the object is located in {cloud.current().region}.'
        ) from error
