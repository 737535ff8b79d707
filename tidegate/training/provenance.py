"""What a model was made from, as hashes: rows, folds, label, contract; and the processor it was made on.

Equal hashes on a processor with the same instructions give the same model, to the byte.
"""

import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.feature_store.feature_hash import digest
from tidegate.plan import Plan
from tidegate.training.splits import ORDERED, Fold

_PIECE_BYTES = 1 << 20


def of(plan: Plan, rows: Path, sides: Sequence[Fold], gap_seconds: float) -> dict[str, Any]:
    """Facts for the artefact's manifest.

    Args:
        rows: the folder of the training rows.
        sides: the folds, as positions in those rows.
    """
    training = plan.config.training
    files = _digest_of(rows)
    return {
        "rows_sha256": files,
        "contract_hash": digest(plan.contract.to_json()),
        "label_hash": digest(plan.features.label.to_json()),
        "split": training.split,
        "folds_wanted": training.folds,
        "gap_seconds": gap_seconds if training.split in ORDERED else 0.0,
        "folds": [_fold(files, side) for side in sides],
        "machine": platform.machine(),
        "cpu_features": " ".join(_cpu_features()),
    }


def _digest_of(folder: Path) -> str:
    """sha256 over names and bytes of the files, in the order in which they are read."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.parquet")):
        total.update(f"{file.relative_to(folder).as_posix()}\0".encode())
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                total.update(piece)
    return total.hexdigest()


def _fold(rows: str, side: Fold) -> dict[str, Any]:
    """Which rows are on which side: a row's id is its position in the files of that hash."""
    return {
        "learn_rows": len(side.learn),
        "validate_rows": len(side.validate),
        "learn_sha256": _positions(rows, side.learn),
        "validate_sha256": _positions(rows, side.validate),
    }


def _positions(rows: str, positions: np.ndarray[Any, Any]) -> str:
    ids = np.sort(positions).astype("<i8").tobytes()
    return hashlib.sha256(rows.encode() + ids).hexdigest()


def _cpu_features() -> Iterator[str]:
    """Instruction sets that numpy uses here: the last bits of a sum may depend on them."""
    found: Any = np.show_config(mode="dicts")
    simd = found.get("SIMD Extensions", {})
    yield from simd.get("baseline", [])
    yield from simd.get("found", [])
