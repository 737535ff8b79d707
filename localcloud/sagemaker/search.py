"""The search of a tuning job: Optuna proposes hyperparameters and hears how they did.

The same seed and the same results give the same proposals: results are told in the order of the proposals,
and a strategy that learns proposes in whole batches, so it never matters which job of a batch ends first.
"""

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from localcloud.sagemaker.early_stopping import worse_than_median
from localcloud.sagemaker.space import Categorical, Parameter, parameters

STARTUP_TRIALS = 10  # at random before TPE models anything; a third of the budget where that is less

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """One study of Optuna, by the request's strategy.

    Bayesian is a tree-structured Parzen estimator with a constant liar; Hyperband is random proposals under
    Optuna's successive halving, one step for each objective value that a job prints.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is HyperParameterTuningJobConfig; its ranges have been checked."""
        self._space = parameters(config["ParameterRanges"])
        self._strategy: str = config["Strategy"]
        self._minimize = config["HyperParameterTuningJobObjective"]["Type"] == "Minimize"
        self._stops_early = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        limits = config["ResourceLimits"]
        self._study = optuna.create_study(
            study_name="tuning",  # Hyperband draws its brackets from this name
            direction="minimize" if self._minimize else "maximize",
            sampler=_sampler(self._strategy, config.get("RandomSeed"), limits.get("MaxNumberOfTrainingJobs")),
            pruner=_pruner(config),
        )
        if self._strategy == "Grid":
            for point in _grid(self._space):
                self._study.enqueue_trial(point)

    @property
    def learns(self) -> bool:
        """Whether a proposal depends on results, so that proposals come in whole batches."""
        return self._strategy in {"Bayesian", "Hyperband"}

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

    def gives_up(
        self, trial: optuna.Trial, curve: Sequence[float], others: Sequence[Sequence[float]]
    ) -> bool:
        """Whether a running job should stop, by the objective values it and finished jobs have printed."""
        if self._strategy == "Hyperband":
            trial.report(curve[-1], len(curve))
            return trial.should_prune()
        return self._stops_early and worse_than_median(curve, others, minimize=self._minimize)


def _sampler(strategy: str, seed: int | None, jobs: int | None) -> optuna.samplers.BaseSampler:
    if strategy != "Bayesian":
        return optuna.samplers.RandomSampler(seed=seed)
    startup = min(STARTUP_TRIALS, max(1, jobs // 3)) if jobs else STARTUP_TRIALS
    with warnings.catch_warnings():  # multivariate sampling is marked experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True
        )


def _pruner(config: Mapping[str, Any]) -> optuna.pruners.BasePruner:
    if config["Strategy"] != "Hyperband":
        return optuna.pruners.NopPruner()
    resources = config["StrategyConfig"]["HyperbandStrategyConfig"]
    return optuna.pruners.HyperbandPruner(
        min_resource=resources["MinResource"], max_resource=resources["MaxResource"], reduction_factor=3
    )


def _grid(space: tuple[Parameter, ...]) -> list[dict[str, str]]:
    axes = [(each.name, each.values) for each in space if isinstance(each, Categorical)]
    names = [name for name, _ in axes]
    return [dict(zip(names, point, strict=True)) for point in itertools.product(*(v for _, v in axes))]
