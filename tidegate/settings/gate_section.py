"""`[gate]` of pipeline.toml: what a candidate must show before it is registered, and mistakes in that."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tidegate.settings.toml_reader import Problem

Weight = Literal["refuse", "warn"]


def _limits(minimum: float | None = None, maximum: float | None = None) -> dict[str, float | None]:
    return {"minimum": minimum, "maximum": maximum}


@dataclass(frozen=True, kw_only=True)
class CostsSection:
    """What one decision costs, in any one currency; a gain is a negative cost."""

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FairnessSection:
    """How far apart the groups of one request column may be in what is decided about them."""

    sensitive: str
    demographic_parity: float | None = field(default=None, metadata=_limits(0, 1))
    equalized_odds: float | None = field(default=None, metadata=_limits(0, 1))
    minimum_rows: int = field(default=200, metadata=_limits(1))


@dataclass(frozen=True, kw_only=True)
class GateSection:
    margin: float = field(default=0.005, metadata=_limits(0))
    minimum_gain: float = field(default=0.0, metadata=_limits(0))
    promote: Literal["better", "not-worse"] = "better"
    minimum_metric: float | None = None
    bootstrap_replicates: int = field(default=1000, metadata=_limits(100, 100000))
    linear: Weight = "warn"
    previous_value: Weight = "warn"
    previous_value_by: str | None = None
    calibration_margin: float = field(default=0.01, metadata=_limits(0, 1))
    slices: tuple[str, ...] = ()
    slice_rows: int = field(default=200, metadata=_limits(2))
    costs: CostsSection | None = None
    fairness: FairnessSection | None = None
    feature_rows: int = field(default=2000, metadata=_limits(0, 1_000_000))
    maximum_model_mebibytes: float | None = field(default=None, metadata=_limits(0))
    maximum_p99_ms: float | None = field(default=None, metadata=_limits(0))
    approval: Literal["automatic", "manual"] = "manual"


def problems(gate: GateSection, *, is_binary: bool) -> Iterator[Problem]:
    """Values that are well-formed each by itself and wrong together."""
    costs, fairness = gate.costs, gate.fairness
    for name, given in (("costs", costs), ("fairness", fairness)):
        if given is not None and not is_binary:
            yield f"gate.{name}", f"`gate.{name}` is about decisions between two: it needs task binary"
    if costs is not None and (
        costs.false_positive <= costs.true_negative or costs.false_negative <= costs.true_positive
    ):
        yield "gate.costs", "`gate.costs`: a wrong decision must cost more than the right one in its place"
    if fairness is not None and fairness.demographic_parity is None and fairness.equalized_odds is None:
        yield "gate.fairness", "`gate.fairness` needs `demographic_parity` or `equalized_odds`"
    for column in sorted({name for name in gate.slices if gate.slices.count(name) > 1}):
        yield "gate.slices", f"`gate.slices` names `{column}` twice"


def columns(gate: GateSection) -> dict[str, str]:
    """Columns that `gate` names: where it does -> which. They must be of the feature set's request."""
    named = {f"gate.slices.{i}": column for i, column in enumerate(gate.slices)}
    if gate.fairness is not None:
        named["gate.fairness.sensitive"] = gate.fairness.sensitive
    if gate.previous_value_by is not None:
        named["gate.previous_value_by"] = gate.previous_value_by
    return named
