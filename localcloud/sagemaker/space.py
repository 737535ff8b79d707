"""The search space of a tuning request: ranges of strings, read into parameters that suggest strings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna  # costs a second; only the thread of a tuning job pays it

AUTO_LOGARITHMIC_RATIO = (
    1000.0  # Auto takes a logarithm where the bounds of a positive range lie this far apart
)


Recalled = tuple[str, Any, "optuna.distributions.BaseDistribution"]


@dataclass(frozen=True, kw_only=True)
class Continuous:
    """A real number between two bounds, both included."""

    name: str
    low: float
    high: float
    scaling: str

    @property
    def _axis(self) -> tuple[str, float, float, bool]:
        """Name, bounds and logarithm of what Optuna searches: the distance from 1 where that is the scale."""
        if self.scaling == "ReverseLogarithmic":
            return f"1-{self.name}", 1 - self.high, 1 - self.low, True
        return self.name, self.low, self.high, _logarithmic(self)

    def suggest(self, trial: "optuna.Trial") -> str:
        name, low, high, log = self._axis
        value = trial.suggest_float(name, low, high, log=log)
        return repr(1 - value if self.scaling == "ReverseLogarithmic" else value)

    def recall(self, text: str) -> Recalled | None:
        """A value tried elsewhere as Optuna would have suggested it here; None when it lies outside."""
        from optuna.distributions import FloatDistribution

        value = _number(text)
        if value is None or not self.low <= value <= self.high:
            return None
        name, low, high, log = self._axis
        if self.scaling == "ReverseLogarithmic":
            value = min(max(1 - value, low), high)  # 1 - (1 - x) is not quite x
        return name, value, FloatDistribution(low, high, log=log)


@dataclass(frozen=True, kw_only=True)
class Integer:
    """A whole number between two bounds, both included."""

    name: str
    low: int
    high: int
    scaling: str

    def suggest(self, trial: "optuna.Trial") -> str:
        return str(trial.suggest_int(self.name, self.low, self.high, log=_logarithmic(self)))

    def recall(self, text: str) -> Recalled | None:
        from optuna.distributions import IntDistribution

        value = _number(text)
        if value is None or not value.is_integer() or not self.low <= value <= self.high:
            return None
        return self.name, int(value), IntDistribution(self.low, self.high, log=_logarithmic(self))


@dataclass(frozen=True, kw_only=True)
class Categorical:
    """One of some texts."""

    name: str
    values: tuple[str, ...]

    def suggest(self, trial: "optuna.Trial") -> str:
        return str(trial.suggest_categorical(self.name, self.values))

    def recall(self, text: str) -> Recalled | None:
        from optuna.distributions import CategoricalDistribution

        return (self.name, text, CategoricalDistribution(self.values)) if text in self.values else None


Parameter = Continuous | Integer | Categorical


def parameters(ranges: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """The parameters of ParameterRanges.

    Raises:
        ValueError: no range, a name twice, bounds that are no numbers or in the wrong order, or a scaling
            that the range cannot bear. The message names the parameter.
    """
    found: list[Parameter] = [
        *(_continuous(each) for each in ranges.get("ContinuousParameterRanges", [])),
        *(_integer(each) for each in ranges.get("IntegerParameterRanges", [])),
        *(_categorical(each) for each in ranges.get("CategoricalParameterRanges", [])),
    ]
    names = [parameter.name for parameter in found]
    if not found:
        raise ValueError("ParameterRanges must hold at least one range.")
    if len(set(names)) != len(names):
        raise ValueError(f"ParameterRanges must not name a parameter twice: {sorted(names)}.")
    return tuple(found)


def combinations(space: tuple[Parameter, ...]) -> int:
    """How many points a grid over the space has.

    Raises:
        ValueError: a parameter is not categorical.
    """
    for parameter in space:
        if not isinstance(parameter, Categorical):
            raise ValueError(f"The Grid strategy takes categorical parameters only, not '{parameter.name}'.")  # noqa: TRY004  a wrong request, not a wrong type
    return math.prod(len(parameter.values) for parameter in space if isinstance(parameter, Categorical))


def _continuous(item: Mapping[str, Any]) -> Continuous:
    name, scaling = item["Name"], item.get("ScalingType", "Auto")
    low, high = _bound(item, "MinValue", float), _bound(item, "MaxValue", float)
    _check(name, low, high, scaling)
    if scaling == "ReverseLogarithmic" and not 0 <= low <= high < 1:
        raise ValueError(f"Parameter '{name}': ReverseLogarithmic needs 0 <= x < 1, got {low} to {high}.")
    return Continuous(name=name, low=low, high=high, scaling=scaling)


def _integer(item: Mapping[str, Any]) -> Integer:
    name, scaling = item["Name"], item.get("ScalingType", "Auto")
    low, high = _bound(item, "MinValue", int), _bound(item, "MaxValue", int)
    _check(name, low, high, scaling)
    if scaling == "ReverseLogarithmic":
        raise ValueError(f"Parameter '{name}': ReverseLogarithmic is for continuous ranges.")
    return Integer(name=name, low=low, high=high, scaling=scaling)


def _categorical(item: Mapping[str, Any]) -> Categorical:
    return Categorical(name=item["Name"], values=tuple(item["Values"]))


def _bound(item: Mapping[str, Any], end: str, kind: type) -> Any:
    try:
        return kind(item[end])
    except ValueError as error:
        raise ValueError(f"Parameter '{item['Name']}': {end} is no number: {item[end]!r}.") from error


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check(name: str, low: float, high: float, scaling: str) -> None:
    if low > high:
        raise ValueError(f"Parameter '{name}': MinValue {low} is greater than MaxValue {high}.")
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"Parameter '{name}': Logarithmic needs MinValue > 0, got {low}.")


def _logarithmic(parameter: Continuous | Integer) -> bool:
    if parameter.scaling == "Auto":
        return parameter.low > 0 and parameter.high / parameter.low >= AUTO_LOGARITHMIC_RATIO
    return parameter.scaling == "Logarithmic"
