"""Which configuration of a search becomes the model: not the luckiest, but the smallest that is as good.

The best of many noisy scores is best by luck in part. Scores within one standard error of it cannot be told
from it, so among those the configuration of the least complexity is taken.

Source:
    Breiman et al., Classification and Regression Trees (1984), section 3.4.3: the 1 SE rule; Hastie et al.,
    The Elements of Statistical Learning, section 7.10.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScoredTrial:
    """One configuration of a search, as its training job told it."""

    name: str  # of the training job; in the order of the search when sorted
    hyperparameters: Mapping[str, str]
    score: float  # mean over the folds; more is better
    spread: float  # standard deviation over the folds, of the population
    folds: int
    complexity: float  # numbers that the fitted model stores

    @property
    def standard_error(self) -> float:
        """Of `score`; 0 from one fold, of which nobody knows how far it may be off."""
        return self.spread / math.sqrt(self.folds - 1) if self.folds > 1 else 0.0


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The trial taken, the one of the best score, and why they differ or not."""

    taken: ScoredTrial
    best: ScoredTrial
    reason: str


def best(trials: Sequence[ScoredTrial]) -> Selection:
    """The first of those with the best score.

    Args:
        trials: at least one; of those that were stopped before their last fold only when all were.
    """
    whole = _whole(trials)
    found = _best(whole)
    return Selection(taken=found, best=found, reason=f"{found.score:.4f} is the best of {_count(whole)}")


def one_standard_error(trials: Sequence[ScoredTrial]) -> Selection:
    """The least complex trial within one standard error of the best; of equals the better, then the first.

    Args:
        trials: as for `best`.
    """
    whole = _whole(trials)
    leader = _best(whole)
    least = leader.score - leader.standard_error
    within = [trial for trial in whole if trial.score >= least]
    taken = min(within, key=lambda trial: (trial.complexity, -trial.score, trial.name))
    rule = f"of {len(within)} within {leader.standard_error:.4f} of the best, {leader.score:.4f}"
    if taken is leader:
        reason = f"{taken.score:.4f} is the best of {_count(whole)} and the smallest {rule}"
    else:
        share = taken.complexity / leader.complexity
        reason = f"{taken.score:.4f} is the smallest {rule}: it stores {share:.0%} of its numbers"
    return Selection(taken=taken, best=leader, reason=reason)


def _whole(trials: Sequence[ScoredTrial]) -> list[ScoredTrial]:
    """A mean over some of the folds compares with no mean over all."""
    most = max(trial.folds for trial in trials)
    return [trial for trial in trials if trial.folds == most]


def _best(trials: Sequence[ScoredTrial]) -> ScoredTrial:
    return min(trials, key=lambda trial: (-trial.score, trial.name))


def _count(trials: Sequence[ScoredTrial]) -> str:
    return f"{len(trials)} trial{'' if len(trials) == 1 else 's'}"
