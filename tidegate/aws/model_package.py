"""What a model package holds of its features: the code and plan the model was trained with.

Of `model.tar.gz` only these small members are read; the model itself is never unpacked.
"""

import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate import artefact
from tidegate.artefact import OF_FEATURES, FeatureCode
from tidegate.aws.objects import split_uri
from tidegate.aws.registry import ModelPackage
from tidegate.errors import ArtefactError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_MEMBER_BYTES = 8 << 20  # of code, a plan, a manifest: kilobytes in practice


def feature_code(s3: "S3Client", package: ModelPackage) -> FeatureCode:
    """The verified feature code of a registered model.

    Raises:
        ArtefactError: a member is missing or was changed, or is not of the feature set that was registered.
    """
    bucket, key = split_uri(package.model_uri)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _unpack(s3.get_object(Bucket=bucket, Key=key)["Body"], folder)
        code = artefact.read_features(folder)
    registered = package.metadata.get("feature_set_hash")
    if code.plan.hash != registered:
        raise ArtefactError(
            "the model's artefact is of another feature set than its package says",
            cause=f"{code.plan.hash[:16]} in {package.model_uri}, {str(registered)[:16]} in the registry",
        )
    return code


def _unpack(body: Any, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=body, mode="r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if (
                    name in OF_FEATURES
                    and member.size <= MAX_MEMBER_BYTES
                    and (file := archive.extractfile(member))
                ):
                    (folder / name).write_bytes(file.read())
    except (tarfile.TarError, EOFError, OSError) as cause:
        raise ArtefactError("the model's artefact cannot be unpacked", cause=str(cause)) from cause
