"""An alarm: its settings as they were put, its state, and the history DescribeAlarmHistory tells."""

import functools
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.cloudwatch import alarm_rule
from localcloud.cloudwatch.judgement import INSUFFICIENT_DATA, Rule
from localcloud.cloudwatch.store import MINUTE, Metric

HISTORY = 500  # items kept of each alarm; AWS keeps 30 days
CREATED = "Unchecked: Initial alarm creation"
ACTION_KEYS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
SUPPRESSOR_KEYS = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
HIGH_RESOLUTION_STEP = 10


@dataclass(frozen=True, kw_only=True)
class State:
    """What an alarm says, why, and since when; `data` is StateReasonData."""

    value: str
    reason: str
    data: Mapping[str, Any] | None = None
    since: datetime

    def data_text(self) -> str | None:
        return None if self.data is None else json.dumps(self.data, separators=(",", ":"))

    def history(self) -> dict[str, Any]:
        """As HistoryData shows a state."""
        shown = {"stateValue": self.value, "stateReason": self.reason}
        return shown if self.data is None else shown | {"stateReasonData": self.data}


@dataclass(frozen=True, kw_only=True)
class HistoryItem:
    when: datetime
    type: str
    summary: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """An alarm's change from one state to another, as its actions are told."""

    alarm: "Alarm"
    before: State
    after: State
    suppressed_by: str | None = None


@dataclass(kw_only=True)
class Alarm:
    """A metric or composite alarm. `settings` are the parameters of its Put request."""

    name: str
    alarm_arn: str  # the name under which moto's tagging finds it
    settings: dict[str, Any]
    state: State
    configured: datetime
    history: deque[HistoryItem] = field(default_factory=lambda: deque(maxlen=HISTORY))
    suppressed_by: str | None = None

    @property
    def composite(self) -> bool:
        return "AlarmRule" in self.settings

    @property
    def actions_enabled(self) -> bool:
        return bool(self.settings["ActionsEnabled"])

    def actions(self, state: str) -> list[str]:
        return list(self.settings[ACTION_KEYS[state]])

    def remember(self, kind: str, when: datetime, summary: str, data: Mapping[str, Any]) -> None:
        self.history.append(
            HistoryItem(when=when, type=kind, summary=summary, data={"version": "1.0", **data})
        )

    def describe(self) -> dict[str, Any]:
        """The alarm as DescribeAlarms shows it."""
        shown = dict(self.settings) | {
            "AlarmArn": self.alarm_arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": self.state.value,
            "StateReason": self.state.reason,
            "StateUpdatedTimestamp": self.state.since,
            "StateTransitionedTimestamp": self.state.since,
        }
        if (data := self.state.data_text()) is not None:
            shown["StateReasonData"] = data
        if self.suppressed_by:
            shown["ActionsSuppressedBy"] = self.suppressed_by
            shown["ActionsSuppressedReason"] = f"Actions suppressed by {self.suppressed_by}"
        return shown


@dataclass(kw_only=True)
class MetricAlarm(Alarm):
    """An alarm on a statistic, or on a metric math expression over several."""

    evaluated_until: int = 0  # end of the newest window it was judged on
    stale: bool = True  # put anew, or data came since
    looks_at: float = 0.0  # until then, and until data comes, judging it would say what it said

    # what follows from the settings is asked at every look; an alarm that is put again is another object

    @functools.cached_property
    def queries(self) -> list[dict[str, Any]]:
        """Its metrics as metric data queries; the one with ReturnData is what it watches."""
        if "Metrics" in self.settings:
            return list(self.settings["Metrics"])
        metric = {key: self.settings[key] for key in ("Namespace", "MetricName", "Dimensions")}
        stat = {"Metric": metric, "Period": self.settings["Period"], "Stat": self.stat}
        if unit := self.settings.get("Unit"):
            stat["Unit"] = unit
        return [{"Id": "watched", "MetricStat": stat, "ReturnData": True}]

    @functools.cached_property
    def watched(self) -> dict[str, Any]:
        queries = self.queries
        return next((q for q in queries if q.get("ReturnData", True) and q["Id"] != self.band), queries[0])

    @property
    def band(self) -> str | None:
        """Id of the query whose two series are its thresholds, of an alarm of anomaly detection."""
        return self.settings.get("ThresholdMetricId")

    @functools.cached_property
    def stat(self) -> str | None:
        """The one statistic of an alarm without expressions."""
        named = self.settings.get("Statistic") or self.settings.get("ExtendedStatistic")
        if named or "Metrics" not in self.settings:
            return named
        return self.watched["MetricStat"]["Stat"] if "MetricStat" in self.watched else None

    @functools.cached_property
    def metrics(self) -> set[Metric]:
        return {Metric.from_request(q["MetricStat"]["Metric"]) for q in self.queries if "MetricStat" in q}

    @functools.cached_property
    def period(self) -> int:
        """Seconds of one datapoint: of an expression, the longest period under it."""
        return max(int(q["MetricStat"]["Period"]) for q in self.queries if "MetricStat" in q)

    @functools.cached_property
    def step(self) -> int:
        """How often its window moves on: each minute, or each ten seconds below that."""
        return MINUTE if self.period >= MINUTE else HIGH_RESOLUTION_STEP

    @functools.cached_property
    def rule(self) -> Rule:
        periods = int(self.settings["EvaluationPeriods"])
        return Rule(
            evaluation_periods=periods,
            datapoints_to_alarm=int(self.settings.get("DatapointsToAlarm") or periods),
            missing=self.settings.get("TreatMissingData") or self._default_missing(),
        )

    def _default_missing(self) -> str:
        namespaces = {metric.namespace for metric in self.metrics}
        return "ignore" if namespaces == {"AWS/DynamoDB"} else "missing"


@dataclass(kw_only=True)
class CompositeAlarm(Alarm):
    """An alarm on other alarms."""

    rule: alarm_rule.Node
    held: "Held | None" = None

    @property
    def suppressor(self) -> str | None:
        return self.settings.get("ActionsSuppressor")


@dataclass(frozen=True, kw_only=True)
class Held:
    """Actions that wait: for a suppressor to rise (WaitPeriod), to fall (Alarm), or after it fell."""

    transition: Transition
    by: str
    until: float | None = None


def initial_state(when: datetime) -> State:
    return State(value=INSUFFICIENT_DATA, reason=CREATED, since=when)
