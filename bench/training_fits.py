"""The fits of a search and nothing else: `python -m bench.training_fits CHANNEL < configurations`.

Prints one JSON object: CPU seconds of fitting and scoring every configuration on every fold with scikit-learn
alone, on matrices that are there already, and the score of each configuration.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from tidegate.feature_store.feature_file import load
from tidegate.feature_store.transforms import feature_columns
from tidegate.plan import Plan
from tidegate.training.encoding import Encoding
from tidegate.training.estimators import build
from tidegate.training.splits import Timeline, folds, gap
from training_jobs.cross_validation import of
from training_jobs.paths import PIPELINE
from training_jobs.rows import read

HOUR_SECONDS = 3600


def main(channel: Path, configurations: list[dict[str, str]]) -> None:
    plan = Plan.load(PIPELINE)
    training = plan.config.training
    rows = read(channel, plan.instance_types, training.task)
    columns = feature_columns(load(PIPELINE / "features.py", plan.features.attribute), rows.columns)
    timeline = Timeline(rows.moments, rows.known, rows.labels, None)
    gap_seconds = gap(training.gap_hours * HOUR_SECONDS, rows.known - rows.moments)
    prepared = []
    for fold in folds(training, timeline, gap_seconds):
        encoding = Encoding.fit(of(columns, fold.learn))
        matrices = [encoding.matrix(of(columns, side)) for side in fold]
        prepared.append((encoding.categorical, matrices, [rows.labels[side] for side in fold]))
    scores, seconds = [], 0.0
    for given in configurations:
        found = []
        for categorical, (learn, validate), (labels, outcomes) in prepared:
            estimator = build(training, given, categorical)
            began = time.process_time()
            chances = estimator.fit(learn, labels).predict_proba(validate)[:, 1]
            found.append(roc_auc_score(outcomes, chances))
            seconds += time.process_time() - began
        scores.append(float(np.mean(found)))
    print(json.dumps({"cpu_seconds": seconds, "scores": scores}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin))
