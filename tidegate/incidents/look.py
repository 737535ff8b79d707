"""What one look of the monitoring says that the decision to retrain needs, read from its documents.

A document, or a member of it, that is not there says "not measured": None, never a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.messages.message import Message

_NOT_COMPARED = ("insufficient", "not comparable")
METRIC_OUT_OF_CONTRACT = "OutOfContractShare"
METRIC_ESTIMATE_BREACHES = "EstimateBreaches"


@dataclass(frozen=True, kw_only=True)
class Look(Message):
    """One window as the decision sees it."""

    run: str
    model: str  # package ARN of the champion it is about
    measured: bool  # False: too few requests came; outcomes of older ones may have
    drift: float | None = None  # importance of the columns that drifted, in [0, 1]; or their share
    weighted: bool = False  # False: nobody measured what columns are worth, and each counts alike
    drifted: tuple[str, ...] = ()
    estimate_breach: bool | None = None
    estimate: str = ""  # in words
    quality_breach: bool | None = None
    quality: str = ""
    suspicious: str = ""  # why the label feed cannot be believed
    out_of_contract: float | None = None  # share of requests, in [0, 1]
    skew: float | None = None  # share of vectors, in [0, 1], of the worst feature
    skewed: str = ""  # that feature


def look(
    run: str,
    model: str,
    *,
    measured: bool,
    measurement: Mapping[str, Any] | None,
    quality: Mapping[str, Any] | None,
    skew: Mapping[str, Any] | None,
) -> Look:
    """Of measurement.json, quality.json and a messages.SkewMeasured; None where it is not there."""
    found = measurement or {}
    metrics = {each["MetricName"]: each["Value"] for each in found.get("metrics", ())}
    summary = found.get("summary", {})
    drift, weighted = _drift(found)
    told = quality or {}
    breach, words = _realised(told)
    estimate_breach, estimate = _estimated(told, metrics)
    return Look(
        run=run,
        model=model,
        measured=measured and measurement is not None,
        drift=drift,
        weighted=weighted,
        drifted=tuple(column["column"] for column in summary.get("drifted", ())),
        estimate_breach=estimate_breach,
        estimate=estimate,
        quality_breach=breach,
        quality=words,
        suspicious=_suspicious(told),
        out_of_contract=metrics.get(METRIC_OUT_OF_CONTRACT),
        skew=None if skew is None else skew.get("maximum"),
        skewed="" if skew is None else skew.get("feature") or "",
    )


def _drift(measurement: Mapping[str, Any]) -> tuple[float | None, bool]:
    weighted = measurement.get("weighted_drifted_share")
    if isinstance(weighted, int | float):
        return float(weighted), True
    statuses = measurement.get("summary", {}).get("statuses", {})
    compared = sum(count for status, count in statuses.items() if status not in _NOT_COMPARED)
    return (statuses.get("alarm", 0) / compared, False) if compared else (None, False)


def _realised(quality: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Whether it is in breach; by labels that nobody should believe it may be too, and is held off then."""
    realised = quality.get("realised", {})
    status, high = realised.get("status"), realised.get("high")
    if status not in ("kept", "breach", "suspicious") or high is None:
        return None, ""
    promise = quality.get("promised", {}).get("value")
    words = f"{quality.get('metric', 'quality')} {realised['value']:.4f}"
    words += f" [{realised['low']:.4f}, {high:.4f}] of {realised['rows']} labelled predictions"
    words += "" if promise is None else f", promised {promise:.4f}"
    below = promise is not None and high < promise - quality.get("margin", 0.0)
    return status == "breach" or (status == "suspicious" and below), words


def _estimated(quality: Mapping[str, Any], metrics: Mapping[str, float]) -> tuple[bool | None, str]:
    estimate = quality.get("estimate", {})
    status, value = estimate.get("status"), estimate.get("value")
    if METRIC_ESTIMATE_BREACHES in metrics:
        breach: bool | None = metrics[METRIC_ESTIMATE_BREACHES] > 0
    else:
        breach = status == "breach" if status in ("kept", "breach") else None
    metric = quality.get("metric", "quality")
    return breach, "" if value is None else f"{metric} estimated at {value:.4f} before outcomes come"


def _suspicious(quality: Mapping[str, Any]) -> str:
    """Why, wherever the measurement says so: of the labels, or of the quality that was made of them."""
    labels = quality.get("labels", {})
    for part in (labels.get("trust", {}), labels, quality.get("realised", {})):
        if part.get("status") == "suspicious":
            reasons = part.get("reasons") or ["the outcomes told are not like those trained on"]
            return "; ".join(str(reason) for reason in reasons)
    return ""
