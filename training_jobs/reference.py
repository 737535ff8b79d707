"""What an evaluation keeps of training, for monitoring to hold later traffic against."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.evaluation.feature_value import FeatureValue
from tidegate.monitoring import label_trust
from tidegate.monitoring.explained import trained
from tidegate.monitoring.reference import LABELS, LARGEST_ROWS, Reference, importances
from tidegate.training.artefact import Artefact
from tidegate.training.training_set import LABEL
from training_jobs.rows import Rows


def keep(folder: Path, model: Artefact, train: Rows, features: Sequence[FeatureValue], seed: int) -> None:
    """Write the reference of `model` into `folder`.

    Args:
        train: the rows it learned from; an even sample of them in their order is kept.
        features: what each is worth, empty when that was not measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    step = -(-train.table.num_rows // LARGEST_ROWS)
    every = pa.array(range(0, train.table.num_rows, step))
    reference = Reference(
        rows=train.table.select(list(model.types)).take(every),
        attributions={},
        importances=importances(model.plan, {each.feature: each.loss for each in features}),
    )
    replace(reference, attributions=trained(model, reference, seed)).write(folder)
    labels = label_trust.profile(model.task, train.table[LABEL].to_pylist())
    pq.write_table(labels.to_table(), folder / LABELS)
