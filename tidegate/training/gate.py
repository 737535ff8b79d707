"""The gate: whether a candidate deserves to be registered, with every reason as a figure and in a sentence.

Each question is a check of its own; one that refuses and fails keeps the candidate out, one that warns is
told. What cannot be computed fails: an unknown figure never lets anything pass.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.evaluation.resampling import Interval
from tidegate.settings.gate_section import GateSection, Weight

BASELINE_WORDS = {
    "majority": "guessing",
    "linear": "a linear model",
    "previous_value": "the last known outcome",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question put to the candidate. `value` is held against `limit` as the sentence says."""

    name: str
    passed: bool
    sentence: str
    value: float | None = None  # None where the figure is not known
    limit: float | None = None
    refuses: bool = True  # otherwise it warns

    @property
    def reason(self) -> str:
        return f"{'pass' if self.passed else 'fail' if self.refuses else 'warn'}: {self.sentence}"

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "passed": self.passed,
            "refuses": self.refuses,
            "value": known(self.value),
            "limit": known(self.limit),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Gate:
    """Pass or fail, with every check. `difference` is candidate minus champion, None without a champion."""

    checks: tuple[Check, ...]
    difference: Interval | None = None

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks if check.refuses)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(check.reason for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        difference = None if self.difference is None else self.difference.to_json()
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "difference": difference,
            "checks": [check.to_json() for check in self.checks],
        }


def metric_checks(
    section: GateSection,
    metric: str,
    *,
    candidate: Interval,
    gains: Mapping[str, Interval],
    champion: Interval | None,
    difference: Interval | None,
    surely: float | None,
) -> Iterator[Check]:
    """Good enough, better than every baseline, and better than the champion; ties keep it.

    Of two models that do not differ one is ahead, and with many days within any margin: without asking that
    luck does not explain it, every second of them would be promoted.

    Args:
        gains: of the candidate over each baseline, on identical rows and draws.
        difference: of candidate and champion, likewise; given exactly when there is a champion.
        surely: what that difference is at least, at 95 %.
    """
    if section.minimum_metric is not None:
        yield Check(
            name="minimum_metric",
            passed=candidate.value >= section.minimum_metric,
            value=candidate.value,
            limit=section.minimum_metric,
            sentence=f"{metric} {candidate.value:.4f} against a minimum of {section.minimum_metric:.4f}",
        )
    for name, gain in gains.items():
        yield _against_baseline(section, metric, name, gain)
    if champion is not None and difference is not None:
        yield Check(
            name="not_worse_than_champion",
            passed=difference.low > -section.margin,
            value=difference.low,
            limit=-section.margin,
            sentence=f"candidate minus champion {shown(difference)}: "
            f"low end must be above {-section.margin:.4f}",
        )
        yield Check(
            name="gain_over_champion",
            passed=difference.value > 0 and difference.value >= section.minimum_gain,
            value=difference.value,
            limit=section.minimum_gain,
            sentence=f"gain {difference.value:+.4f} over the champion's {champion.value:.4f}: "
            f"must be above {section.minimum_gain:.4f}, ties keep the champion",
        )
        yield Check(
            name="more_than_luck",
            passed=surely is not None and surely > 0,
            refuses=section.promote == "better",
            value=surely,
            limit=0.0,
            sentence=f"gain of at least {math.nan if surely is None else surely:+.4f} in 19 of 20 draws of "
            "other days: must be above 0",
        )


def _against_baseline(section: GateSection, metric: str, name: str, gain: Interval) -> Check:
    """Guessing must be beaten beyond doubt; of the others the point estimate counts."""
    weight: dict[str, Weight] = {"linear": section.linear, "previous_value": section.previous_value}
    is_hard = name not in weight
    measured = gain.low if is_hard else gain.value
    must = "low end must be above 0" if is_hard else "must be above 0"
    return Check(
        name=f"beats_{name}",
        passed=measured > 0,
        refuses=weight.get(name, "refuse") == "refuse",
        value=measured,
        limit=0.0,
        sentence=f"gain in {metric} {shown(gain)} over {BASELINE_WORDS[name]}: {must}",
    )


def decide(checks: Sequence[Check], difference: Interval | None) -> Gate:
    """Those that refuse and fail first, then warnings, then what passed; within each as they came."""
    order = sorted(checks, key=lambda check: (check.passed, not check.refuses))
    return Gate(tuple(order), difference)


def shown(interval: Interval) -> str:
    return f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def known(value: float | None) -> float | None:
    """JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else value
