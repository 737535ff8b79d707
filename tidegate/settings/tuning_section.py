"""The table `[training.tuning]`: how configurations are searched, and mistakes in that.

SageMaker's own limits are checked here, so that synthesis refuses what a tuning job would refuse at midnight.

Source:
    Members and limits are botocore's HyperParameterTuningJobConfig; what excludes what is the SageMaker
    guide's, "Define hyperparameter ranges", "Use Hyperband" and "Run a warm start tuning job".
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tidegate.settings.toml_reader import Problem

MAXIMUM_PARAMETERS = 30
MAXIMUM_CHOICES = 30
MAXIMUM_TRIALS = 750
MAXIMUM_RANDOM_TRIALS = 10_000
MAXIMUM_WARM_TRIALS = 500  # of a warm start: the trials of its parents count
# hyperparameters of the job itself: a search must not take their names
RESERVED = frozenset({"purpose", "run", "feature_hash", "snapshot"})
WHERE = "training.tuning"

Choice = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class ParameterRange:
    """One dimension of the search: a number between bounds, or one of some choices."""

    type: Literal["float", "int", "choice"]
    minimum: float | None = None
    maximum: float | None = None
    # reverse-log is fine near 1, as log is near 0; auto leaves it to the service
    scale: Literal["linear", "log", "reverse-log", "auto"] = "linear"
    choices: tuple[Choice, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The choices as SageMaker takes them."""
        return tuple(_text(choice) for choice in self.choices)

    def value(self, text: str) -> Choice:
        """What a trial is given as text, in its own type.

        Raises:
            ValueError: it is no number, or none of the choices.
        """
        if self.type == "choice":
            return self.choices[self.texts.index(text)]
        return int(text) if self.type == "int" else float(text)

    def problem(self) -> str | None:
        return self._choice_problem() if self.type == "choice" else self._number_problem()

    def _choice_problem(self) -> str | None:
        if not self.choices:
            return "a choice needs `choices`"
        if self.minimum is not None or self.maximum is not None or self.scale != "linear":
            return "a choice has no `minimum`, `maximum` or `scale`"
        if len(set(self.texts)) != len(self.choices):
            return "`choices` names one twice"
        if len(self.choices) > MAXIMUM_CHOICES:
            return f"has {len(self.choices)} `choices`, SageMaker takes {MAXIMUM_CHOICES}"
        return None

    def _number_problem(self) -> str | None:
        low, high = self.minimum, self.maximum
        if self.choices:
            return "a number has no `choices`"
        if low is None or high is None or not low < high:
            return "needs `minimum` < `maximum`"
        if not (math.isfinite(low) and math.isfinite(high)):
            return "needs bounds that are finite"
        if self.type == "int" and not (float(low).is_integer() and float(high).is_integer()):
            return "an int needs bounds that are whole numbers"
        if self.scale == "log" and low <= 0:
            return "a log scale needs `minimum` > 0"
        if self.scale == "reverse-log" and not (self.type == "float" and low >= 0 and high < 1):
            return "a reverse-log scale needs a float and 0 <= `minimum`, `maximum` < 1"
        return None


@dataclass(frozen=True, kw_only=True)
class HyperbandSection:
    """The parameter that a Hyperband search grows step by step, scoring after each, in its own units."""

    resource: str  # of the estimator, as max_iter or n_estimators
    minimum: int = field(metadata={"minimum": 1, "maximum": None})  # no trial is stopped below it
    maximum: int = field(metadata={"minimum": 1, "maximum": None})
    step: int = field(default=1, metadata={"minimum": 1, "maximum": None})

    @property
    def levels(self) -> tuple[int, ...]:
        """Values of the parameter after each of which a trial prints its score."""
        return tuple(range(self.step, self.maximum + 1, self.step))


