"""A trial told fold by fold: what it prints when, and what an interruption costs."""

import json
import re

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from tidegate.errors import InsufficientDataError
from tidegate.settings.config import TrainingSection
from tidegate.settings.tuning_section import HyperbandSection, TuningSection
from tidegate.training import metrics
from tidegate.training.splits import Fold
from tidegate.training.task import Task
from training_jobs.cross_validation import Learner
from training_jobs.trial import CHECKPOINT, Trial

DRAW = np.random.default_rng(11)
MATRIX = DRAW.normal(size=(240, 2))
LABELS = (MATRIX[:, 0] + DRAW.normal(size=240) > 0).astype(np.int8)
SIDES = [Fold(learn, validate) for learn, validate in StratifiedKFold(3).split(MATRIX, LABELS)]
FIXED = {"early_stopping": False, "max_leaf_nodes": 4}
BAND = HyperbandSection(resource="max_iter", minimum=4, maximum=8, step=4)


@pytest.fixture
def run(tmp_path, capsys):
    """What a trial prints: a list of (metric, value), in order."""

    def run(*, labels=LABELS, folder="nowhere", more=None, **tuning):
        section = TrainingSection(
            task="binary",
            estimator="sklearn.ensemble.HistGradientBoostingClassifier",
            parameters=FIXED if tuning.get("hyperband") else {**FIXED, "max_iter": 8},
            tuning=TuningSection(**tuning),
        )
        columns = {"a": MATRIX[:, 0], "b": MATRIX[:, 1], **(more or {})}
        learner = Learner(section, Task("binary"), metrics.named(section.metric, tmp_path))
        trial = Trial(learner=learner, given={"run": "r"}, columns=columns, labels=labels, sides=SIDES)
        trial.run(tmp_path / folder)
        lines = capsys.readouterr().out.splitlines()
        found = [re.fullmatch(r"\[metric\] validation:(\w+)=(.*);", line) for line in lines]
        return [(match[1], float(match[2])) for match in found]

    return run


def expected(iterations):
    """The score of each fold by scikit-learn alone."""
    found = []
    for fold in SIDES:
        model = HistGradientBoostingClassifier(max_iter=iterations, random_state=0, **FIXED)
        model.fit(MATRIX[fold.learn], LABELS[fold.learn])
        chances = model.predict_proba(MATRIX[fold.validate])[:, 1]
        found.append(roc_auc_score(LABELS[fold.validate], chances))
    return found


def test_a_feature_that_no_learnt_row_has_is_no_reason_to_fail(run):
    """As an aggregate in the oldest fold: nothing can be split by it, so the scores are those without it."""
    told = [run(more=more) for more in ({"later": np.full(240, np.nan)}, None)]
    one, other = ([line for line in lines if line[0] != "complexity"] for lines in told)
    assert one == other and len(one) > 1


def of(told, name):
    return [value for metric, value in told if metric == name]


def test_a_trial_prints_once_and_its_score_last(run):
    told = run()
    assert [name for name, _ in told] == ["complexity", "folds", "score_std", "score"]
    scores = expected(8)
    assert dict(told)["score"] == pytest.approx(np.mean(scores), abs=1e-8)
    assert dict(told)["score_std"] == pytest.approx(np.std(scores), abs=1e-8)
    assert dict(told)["folds"] == 3
    assert run() == told  # complexity too


def test_a_trial_that_may_be_stopped_prints_the_mean_of_its_folds_so_far(run):
    told = run(early_stopping="Auto")
    scores = expected(8)
    assert of(told, "score") == pytest.approx([np.mean(scores[:n]) for n in (1, 2, 3)], abs=1e-8)
    assert of(told, "folds") == [1, 2, 3]


def test_a_trial_under_hyperband_prints_after_each_growth_what_a_fit_of_that_size_scores(run):
    told = run(strategy="Hyperband", hyperband=BAND)
    assert of(told, "resource") == [4, 8]
    assert of(told, "score") == pytest.approx([np.mean(expected(4)), np.mean(expected(8))], abs=1e-8)
    small, large = of(told, "complexity")
    assert small < large


def test_a_trial_that_was_interrupted_begins_with_the_folds_it_had_finished(run, tmp_path):
    told = run(folder=".")
    file = tmp_path / CHECKPOINT
    kept = json.loads(file.read_text())
    assert len(kept["done"]) == 3
    kept["done"] = {
        "None/0": [0.25, 7],
        "None/1": [None, 0],
    }  # as if it had been so: they are not computed anew
    file.write_text(json.dumps(kept))
    resumed = dict(run(folder="."))
    assert resumed["folds"] == 2
    assert resumed["score"] == pytest.approx((0.25 + expected(8)[2]) / 2, abs=1e-8)
    file.write_text(json.dumps({**kept, "of": {"given": {"run": "other"}, "rows": 240}}))
    assert run(folder=".") == told  # what another configuration left behind is not its own


def test_growths_told_before_an_interruption_are_not_told_again_but_the_last(run, tmp_path):
    first = run(strategy="Hyperband", hyperband=BAND, folder=".")
    assert len(of(first, "score")) == 2
    again = run(strategy="Hyperband", hyperband=BAND, folder=".")
    assert of(again, "score") == of(first, "score")[1:]


def test_a_growth_finished_before_an_interruption_is_gone_on_from(run, tmp_path):
    first = run(strategy="Hyperband", hyperband=BAND, folder=".")
    file = tmp_path / CHECKPOINT
    kept = json.loads(file.read_text())
    kept["done"] = {name: value for name, value in kept["done"].items() if name.startswith("4/")}
    file.write_text(json.dumps(kept))
    again = run(strategy="Hyperband", hyperband=BAND, folder=".")
    assert of(again, "resource") == [8]
    assert of(again, "score") == pytest.approx(of(first, "score")[1:], abs=1e-8)


def test_without_a_checkpoint_folder_nothing_is_written(run, tmp_path):
    run()
    assert not list(tmp_path.iterdir())


def test_labels_that_do_not_differ_cannot_be_scored(run):
    with pytest.raises(InsufficientDataError, match="none of 3 folds can be scored"):
        run(labels=np.ones(240, np.int8))
