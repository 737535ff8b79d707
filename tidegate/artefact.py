"""What a training job hands to serving: a folder of files, each accounted for by sha256 in its manifest.

    model.skops      the estimator; loaded with a fixed list of types, never by pickle
    signature.json   request and instance members with types, the encoding of features
    features.json    the compiled feature set
    features.py      the transforms' code, the champion's own even after the pipeline has changed
    manifest.json    run, feature hash, metrics, versions, sha256 of every other file and of its own members
    manifest.sig.json  the signature of the manifest (tidegate.signing), where `training.sign` is on

The same model gives the same bytes: what skops and zip take from the process (object ids, times) is replaced
by counting.
"""

import hashlib
import io
import json
import platform
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tidegate.encoding import Encoding
from tidegate.errors import ArtefactError
from tidegate.feature_file import load, plan_of
from tidegate.feature_hash import digest
from tidegate.feature_plan import FeatureSetPlan
from tidegate.features import FeatureSet
from tidegate.signing import MANIFEST

MODEL = "model.skops"
SIGNATURE = "signature.json"
FEATURES = "features.json"
CODE = "features.py"
FILES = (MODEL, SIGNATURE, FEATURES, CODE)
OF_FEATURES = (MANIFEST, SIGNATURE, FEATURES, CODE)  # what `read_features` needs
LIBRARIES = ("scikit-learn", "numpy", "skops")
# what skops must be told to trust of a histogram gradient boosting model: fixed, never what a file asks for
TRUSTED = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip file can name


@dataclass(frozen=True, kw_only=True)
class FeatureCode:
    """The verified part of an artefact that makes feature vectors."""

    run: str
    types: Mapping[str, str]  # of each instance member
    plan: FeatureSetPlan
    feature_set: FeatureSet


@dataclass(frozen=True, kw_only=True)
class Artefact(FeatureCode):
    """A verified artefact, ready to predict."""

    encoding: Encoding
    estimator: Any
    manifest: Mapping[str, Any]


def write(
    folder: Path,
    *,
    estimator: Any,
    encoding: Encoding,
    plan: FeatureSetPlan,
    types: Mapping[str, str],
    code: Path,
    run: str,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Fill `folder` and return the manifest; `facts` are recorded in it as they are."""
    from skops.io import dumps

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(_reproducible(dumps(estimator)))
    _write_json(folder / SIGNATURE, {"types": dict(types), "encoding": encoding.to_json()})
    _write_json(folder / FEATURES, plan.to_json())
    (folder / CODE).write_bytes(code.read_bytes())
    manifest: dict[str, Any] = {
        "run": run,
        "feature_hash": plan.hash,
        **facts,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "sha256": {name: _sha256(folder / name) for name in FILES},
    }
    manifest["sha256"][MANIFEST] = _own_digest(manifest)
    _write_json(folder / MANIFEST, manifest)
    return manifest


def read(folder: Path) -> Artefact:
    """Verify every file against the manifest, the feature code against its hash, and load the model.

    Raises:
        ArtefactError: a file is missing, has other bytes, or the model holds a type that is not on the list.
    """
    manifest = _verified(folder, FILES)
    code, signature = _feature_code(folder, manifest)
    return Artefact(
        **vars(code),
        encoding=Encoding.from_json(signature["encoding"]),
        estimator=_load_model(folder / MODEL),
        manifest=manifest,
    )


def read_features(folder: Path) -> FeatureCode:
    """Verify and load `OF_FEATURES` alone: what the model saw can be told without the model.

    Raises:
        ArtefactError: see `read`.
    """
    code, _ = _feature_code(folder, _verified(folder, (SIGNATURE, FEATURES, CODE)))
    return code


def _feature_code(folder: Path, manifest: Mapping[str, Any]) -> tuple[FeatureCode, dict[str, Any]]:
    signature = json.loads((folder / SIGNATURE).read_text())
    plan = FeatureSetPlan.from_json(json.loads((folder / FEATURES).read_text()))
    feature_set = load(folder / CODE, plan.attribute)
    if (found := plan_of(feature_set, plan.attribute).hash) != manifest["feature_hash"]:
        raise ArtefactError(
            "the feature code is not the one the model was trained with",
            cause=f"its hash is {found[:16]}, the manifest says {manifest['feature_hash'][:16]}",
            hint="a feature hash also names numpy's minor version: serve with the image that trained",
        )
    code = FeatureCode(run=manifest["run"], types=signature["types"], plan=plan, feature_set=feature_set)
    return code, signature


def _verified(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        text = (folder / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(text)
        wrong = [name for name in names if _sha256(folder / name) != manifest["sha256"][name]]
        if _own_digest(manifest) != manifest["sha256"][MANIFEST] or text != _json_bytes(manifest):
            wrong.append(MANIFEST)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as cause:
        raise ArtefactError(
            "the artefact is incomplete",
            cause=f"{MANIFEST} or what it names: {type(cause).__name__}: {cause}",
        ) from cause
    if wrong:
        raise ArtefactError("the artefact was changed", cause=f"other bytes in {', '.join(wrong)}")
    return manifest


def _own_digest(manifest: Mapping[str, Any]) -> str:
    """Of all members, sha256 of the other files included: guards against damage, not against a forger."""
    others = {name: value for name, value in manifest["sha256"].items() if name != MANIFEST}
    return digest({**manifest, "sha256": others})


def _load_model(path: Path) -> Any:
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    data = path.read_bytes()
    try:
        asked = set(get_untrusted_types(data=data)) - set(TRUSTED)
        if asked:
            raise ArtefactError("the model holds types that are not trusted", cause=", ".join(sorted(asked)))
        return loads(data, trusted=list(TRUSTED))
    except (zipfile.BadZipFile, KeyError, UntrustedTypesFoundException, TypeError, ValueError) as cause:
        raise ArtefactError(
            "the model cannot be loaded", cause=str(cause), hint="only skops files are loaded, never a pickle"
        ) from cause


def _reproducible(data: bytes) -> bytes:
    """The same archive with object ids counted from 1 and no times."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = archive.read("schema.json").decode()
        ids = dict.fromkeys(re.findall(r'"__id__": (\d+)|"(\d+)\.npy"', schema))
        numbers = {one or other: str(i) for i, (one, other) in enumerate(ids, 1)}
        schema = re.sub(r'("__id__": )(\d+)', lambda m: m[1] + numbers[m[2]], schema)
        schema = re.sub(r'"(\d+)(\.npy)"', lambda m: f'"{numbers[m[1]]}{m[2]}"', schema)
        members = {"schema.json": schema.encode()}
        for name in archive.namelist():
            stem, _, suffix = name.partition(".")
            if name != "schema.json":
                members[f"{numbers.get(stem, stem)}.{suffix}"] = archive.read(name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(members):
            target.writestr(zipfile.ZipInfo(name, _EPOCH), members[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_bytes(_json_bytes(document))


def _json_bytes(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
