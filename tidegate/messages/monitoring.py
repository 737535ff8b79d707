"""What the steps of monitoring hand each other: windows and what was measured of them."""

from dataclasses import dataclass
from typing import Literal

from tidegate.messages.message import Message


@dataclass(frozen=True, kw_only=True)
class CaptureWindow(Message):
    """Captured traffic not measured yet. `ready` is false while it holds too few rows to say anything.

    Then its rows wait for more, and older windows are looked at again. Without a champion `run` is empty.
    """

    ready: bool
    reason: str
    run: str
    start: str
    end: str
    records: int
    manifest_uri: str  # SageMaker manifest of the champion's capture files
    baseline_uri: str  # profile of the rows that trained the champion
    predictions_uri: str  # profile of the champion's predictions on its test rows
    model_package_arn: str
    others_uri: str = ""  # manifest of what other models answered meanwhile; empty when nothing
    reference_uri: str = ""  # rows and measures of the champion's training; empty for older models
    model_uri: str = ""  # the champion's model.tar.gz


@dataclass(frozen=True, kw_only=True)
class SkewMeasured(Message):
    """How far the captured feature vectors of a window differ from those that training would have seen."""

    run: str
    rows: int  # compared
    not_compared: int
    maximum: float | None  # the worst feature's share of differing vectors; None when no row was compared
    feature: str | None  # that feature; None too when all vectors are right
    report_key: str  # everything, in the lake


@dataclass(frozen=True, kw_only=True)
class OperationsMeasured(Message):
    """How the endpoint did while a window was captured, and how old what it serves is; None is not known."""

    run: str
    requests: int  # of all variants
    error_share: float | None  # 5xx
    p99_ms: float | None  # of the slowest variant in its slowest period
    fallback_share: float | None  # of answered rows that the endpoint did not answer
    model_age_days: float | None
    feature_age_seconds: float | None  # of the view that waits longest
    report_key: str


@dataclass(frozen=True, kw_only=True)
class QualityMeasured(Message):
    """How good the champion's predictions were, by outcomes known so far, and should be where they lack."""

    run: str
    status: Literal["kept", "breach", "insufficient", "suspicious"]  # suspicious: the labels, see the report
    rows: int  # labelled predictions of the champion
    value: float | None
    low: float | None  # of a 95 % interval
    high: float | None
    promised: float  # by the champion's evaluation
    coverage: float | None  # share of predictions with an outcome; None without predictions
    estimate_status: Literal["kept", "breach", "insufficient", "unlicensed"]
    estimate: float | None
    report_key: str