@dataclass(frozen=True, kw_only=True)
class TuningSection:
    strategy: Literal["Bayesian", "Random", "Grid", "Hyperband"] = "Bayesian"
    trials: int = field(default=12, metadata={"minimum": 1, "maximum": MAXIMUM_RANDOM_TRIALS})
    parallel: int = field(default=2, metadata={"minimum": 1, "maximum": 100})
    selection: Literal["one-standard-error", "best"] = "one-standard-error"
    early_stopping: Literal["Off", "Auto"] = "Off"
    hyperband: HyperbandSection | None = None
    warm_start: int = field(default=0, metadata={"minimum": 0, "maximum": 5})  # searches before this one
    maximum_failed_trials: int | None = field(default=None, metadata={"minimum": 0, "maximum": None})
    maximum_runtime_seconds: int | None = field(default=None, metadata={"minimum": 120, "maximum": 15768000})
    target: float | None = None
    not_improving: int | None = field(default=None, metadata={"minimum": 3, "maximum": None})
    convergence: bool = False
    spot: bool = False
    spot_wait_seconds: int = field(default=3600, metadata={"minimum": 0, "maximum": 2419200})
    space: Mapping[str, ParameterRange] = field(default_factory=dict)


def _text(choice: Choice) -> str:
    return choice if isinstance(choice, str) else json.dumps(choice)


def problems(tuning: TuningSection, fixed: Mapping[str, object]) -> Iterator[Problem]:
    """Mistakes in the search, beside the estimator's `fixed` parameters: (dotted key, sentence)."""
    yield from _space_problems(tuning, fixed)
    yield from _hyperband_problems(tuning, fixed)
    if tuning.trials > MAXIMUM_TRIALS and tuning.strategy != "Random":
        yield f"{WHERE}.trials", f"`{WHERE}.trials` above {MAXIMUM_TRIALS} is for a Random search"
    if tuning.warm_start and tuning.strategy != "Bayesian":
        yield f"{WHERE}.warm_start", f"a {tuning.strategy} search learns nothing from a warm start"
    if tuning.warm_start and (total := (tuning.warm_start + 1) * tuning.trials) > MAXIMUM_WARM_TRIALS:
        told = f"a warm start from {tuning.warm_start} searches has {total} trials with this one's"
        yield f"{WHERE}.warm_start", f"{told}, SageMaker takes {MAXIMUM_WARM_TRIALS}"
    points = math.prod(len(space.choices) for space in tuning.space.values())
    if tuning.strategy == "Grid" and points > MAXIMUM_TRIALS:
        yield f"{WHERE}.space", f"the grid has {points} points, SageMaker takes {MAXIMUM_TRIALS}"


def _space_problems(tuning: TuningSection, fixed: Mapping[str, object]) -> Iterator[Problem]:
    if not tuning.space:
        yield WHERE, f"`{WHERE}.space` is empty: name a parameter to search"
    if len(tuning.space) > MAXIMUM_PARAMETERS:
        yield (
            f"{WHERE}.space",
            f"{len(tuning.space)} parameters are searched, SageMaker takes {MAXIMUM_PARAMETERS}",
        )
    for name, space in tuning.space.items():
        where = f"{WHERE}.space.{name}"
        if problem := space.problem():
            yield where, f"search of `{name}`: {problem}"
        if name in fixed:
            yield where, f"`{name}` is both fixed and searched"
        if name in RESERVED or name.startswith("_"):
            yield where, f"`{name}` is a name of the job's own"
        if tuning.strategy == "Grid" and space.type != "choice":
            yield where, "a Grid search takes choices only"


def _hyperband_problems(tuning: TuningSection, fixed: Mapping[str, object]) -> Iterator[Problem]:
    band, where = tuning.hyperband, f"{WHERE}.hyperband"
    if tuning.strategy != "Hyperband":
        if band is not None:
            yield where, f"`{where}` is not used by a {tuning.strategy} search"
        return
    if tuning.early_stopping != "Off":
        yield (
            f"{WHERE}.early_stopping",
            "a Hyperband search stops trials itself: `early_stopping` must be Off",
        )
    if band is None:
        yield WHERE, f"a Hyperband search needs `{where}` with `resource`, `minimum` and `maximum`"
        return
    if not band.minimum < band.maximum:
        yield where, f"`{where}` needs `minimum` < `maximum`"
    if band.minimum % band.step or band.maximum % band.step:
        yield f"{where}.step", f"`{where}`: `minimum` and `maximum` must be multiples of `step` {band.step}"
    if band.resource in fixed or band.resource in tuning.space:
        yield (
            f"{where}.resource",
            f"`{band.resource}` grows under Hyperband: do not fix or search it",
        )
