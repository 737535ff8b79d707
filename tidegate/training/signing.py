"""The signature of an artefact: a key signs the sha256 of the manifest, and through it every file it names.

    manifest.sig.json   the key's ARN, the algorithm, and the signature (DER) in base64

Pure: bytes in, values out. Who signs and who verifies is `tidegate.aws.signatures`.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Final, Self

from tidegate.errors import ArtefactError

MANIFEST = "manifest.json"
SIGNED = "manifest.sig.json"
ALGORITHM: Final = (
    "ECDSA_SHA_256"  # over NIST P-256; KMS signs the digest, so a file of any size costs one call
)
MANIFEST_SHA256 = "MANIFEST_SHA256"  # environment variable of a container: the manifest that was verified


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What `manifest.sig.json` says."""

    key: str  # ARN
    algorithm: str
    signature: bytes  # DER, as `openssl dgst -sha256 -verify` takes it

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """Raises ArtefactError when it is no signature."""
        try:
            document = json.loads(text)
            return cls(
                key=str(document["key"]),
                algorithm=str(document["algorithm"]),
                signature=base64.b64decode(document["signature"], validate=True),
            )
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as cause:
            raise ArtefactError(
                "the artefact's signature cannot be read", cause=f"{SIGNED}: {type(cause).__name__}: {cause}"
            ) from cause

    def to_bytes(self) -> bytes:
        document = {
            "key": self.key,
            "algorithm": self.algorithm,
            "signature": base64.b64encode(self.signature).decode(),
        }
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def digest(manifest: bytes) -> bytes:
    """sha256 of the manifest file, 32 bytes: what is signed."""
    return hashlib.sha256(manifest).digest()
