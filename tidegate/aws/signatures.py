"""Signatures of artefacts by a KMS key: jobs may sign with it, the preflight of a rollout verifies."""

from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.errors import ArtefactError
from tidegate.training import signing
from tidegate.training.signing import ALGORITHM, MANIFEST, SIGNED, Signature

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

INVALID = "KMSInvalidSignatureException"


def client(key_arn: str) -> "KMSClient":
    """KMS in the key's own region, which need not be the one the caller's environment names."""
    return boto3.client("kms", region_name=key_arn.split(":")[3])


def sign(kms: "KMSClient", key_arn: str, folder: Path) -> None:
    """Put the signature of the manifest in `folder` beside it.

    Raises:
        ArtefactError: the key cannot be used; nothing is written.
    """
    try:
        signature = kms.sign(
            KeyId=key_arn,
            Message=signing.digest((folder / MANIFEST).read_bytes()),
            MessageType="DIGEST",
            SigningAlgorithm=ALGORITHM,
        )["Signature"]
    except (ClientError, BotoCoreError) as cause:
        raise ArtefactError(
            "the artefact cannot be signed",
            cause=str(cause),
            hint="the key of `training.sign` must be enabled, and the job's role may use it",
        ) from cause
    found = Signature(key=key_arn, algorithm=ALGORITHM, signature=signature)
    (folder / SIGNED).write_bytes(found.to_bytes())


def verify(kms: "KMSClient", key_arn: str, manifest_digest: bytes, signed: bytes | None) -> None:
    """Refuse a manifest that the key did not sign.

    Args:
        manifest_digest: sha256 of the manifest, 32 bytes.
        signed: the bytes of `manifest.sig.json`, None when the artefact has none.

    Raises:
        ArtefactError: no signature, one that cannot be read, another key's, or of another manifest.
        ClientError: KMS could not be asked.
    """
    if signed is None:
        raise ArtefactError(
            "the artefact is not signed",
            cause=f"it has no {SIGNED}",
            hint="train it anew, or set `training.sign` to false and deploy",
        )
    found = Signature.from_bytes(signed)
    # what the file names is checked, never used: a forger would name a key of their own
    if (found.key, found.algorithm) != (key_arn, ALGORITHM):
        raise ArtefactError(
            "the artefact was signed with another key",
            cause=f"{found.algorithm} by {found.key}, the pipeline's is {ALGORITHM} by {key_arn}",
            hint="only models that this pipeline trained under its present key can be rolled out",
        )
    try:
        valid = kms.verify(
            KeyId=key_arn,
            Message=manifest_digest,
            MessageType="DIGEST",
            Signature=found.signature,
            SigningAlgorithm=ALGORITHM,
        )["SignatureValid"]
    except ClientError as cause:
        if cause.response["Error"]["Code"] != INVALID:
            raise
        valid = False
    if not valid:
        raise ArtefactError(
            "the artefact's signature is of another manifest",
            cause=f"the key did not sign sha256 {manifest_digest.hex()[:16]}",
            hint="model.tar.gz was changed after training: find out by whom, then train anew",
        )
