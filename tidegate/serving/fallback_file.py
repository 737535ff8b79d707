"""What a function needs to answer for the endpoint: one JSON document, taken out of a model's artefact.

    run        that trained it
    task       and classes, as in the signature
    types      of each instance member
    features   the compiled feature set
    code       of its transforms, features.py
    compiled   the model as numbers, see tidegate.compiled

Pure standard library. Its sha256 names it, and whoever loads it asks for that one.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from tidegate.errors import ArtefactError

COMPILED = "compiled.json"
MEMBERS = ("manifest.json", "signature.json", "features.json", "features.py", COMPILED)
_LARGEST_BYTES = 64 << 20  # of a member: a function has to hold all of them


def packed(archive: bytes, manifest_sha256: str | None = None) -> bytes | None:
    """The document of a model.tar.gz; None of a model that is not compiled, which only its container knows.

    Raises:
        ArtefactError: the archive is damaged, or a member has other bytes than its manifest says;
            or the manifest is not that of `manifest_sha256`.
    """
    files = _members(archive)
    if COMPILED not in files:
        return None
    try:
        manifest = json.loads(files["manifest.json"])
        digests = manifest["sha256"]
        wrong = [name for name in MEMBERS[1:] if hashlib.sha256(files[name]).hexdigest() != digests[name]]
        signature = json.loads(files["signature.json"])
        document = {
            "run": manifest["run"],
            "task": signature["task"],
            "types": signature["types"],
            "features": json.loads(files["features.json"]),
            "code": files["features.py"].decode(),
            "compiled": json.loads(files[COMPILED]),
        }
    except (KeyError, TypeError, ValueError) as cause:
        raise ArtefactError("the artefact is incomplete", cause=f"{type(cause).__name__}: {cause}") from cause
    if manifest_sha256 not in (None, digest(files["manifest.json"])):
        wrong.append("manifest.json")
    if wrong:
        raise ArtefactError("the artefact was changed", cause=f"other bytes in {', '.join(wrong)}")
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def digest(data: bytes) -> str:
    """The name of a document: its sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def opened(data: bytes, sha256: str) -> Mapping[str, Any]:
    """The document of these bytes.

    Raises:
        ArtefactError: they are not those of that name.
    """
    if digest(data) != sha256:
        raise ArtefactError("the fallback model was changed", cause=f"its sha256 is not {sha256[:16]}...")
    document: Mapping[str, Any] = json.loads(data)
    return document


def _members(archive: bytes) -> dict[str, bytes]:
    """Those of `MEMBERS` that are there, as plain files at the top."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name not in MEMBERS or not member.isfile():
                    continue
                if member.size > _LARGEST_BYTES:
                    raise ArtefactError(
                        f"`{name}` has {member.size} bytes", cause="a function cannot hold it"
                    )
                held = tar.extractfile(member)
                found[name] = held.read() if held else b""
    except (tarfile.TarError, EOFError, OSError) as cause:
        raise ArtefactError("the artefact is no archive", cause=str(cause)) from cause
    return found
