"""The error rates of rollouts, by simulation: `python -m bench.rollout_statistics`.

The judge itself decides, after every bad event: evidence can only rise then, so nobody could look more often.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.report import Figure, main
from tidegate.messages.deployment import RolloutStep, VariantCounts
from tidegate.rollout import sample_ratio
from tidegate.rollout.judge import SPLIT_ALPHA, Seen, judge
from tidegate.rollout.sequences import Moments, difference
from tidegate.settings.config import DeploymentSection, StepSection

ALPHA = 0.01
WEIGHTS = (0.05, 0.25, 0.5, 0.75, 1.0)
REQUESTS_OF_A_STEP = 1500  # of both variants
SECTION = DeploymentSection(
    steps=(StepSection(weight=1.0, bake_seconds=1),), alpha=ALPHA, maximum_error_share=0.05
)
NEVER = 10**9  # a step that does not end by itself
STEPS = tuple(RolloutStep(weight=weight, bake_seconds=1, minimum_requests=NEVER) for weight in WEIGHTS)


@dataclass(frozen=True)
class Simulated:
    """Share of runs that were stopped, and the median of the candidate's requests until then."""

    stopped: float
    median: float

    @classmethod
    def of(cls, needed: list[float]) -> "Simulated":
        return cls(stopped=sum(map(math.isfinite, needed)) / len(needed), median=float(np.median(needed)))


def canary(champion_rate: float, candidate_rate: float, *, runs: int, requests: int = 30_000) -> Simulated:
    """A first step that lasts for so many requests of both."""
    rng = np.random.default_rng(2013)
    return Simulated.of([_stopped_at(rng, 0, champion_rate, candidate_rate, requests) for _ in range(runs)])


def rollouts(champion_rate: float, candidate_rate: float, *, runs: int) -> Simulated:
    """All steps of a rollout, each for as many requests."""
    rng = np.random.default_rng(2014)
    needed = []
    for _ in range(runs):
        stops = (
            _stopped_at(rng, step, champion_rate, candidate_rate, REQUESTS_OF_A_STEP)
            for step in range(len(STEPS))
        )
        needed.append(next((stop for stop in stops if math.isfinite(stop)), math.inf))
    return Simulated.of(needed)


def outcomes(champion_rate: float, candidate_rate: float, *, runs: int, looks: int = 50) -> Simulated:
    """Bounds on the difference of two shares that ever miss it, looked at after every 200 outcomes."""
    rng = np.random.default_rng(2015)
    truth = candidate_rate - champion_rate
    needed = []
    for _ in range(runs):
        losses = [rng.random(looks * 100) < rate for rate in (champion_rate, candidate_rate)]
        sums = [np.cumsum(each) for each in losses]
        missed = math.inf
        for count in range(100, looks * 100 + 1, 100):
            champion, candidate = (_moments(int(each[count - 1]), count) for each in sums)
            low, high = difference(champion, candidate, SECTION.outcome_alpha) or (truth, truth)
            if not low <= truth <= high:
                missed = count
                break
        needed.append(missed)
    return Simulated.of(needed)


def split(told: float, real: float, *, runs: int, requests: int = 20_000) -> Simulated:
    """Mismatches found in requests of which `real` go to the candidate, looked at after every hundred."""
    rng = np.random.default_rng(2016)
    needed = []
    for _ in range(runs):
        theirs = np.cumsum(rng.random(requests) < real)
        found = (
            count
            for count in range(100, requests + 1, 100)
            if sample_ratio.e_value(int(theirs[count - 1]), count - int(theirs[count - 1]), told)
            >= 1 / SPLIT_ALPHA
        )
        needed.append(float(next(found, math.inf)))
    return Simulated.of(needed)


def _moments(hits: int, count: int) -> Moments:
    mean = hits / count
    return Moments(count=count, mean=mean, variance=mean * (1 - mean))


def _stopped_at(
    rng: np.random.Generator, step: int, champion_rate: float, candidate_rate: float, requests: int
) -> float:
    """Requests of the candidate when the judge rolls it back; infinite when it never does."""
    is_candidate = rng.random(requests) < STEPS[step].weight
    bad = rng.random(requests) < np.where(is_candidate, candidate_rate, champion_rate)
    for theirs, total, failed, champions in _bad_events(is_candidate, bad):
        seen = Seen(
            candidate=VariantCounts(variant="variant-b", requests=theirs, errors=failed),
            champion=VariantCounts(variant="variant-a", requests=total - theirs, errors=champions),
        )
        if judge(SECTION, STEPS, step, seen).decision == "roll-back":
            return float(theirs)
    return math.inf


def _bad_events(is_candidate: np.ndarray, bad: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Requests of the candidate, of both, and failures of each, after every failure of the candidate."""
    requests, failures = np.cumsum(is_candidate), np.cumsum(is_candidate & bad)
    champions = np.cumsum(~is_candidate & bad)
    for index in np.flatnonzero(is_candidate & bad):
        yield int(requests[index]), int(index) + 1, int(failures[index]), int(champions[index])


def measure() -> list[Figure]:
    """The figures of the table."""
    same = [(f"rolled back, {rate:.1%} fail on both sides", rate) for rate in (0.002, 0.01, 0.02, 0.05)]
    figures = [Figure(name, rollouts(rate, rate, runs=2000).stopped, "share", ALPHA) for name, rate in same]
    cases: tuple[tuple[float, float, float | None], ...] = (
        (0.01, 0.02, None),
        (0.01, 0.03, None),
        (0.01, 0.05, 200),
        (0.001, 0.05, None),
        (0.01, 0.1, None),
        (0.01, 0.5, 15),
    )
    for champion_rate, candidate_rate, target in cases:
        found = canary(champion_rate, candidate_rate, runs=400)
        name = f"canary of 5%, {champion_rate:.1%} to {candidate_rate:.0%} fail"
        figures.append(Figure(f"{name}: stopped", found.stopped, "share"))
        figures.append(Figure(f"{name}: until then", found.median, "of its requests", target))
    looks: tuple[tuple[str, Callable[[], Simulated], float | None], ...] = (
        ("outcomes at 50%, 0.20 both: bounds that miss", lambda: outcomes(0.2, 0.2, runs=1000), 0.05),
        ("split of 5% as told: called a mismatch", lambda: split(0.05, 0.05, runs=1000), 0.003),
        ("split of 4% told as 5%: found", lambda: split(0.05, 0.04, runs=300), None),
    )
    return figures + [Figure(name, look().stopped, "share", target) for name, look, target in looks]


if __name__ == "__main__":
    main("rollout_statistics", measure)
