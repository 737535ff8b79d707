"""The files of an artefact, each accounted for by sha256 in its manifest; see tidegate.artefact.

Standard library alone: what serves a compiled model verifies it without numpy.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_hash import digest
from tidegate.training.signing import MANIFEST

MODEL = "model.skops"
SIGNATURE = "signature.json"
FEATURES = "features.json"
CODE = "features.py"
MLMODEL = "MLmodel"
COMPILED = "compiled.json"
GOLDEN = "golden.json"
FILES = (MODEL, SIGNATURE, FEATURES, CODE, MLMODEL)  # of every artefact
PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")


def refuse_pickles(folder: Path) -> None:
    """Raises ArtefactError when a file has the name of a pickle."""
    if pickles := sorted(path.name for path in folder.rglob("*") if path.suffix.lower() in PICKLES):
        raise ArtefactError("the artefact holds a pickle", cause=", ".join(pickles))


def verified(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The manifest of a folder in which these files have the bytes that it says.

    Raises:
        ArtefactError: a file is missing or has other bytes, or the manifest was changed itself.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(text)
        wrong = [name for name in names if sha256(folder / name) != manifest["sha256"][name]]
        if not is_intact(manifest) or text != json_bytes(manifest):
            wrong.append(MANIFEST)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as cause:
        raise ArtefactError(
            "the artefact is incomplete",
            cause=f"{MANIFEST} or what it names: {type(cause).__name__}: {cause}",
        ) from cause
    if wrong:
        raise ArtefactError("the artefact was changed", cause=f"other bytes in {', '.join(wrong)}")
    return manifest


def golden(folder: Path, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Instances with the answers that they had when the model was trained; none of an older artefact.

    Raises:
        ArtefactError: the file is missing or has other bytes than the manifest says.
    """
    if GOLDEN not in manifest["sha256"]:
        return []
    verified(folder, [GOLDEN])
    rows: list[dict[str, Any]] = json.loads((folder / GOLDEN).read_bytes())["rows"]
    return rows


def refuse_other_features(found: str, manifest: Mapping[str, Any]) -> None:
    """Raises ArtefactError when the feature hash is not the manifest's."""
    if found != manifest["feature_hash"]:
        raise ArtefactError(
            "the feature code is not the one the model was trained with",
            cause=f"its hash is {found[:16]}, the manifest says {manifest['feature_hash'][:16]}",
            hint="a feature hash also names numpy's minor version: serve with the image that trained",
        )


def is_intact(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest's own digest is that of its members."""
    told: Mapping[str, str] = manifest["sha256"]
    return own_digest(manifest) == told.get(MANIFEST)


def own_digest(manifest: Mapping[str, Any]) -> str:
    """Of all members, sha256 of the other files included: guards against damage, not against a forger."""
    others = {name: value for name, value in manifest["sha256"].items() if name != MANIFEST}
    return digest({**manifest, "sha256": others})


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """As `write_json` writes it: the same document is the same bytes."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_bytes(json_bytes(document))
