"""What a model package holds: the code and plan of its features, and the digests of all its files.

Of `model.tar.gz` only small members are unpacked; the model itself is read past, never loaded.
"""

import json
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.aws import model_archive
from tidegate.aws.objects import split_uri
from tidegate.aws.registry import ModelPackage
from tidegate.errors import ArtefactError
from tidegate.training import artefact
from tidegate.training.artefact import OF_FEATURES, FeatureCode
from tidegate.training.signing import MANIFEST, SIGNED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_MEMBER_BYTES = 8 << 20  # of code, a plan, a manifest: kilobytes in practice


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The files of an artefact as they are, and what its manifest says of them."""

    manifest: Mapping[str, Any]
    sha256: Mapping[str, str]  # of each file but the manifest and its signature, new each time
    size_bytes: int  # of model.tar.gz

    @property
    def changed(self) -> tuple[str, ...]:
        """Files that are not as the manifest says, and it itself when its members are not."""
        told = self.manifest["sha256"]
        names = {*told, *self.sha256} - {MANIFEST}
        wrong = [name for name in sorted(names) if told.get(name) != self.sha256.get(name)]
        return (*wrong, *(() if artefact.is_intact(self.manifest) else (MANIFEST,)))


def contents(s3: "S3Client", model_uri: str) -> Contents:
    """Read through a model.tar.gz.

    Raises:
        ArtefactError: see `model_archive.hashed`; or it holds no manifest of ours.
    """
    bucket, key = split_uri(model_uri)
    found = s3.get_object(Bucket=bucket, Key=key)
    digests, texts = model_archive.hashed(found["Body"])
    try:
        manifest: Any = json.loads(texts.get(MANIFEST, b"null"))
    except ValueError:
        manifest = None
    sha256 = {name: digest for name, digest in digests.items() if name not in {MANIFEST, SIGNED}}
    if not isinstance(manifest, dict) or not isinstance(manifest.get("sha256"), dict):
        raise ArtefactError(f"`{model_uri}` holds no manifest")
    return Contents(manifest=manifest, sha256=sha256, size_bytes=found["ContentLength"])


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
