"""The search of a tuning job: Optuna proposes hyperparameters and hears how they did.

The same seed and the same results give the same search: results are told in the order of the proposals, and
where results decide anything jobs come in whole batches, so it never matters which of a batch ends first. A
job is stopped early by what batches before its own printed.
"""

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna

from localcloud.sagemaker.early_stopping import worse_than_median
from localcloud.sagemaker.hyperband import Hyperband
from localcloud.sagemaker.space import Categorical, Parameter, parameters

STARTUP_TRIALS = 10  # at random before TPE models anything; a third of the budget where that is less

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """One study of Optuna, by the request's strategy.

    Bayesian is a tree-structured Parzen estimator with a constant liar; Hyperband is random proposals under
    successive halving, one step for each objective value that a job prints.
    """

    def __init__(
        self, config: Mapping[str, Any], ancestors: Iterable[tuple[Mapping[str, str], float]] = ()
    ) -> None:
        """`config` is HyperParameterTuningJobConfig; its ranges have been checked.

        Args:
            ancestors: (hyperparameters, objective) of jobs that a warm start begins with.
        """
        self._space = parameters(config["ParameterRanges"])
        self._strategy: str = config["Strategy"]
        self._minimize = config["HyperParameterTuningJobObjective"]["Type"] == "Minimize"
        self._stops_early = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        self._has_criteria = bool(config.get("TuningJobCompletionCriteria"))
        self._hyperband = _hyperband(config)
        limits = config["ResourceLimits"]
        self._study = optuna.create_study(
            direction="minimize" if self._minimize else "maximize",
            sampler=_sampler(self._strategy, config.get("RandomSeed"), limits.get("MaxNumberOfTrainingJobs")),
        )
        for values, objective in ancestors:
            self._learn(values, objective)
        if self._strategy == "Grid":
            for point in _grid(self._space):
                self._study.enqueue_trial(point)

    @property
    def in_batches(self) -> bool:
        """Whether a whole batch ends before the next begins: where what comes next depends on results."""
        return self._strategy in {"Bayesian", "Hyperband"} or self._stops_early or self._has_criteria

    def ask(self) -> tuple[optuna.Trial, dict[str, str]]:
        """The next hyperparameters, all strings as hyperparameters.json has them."""
        trial = self._study.ask()
        return trial, {parameter.name: parameter.suggest(trial) for parameter in self._space}

    def tell(self, trial: optuna.Trial, value: float | None) -> None:
        """How a proposal did; None for a job without an objective value."""
        if value is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    def has_enough(self, curve: Sequence[float]) -> bool:
        """Whether a job has printed all the objective values that it may."""
        return self._hyperband is not None and len(curve) >= self._hyperband.maximum

    def gives_up(
        self, number: int, curve: Sequence[float], ended: Sequence[tuple[int, Sequence[float]]]
    ) -> bool:
        """Whether a running job should stop, by the objective values it and those that have ended printed.

        Args:
            number: of the job in the search, from 0; `ended` holds (number, values) of others.
        """
        if self._hyperband:
            return self._hyperband.gives_up(number, curve, ended, minimize=self._minimize)
        others = [other for _, other in ended]
        return self._stops_early and worse_than_median(curve, others, minimize=self._minimize)

    def _learn(self, values: Mapping[str, str], objective: float) -> None:
        """A job of another search, where all its values lie in this one's space."""
        recalled = [parameter.recall(values.get(parameter.name, "")) for parameter in self._space]
        known = [each for each in recalled if each is not None]
        if len(known) == len(recalled):
            self._study.add_trial(
                optuna.trial.create_trial(
                    params={name: value for name, value, _ in known},
                    distributions={name: distribution for name, _, distribution in known},
                    value=objective,
                )
            )


def _hyperband(config: Mapping[str, Any]) -> Hyperband | None:
    if config["Strategy"] != "Hyperband":
        return None
    resources = config["StrategyConfig"]["HyperbandStrategyConfig"]
    return Hyperband(minimum=resources.get("MinResource", 1), maximum=resources["MaxResource"])


def _sampler(strategy: str, seed: int | None, jobs: int | None) -> optuna.samplers.BaseSampler:
    if strategy != "Bayesian":
        return optuna.samplers.RandomSampler(seed=seed)
    startup = min(STARTUP_TRIALS, max(1, jobs // 3)) if jobs else STARTUP_TRIALS
    with warnings.catch_warnings():  # multivariate sampling is marked experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True
        )


def _grid(space: tuple[Parameter, ...]) -> list[dict[str, str]]:
    axes = [(each.name, each.values) for each in space if isinstance(each, Categorical)]
    names = [name for name, _ in axes]
    return [dict(zip(names, point, strict=True)) for point in itertools.product(*(v for _, v in axes))]
