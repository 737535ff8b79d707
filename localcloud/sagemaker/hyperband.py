"""Hyperband's rule for stopping a training job of a search early; pure.

Successive halving in brackets: a bracket looks at its jobs at some numbers of scores, its rungs, each three
times the one before, and lets the best third pass. Brackets begin to look later and later, for a job that is
slow at first. A job is held against those of its bracket that have ended, never against one that runs: who
prints first must not decide.

Source:
    Li et al., Hyperband: a novel bandit-based approach to hyperparameter optimization, JMLR 18 (2018),
    algorithm 1: numbers of jobs in each bracket; Li et al., A system for massively parallel hyperparameter
    tuning, MLSys (2020): halving without waiting for the whole rung.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

REDUCTION = 3  # of jobs from rung to rung; SageMaker does not say its own


@dataclass(frozen=True, kw_only=True)
class Hyperband:
    """`minimum` and `maximum` count scores: MinResource and MaxResource of a request."""

    minimum: int
    maximum: int

    @property
    def _brackets(self) -> int:
        count = 1
        while self.minimum * REDUCTION**count <= self.maximum:
            count += 1
        return count

    def bracket(self, number: int) -> int:
        """Of the job of that number, from 0: jobs are dealt by Hyperband's own shares, over and over."""
        most = self._brackets
        shares = [math.ceil(most / (s + 1) * REDUCTION**s) for s in reversed(range(most))]
        place = number % sum(shares)
        for bracket, share in enumerate(shares):
            if place < share:
                return bracket
            place -= share
        raise AssertionError(number)

    def rungs(self, bracket: int) -> tuple[int, ...]:
        """Numbers of scores at which the bracket looks; below `minimum` nobody is stopped."""
        steps = (self.minimum * REDUCTION**step for step in range(bracket, self._brackets))
        return tuple(step for step in steps if step < self.maximum)

    def gives_up(
        self,
        number: int,
        curve: Sequence[float],
        ended: Sequence[tuple[int, Sequence[float]]],
        *,
        minimize: bool,
    ) -> bool:
        """Whether the job should stop at its latest score.

        Args:
            curve: its scores so far, at least one.
            ended: (number, scores) of the jobs that have ended.
        """
        bracket, rung = self.bracket(number), len(curve)
        if rung not in self.rungs(bracket):
            return False
        rivals = [other[rung - 1] for n, other in ended if self.bracket(n) == bracket and len(other) >= rung]
        ranked = sorted([*rivals, curve[-1]], reverse=not minimize)
        worst_that_passes = ranked[max(1, len(ranked) // REDUCTION) - 1]
        return curve[-1] > worst_that_passes if minimize else curve[-1] < worst_that_passes
