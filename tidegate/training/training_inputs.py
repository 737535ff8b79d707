"""What decides a model's bytes, and one id of it: equal inputs need no second training.

The image is not among the inputs by itself: it is made of the sources (`code_version`), the plan and the
feature code, each of which is, and of settings of serving and monitoring, which change no model.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.feature_store.feature_hash import digest
from tidegate.plan import Plan
from tidegate.settings.config import TrainingSection

# when a run starts and how long it may take: what it computes is the same
OF_SCHEDULE = ("cooldown_seconds", "maximum_runtime_seconds", "minimum_rows", "new_data", "reuse")
_ABSENT = "absent"


def of_plan(plan: Plan, folder: Path) -> dict[str, Any]:
    """The part that is known before any row is: features, contract, settings and code.

    Args:
        folder: of the pipeline, with the code of features and of a metric of its own.
    """
    return {
        "feature_set_hash": plan.features.hash,
        "contract_hash": plan.contract.hash,
        "training": settings(plan.config.training),
        "pipeline_code": code(folder),
        "code_version": plan.code_version,
    }


def settings(training: TrainingSection) -> dict[str, Any]:
    """`[training]` as far as it decides what is computed, as JSON."""
    section = dataclasses.asdict(training)
    return {name: value for name, value in section.items() if name not in OF_SCHEDULE}


def content_id(inputs: Mapping[str, Any], rows: Mapping[str, str]) -> str:
    """sha256 (hex) over everything; the same in every process.

    Args:
        inputs: of `of_plan`.
        rows: sha256 of the files of rows to train on and to test with.
    """
    return digest({**inputs, "rows": dict(rows)})


def of_job(plan: Plan, folder: Path, *, hyperparameters: Mapping[str, str], channel: Path) -> dict[str, Any]:
    """What a training job was given, for its artefact's manifest: a replay is held against it.

    Args:
        channel: the folder with the rows.
    """
    given = {**of_plan(plan, folder), "hyperparameters": dict(hyperparameters), "rows": files(channel)}
    beside = ("feature_set_hash", "code_version")  # in the manifest, under names of their own
    return {name: value for name, value in given.items() if name not in beside}


def files(folder: Path) -> dict[str, str]:
    """sha256 (hex) of every file below `folder`, by its path in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found
    }


def code(*packages: Path) -> str:
    """sha256 (hex) over the Python sources of packages as they lie there: `code_version` is only told."""
    found = {
        f"{package.name}/{name}": value
        for package in packages
        for name, value in files(package).items()
        if name.endswith(".py")
    }
    return digest(found)


def differences(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """Names, dotted, of what is not equal in two JSON documents, each with its two values."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            inner = f"{name}.{key}".lstrip(".")
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif before != after:
        yield f"{name}: {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."  # noqa: PLR2004  a hash is told by its first digits
