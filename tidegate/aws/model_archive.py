"""A registered model.tar.gz, read through once without unpacking: every byte in it must be accounted for.

Nothing of it is executed or written, so that a forged one can be looked at safely.
"""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from tidegate.errors import ArtefactError
from tidegate.training import signing
from tidegate.training.signing import MANIFEST, SIGNED

MAX_TEXT_BYTES = 8 << 20  # of a manifest or a signature: kilobytes in practice
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a whole archive says of itself; its manifest may still be anybody's."""

    manifest: Mapping[str, Any]
    manifest_digest: bytes  # sha256, 32 bytes
    signature: bytes | None  # of manifest.sig.json


def read(stream: Any) -> Archive:
    """Hash every member of `stream`, a tar.gz that need not be seekable, against the manifest in it.

    Raises:
        ArtefactError: it is no archive, has no manifest, members that are no plain files, twice the same,
            or others than the manifest names, or other bytes than it says.
    """
    return _checked(*hashed(stream))


def hashed(stream: Any) -> tuple[dict[str, str], dict[str, bytes]]:
    """sha256 of each member, in hex, and the bytes of the manifest and its signature, whatever they say.

    Raises:
        ArtefactError: it is no archive, or has members that are no plain files or twice the same.
    """
    digests: dict[str, str] = {}
    texts: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isdir() and name in {"", "."}:
                    continue
                file = archive.extractfile(member) if member.isreg() else None
                if file is None or name in digests:
                    raise ArtefactError(
                        "the artefact is not a folder of plain files", cause=f"its member {name!r}"
                    )
                digests[name], text = _digest(file, keep=name in {MANIFEST, SIGNED})
                texts[name] = text
    except (tarfile.TarError, EOFError, OSError, zlib.error) as cause:
        raise ArtefactError("the model's artefact cannot be unpacked", cause=str(cause)) from cause
    return digests, texts


def _digest(file: IO[bytes], *, keep: bool) -> tuple[str, bytes]:
    """sha256 of the file, and its bytes where they are wanted."""
    if keep:
        text = file.read(MAX_TEXT_BYTES)
        return hashlib.sha256(text).hexdigest(), text
    total = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        total.update(chunk)
    return total.hexdigest(), b""


def _checked(digests: Mapping[str, str], texts: Mapping[str, bytes]) -> Archive:
    try:
        manifest = json.loads(texts[MANIFEST])
        wanted = {name: sha for name, sha in manifest["sha256"].items() if name != MANIFEST}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        raise ArtefactError(
            "the artefact is incomplete", cause=f"{MANIFEST}: {type(cause).__name__}: {cause}"
        ) from cause
    found = {name: sha for name, sha in digests.items() if name not in {MANIFEST, SIGNED}}
    if found != wanted:
        wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise ArtefactError(
            "the artefact was changed", cause=f"other bytes than in its manifest: {', '.join(wrong)}"
        )
    return Archive(
        manifest=manifest, manifest_digest=signing.digest(texts[MANIFEST]), signature=texts.get(SIGNED)
    )
