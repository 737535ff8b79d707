"""What a training job hands to serving: a folder of files, each accounted for by sha256 in its manifest.

    model.skops      the estimator; loaded with a fixed list of types, never by pickle
    compiled.json    the same as numbers, where it compiles with parity; serving then needs no scikit-learn
    signature.json   task and classes, instance members with types, encoding of features, calibration
    features.json    the compiled feature set
    features.py      the transforms' code, the champion's own even after the pipeline has changed
    golden.json      instances with the estimator's answers, asked of a server before it is healthy
    MLmodel          MLflow's description of a model
    manifest.json    run, feature hash, runtime (compiled or sklearn), parity, versions, sha256 of every other
                     file and of its own members
    manifest.sig.json  the signature of the manifest (tidegate.signing), where `training.sign` is on

The same model gives the same bytes.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.matrix import MatrixScorer
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_file import load, plan_of
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.features import FeatureSet
from tidegate.serving import files
from tidegate.training import mlmodel, signing, skops_file
from tidegate.training.calibration import apply
from tidegate.training.encoding import Encoding
from tidegate.training.metrics import Predictions
from tidegate.training.task import Task

MANIFEST = signing.MANIFEST
MODEL, SIGNATURE, FEATURES, CODE = files.MODEL, files.SIGNATURE, files.FEATURES, files.CODE
MLMODEL, COMPILED, GOLDEN, FILES = files.MLMODEL, files.COMPILED, files.GOLDEN, files.FILES
is_intact = files.is_intact
OF_FEATURES = (MANIFEST, SIGNATURE, FEATURES, CODE)  # what `read_features` needs
LIBRARIES = ("scikit-learn", "numpy", "skops")


@dataclass(frozen=True, kw_only=True)
class FeatureCode:
    """The verified part of an artefact that makes feature vectors."""

    run: str
    types: Mapping[str, str]  # of each instance member
    plan: FeatureSetPlan
    feature_set: FeatureSet


@dataclass(frozen=True, kw_only=True)
class Artefact(FeatureCode):
    """A verified artefact, ready to predict. `scorer` is None where scikit-learn predicts."""

    task: Task
    encoding: Encoding
    scorer: MatrixScorer | None
    folder: Path
    calibration: Mapping[str, Any] | None  # as tidegate.calibration has it; compiled.json holds it too
    manifest: Mapping[str, Any]

    @cached_property
    def estimator(self) -> Any:
        """The fitted estimator; where the compiled model predicts, loaded only when it is asked for."""
        files.verified(self.folder, [MODEL])
        return skops_file.load(self.folder / MODEL)

    def predict(self, matrix: NDArray[np.float64]) -> Predictions:
        """Of a matrix of the encoding, calibrated; see tidegate.task for the shapes.

        Raises:
            ValueError: the model cannot take a value that is missing, infinite or unknown.
        """
        if self.scorer is not None:
            return self.scorer.many(matrix)
        return apply(self.calibration, self.task.predict(self.estimator, matrix))


def write(
    folder: Path,
    *,
    estimator: Any,
    task: Task,
    encoding: Encoding,
    plan: FeatureSetPlan,
    types: Mapping[str, str],
    code: Path,
    run: str,
    facts: Mapping[str, Any],
    compiled: Mapping[str, Any] | None = None,
    calibration: Mapping[str, Any] | None = None,
    golden: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Fill `folder` and return the manifest; `facts` are recorded in it as they are.

    Args:
        compiled: the document of tidegate.compiled, parity checked; None to be served by scikit-learn.
        golden: instances with answers, as tidegate.serving.files reads them.

    Raises:
        ArtefactError: the estimator holds a type that would not be loaded again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = skops_file.dump(estimator)
    (folder / MODEL).write_bytes(data)
    names = [*FILES, *([] if compiled is None else [COMPILED]), *([GOLDEN] if golden else [])]
    runtime = "sklearn" if compiled is None else "compiled"
    if compiled is not None:
        text = json.dumps(compiled, separators=(",", ":"), allow_nan=False)
        (folder / COMPILED).write_text(text, encoding="utf-8")
    flavor = {
        "runtime": runtime,
        "model": MODEL,
        "feature_hash": plan.hash,
        "estimator": type(estimator).__name__,
    }
    described = mlmodel.text(
        run=run,
        task=task.name,
        types=types,
        flavor=flavor,
        digest=f"{run}:{hashlib.sha256(data).hexdigest()}",
    )
    (folder / MLMODEL).write_text(described, encoding="utf-8")
    signature = {
        "types": dict(types),
        "task": asdict(task),
        "encoding": encoding.to_json(),
        "calibration": calibration,
    }
    files.write_json(folder / SIGNATURE, signature)
    files.write_json(folder / FEATURES, plan.to_json())
    if golden:
        files.write_json(folder / GOLDEN, {"rows": list(golden)})
    (folder / CODE).write_bytes(code.read_bytes())
    manifest: dict[str, Any] = {
        "run": run,
        "feature_hash": plan.hash,
        "runtime": runtime,
        **facts,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "sha256": {name: files.sha256(folder / name) for name in names},
    }
    manifest["sha256"][MANIFEST] = files.own_digest(manifest)
    files.write_json(folder / MANIFEST, manifest)
    return manifest


def read(folder: Path) -> Artefact:
    """Verify every file against the manifest, the feature code against its hash, and load the model.

    A compiled model is loaded without scikit-learn being imported.

    Raises:
        ArtefactError: a file is missing, has other bytes, or may be a pickle, or the model holds a type that
            is not on the list.
    """
    files.refuse_pickles(folder)
    manifest = files.verified(folder, FILES)
    code, signature = _feature_code(folder, manifest)
    compiled = manifest["runtime"] == "compiled"
    found = Artefact(
        **vars(code),
        task=Task(signature["task"]["name"], tuple(signature["task"]["classes"])),
        encoding=Encoding.from_json(signature["encoding"]),
        scorer=_load_compiled(folder) if compiled else None,
        folder=folder,
        calibration=signature.get("calibration"),  # older artefacts have none
        manifest=manifest,
    )
    if not compiled:
        _ = found.estimator  # what cannot be loaded must not become healthy
    return found


def read_features(folder: Path) -> FeatureCode:
    """Verify and load `OF_FEATURES` alone: what the model saw can be told without the model.

    Raises:
        ArtefactError: see `read`.
    """
    code, _ = _feature_code(folder, files.verified(folder, (SIGNATURE, FEATURES, CODE)))
    return code


def _feature_code(folder: Path, manifest: Mapping[str, Any]) -> tuple[FeatureCode, dict[str, Any]]:
    signature = json.loads((folder / SIGNATURE).read_text())
    plan = FeatureSetPlan.from_json(json.loads((folder / FEATURES).read_text()))
    feature_set = load(folder / CODE, plan.attribute)
    files.refuse_other_features(plan_of(feature_set, plan.attribute).hash, manifest)
    code = FeatureCode(run=manifest["run"], types=signature["types"], plan=plan, feature_set=feature_set)
    return code, signature


def _load_compiled(folder: Path) -> MatrixScorer:
    files.verified(folder, [COMPILED])
    try:
        return MatrixScorer.load(json.loads((folder / COMPILED).read_bytes()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
        raise ArtefactError(
            "the compiled model cannot be loaded", cause=f"{type(cause).__name__}: {cause}"
        ) from cause
