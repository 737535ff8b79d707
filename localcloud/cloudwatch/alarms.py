"""All alarms of the account: put, judged, changed, told.

One lock guards them. Judging happens on the ticker and never on the thread that brings a datapoint: a
datapoint only marks the alarms it concerns. Actions run on the cloud's threads, outside the lock.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any

from moto.cloudwatch.exceptions import ResourceNotFound, ValidationError

from localcloud import cloud
from localcloud.cloudwatch import actions, alarm_requests, alarm_rule, evaluation, suppression
from localcloud.cloudwatch.alarm import Alarm, CompositeAlarm, MetricAlarm, State, Transition, initial_state
from localcloud.cloudwatch.intake import FUTURE_SECONDS
from localcloud.cloudwatch.judgement import ALARM, INSUFFICIENT_DATA, OK
from localcloud.cloudwatch.reasons import timestamp
from localcloud.cloudwatch.store import MINUTE, Metric, MetricStore

_logger = logging.getLogger(__name__)

HOUR = 3600


class Alarms:
    """The alarms by name; metric and composite alarms share one space of names, as in AWS."""

    def __init__(self, store: MetricStore) -> None:
        self.by_name: dict[str, Alarm] = {}
        self._store = store
        self._lock = threading.RLock()
        self._acting = 0  # changes that are being told

    def put_metric_alarm(self, request: Mapping[str, Any]) -> bool:
        """Create or overwrite; the state of an existing alarm stays. True when it is new."""
        settings = alarm_requests.metric_alarm(request)
        return self._put(settings, MetricAlarm, {"stale": True})

    def put_composite_alarm(self, request: Mapping[str, Any]) -> bool:
        settings, rule = alarm_requests.composite_alarm(request)
        with self._lock:
            named = [*alarm_rule.children(rule), *filter(None, [settings.get("ActionsSuppressor")])]
            if unknown := [name for name in named if self._find(name) is None]:
                raise ValidationError(
                    f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule "
                    "do not exist"
                )
            created = self._put(settings, CompositeAlarm, {"rule": rule})
            self._settle_composites()
        return created

    def delete(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                self.by_name.pop(name, None)

    def enable_actions(self, names: Iterable[str], *, enabled: bool) -> None:
        with self._lock:
            for alarm in filter(None, map(self.by_name.get, names)):
                alarm.settings = alarm.settings | {"ActionsEnabled": enabled}

    def set_state(self, name: str, value: str, reason: str, data: Mapping[str, Any] | None) -> None:
        """SetAlarmState: holds until the next evaluation."""
        with self._lock:
            alarm = self.by_name.get(name)
            if alarm is None:
                raise ResourceNotFound
            self._change(alarm, State(value=value, reason=reason, data=data, since=self._now()))
            if isinstance(alarm, MetricAlarm):
                alarm.looks_at = alarm.evaluated_until + alarm.step
            self._settle_composites()

    def data_came(self, metrics: set[Metric]) -> None:
        """Mark the alarms over these metrics for the next tick."""
        with self._lock:
            for alarm in self.by_name.values():
                if isinstance(alarm, MetricAlarm) and not metrics.isdisjoint(alarm.metrics):
                    alarm.stale = True

    def evaluate(self) -> None:
        """Judge every alarm whose data changed, or went from one of its windows to another."""
        now = cloud.current().clock.time()
        with self._lock:
            for alarm in list(self.by_name.values()):
                if not isinstance(alarm, MetricAlarm):
                    continue
                if not alarm.stale and now < alarm.looks_at:
                    alarm.evaluated_until = int(now) // alarm.step * alarm.step
                else:
                    try:
                        self._judge(alarm, now)
                    except Exception:  # one alarm that cannot be judged must not silence the others
                        _logger.exception("alarm %s could not be evaluated", alarm.name)
            self._settle_composites()

    def idle(self) -> bool:
        with self._lock:
            waiting = any(isinstance(alarm, MetricAlarm) and alarm.stale for alarm in self.by_name.values())
            return not waiting and self._acting == 0

    def next_due(self, now: float) -> float | None:
        """When an alarm looks next at what it has not seen, or held actions run."""
        with self._lock:
            alarms = list(self.by_name.values())
        dues = [
            alarm.looks_at
            for alarm in alarms
            if isinstance(alarm, MetricAlarm) and now < alarm.looks_at < inf
        ]
        dues += [
            alarm.held.until
            for alarm in alarms
            if isinstance(alarm, CompositeAlarm) and alarm.held and alarm.held.until is not None
        ]
        return min(dues, default=None)

    def _put(self, settings: dict[str, Any], kind: type[Alarm], fresh: Mapping[str, Any]) -> bool:
        name, now = settings["AlarmName"], self._now()
        with self._lock:
            old = self.by_name.get(name)
            if old is not None and not isinstance(old, kind):
                raise ValidationError(f"An alarm of another type is already named {name}.")
            alarm = kind(
                name=name,
                alarm_arn=cloud.current().arn("cloudwatch", f"alarm:{name}"),
                settings=settings,
                state=old.state if old else initial_state(now),
                configured=now,
                **fresh,
            )
            what = "updated" if old else "created"
            if old:
                alarm.history = old.history
            shown = {key: value for key, value in settings.items() if key != "AlarmName"}
            data = {"type": "Update" if old else "Create", f"{what}Alarm": {"alarmName": name, **shown}}
            alarm.remember("ConfigurationUpdate", now, f'Alarm "{name}" {what}', data)
            self.by_name[name] = alarm
        return old is None

    def _judge(self, alarm: MetricAlarm, now: float) -> None:
        alarm.stale, before = False, alarm.state
        for moment in (*evaluation.missed(alarm, self._store, now), now):
            finding = evaluation.evaluate(alarm, self._store, moment)
            alarm.evaluated_until = finding.until
            if finding.state is not alarm.state:
                self._change(alarm, finding.state)
        # what it says may rest on what it said, so a change is looked at once more
        is_same = alarm.state is before
        alarm.looks_at = self._next_look(alarm, now) if is_same else alarm.evaluated_until + alarm.step

    def _next_look(self, alarm: MetricAlarm, now: float) -> float:
        """When data goes next from one window to another, or a band moves: until then it is what it was.

        Of most alarms nothing is measured most of the time: never, then.
        """
        fine = alarm.step < MINUTE
        since, until = now - _reach(alarm), now + FUTURE_SECONDS
        moves = [
            due
            for metric in alarm.metrics
            for slot in self._store.slots(metric, since=since, until=until, fine=fine)
            if (due := _moves(alarm, slot, now)) is not None
        ]
        # a band is another one from hour to hour, whether there is data or not
        hours = [float((int(now) // HOUR + 1) * HOUR)] if alarm.band else []
        return min([*moves, *hours], default=inf)

    def _settle_composites(self) -> None:
        """Follow the rules until nothing changes; AWS gives up on a cycle of alarms, and so does this."""
        composites = [alarm for alarm in self.by_name.values() if isinstance(alarm, CompositeAlarm)]
        for _ in composites:
            if not any([self._settle(alarm) for alarm in composites]):  # noqa: C419  every one, not up to the first
                break
        now = cloud.current().clock.time()
        for alarm in composites:
            self._run_all(suppression.revisit(alarm, self._suppressor_state(alarm), now))

    def _settle(self, alarm: CompositeAlarm) -> bool:
        value = ALARM if alarm_rule.holds(alarm.rule, self._state_of) else OK
        if value == alarm.state.value:
            return False
        kin = [child for name in alarm_rule.children(alarm.rule) if (child := self._find(name))]
        now = self._now()
        if kin:
            newest = max(kin, key=lambda child: child.state.since)
            state, when = newest.state.value, newest.state.since
            reason = f"{newest.alarm_arn} transitioned to {state} at {when:%A %d %B, %Y %H:%M:%S} UTC"
        else:
            reason = f"{alarm.alarm_arn} was evaluated to {value}"
        telling = [child for child in kin if value == OK or child.state.value != OK]
        triggering = [
            {
                "arn": child.alarm_arn,
                "state": {"value": child.state.value, "timestamp": timestamp(child.state.since)},
            }
            for child in telling
        ]
        data = {"triggeringAlarms": triggering}
        self._change(alarm, State(value=value, reason=reason, data=data, since=now))
        return True

    def _change(self, alarm: Alarm, after: State) -> None:
        before, alarm.state = alarm.state, after
        if before.value == after.value:
            return
        summary = f"Alarm updated from {before.value} to {after.value}"
        states = {"oldState": before.history(), "newState": after.history()}
        alarm.remember("StateUpdate", after.since, summary, states)
        change = Transition(alarm=alarm, before=before, after=after)
        if isinstance(alarm, CompositeAlarm) and alarm.suppressor:
            now = cloud.current().clock.time()
            self._run_all(suppression.arrive(alarm, change, self._suppressor_state(alarm), now))
            change = Transition(alarm=alarm, before=before, after=after, suppressed_by=alarm.suppressed_by)
            self._submit(actions.announce, change)
            return
        self._submit(actions.announce, change)
        self._run_all([change])

    def _run_all(self, changes: Iterable[Transition]) -> None:
        for change in changes:
            if change.alarm.actions_enabled:
                self._submit(actions.carry_out, change, self._remember_action(change.alarm))

    def _submit(self, work: Callable[..., None], *arguments: Any) -> None:
        """Run on a thread of the cloud, where an exception would otherwise be lost."""

        def run() -> None:
            try:
                work(*arguments)
            except Exception:  # whatever the other room says: the alarm has changed all the same
                _logger.exception("an alarm's change could not be told")
            finally:
                with self._lock:
                    self._acting -= 1

        with self._lock:
            self._acting += 1
        cloud.current().submit(run)

    def _remember_action(self, alarm: Alarm) -> actions.Remember:
        def remember(summary: str, data: dict[str, Any]) -> None:
            with self._lock:
                alarm.remember("Action", self._now(), summary, data)

        return remember

    def _find(self, name_or_arn: str) -> Alarm | None:
        return self.by_name.get(name_or_arn.rpartition(":alarm:")[2] or name_or_arn)

    def _state_of(self, name_or_arn: str) -> str:
        alarm = self._find(name_or_arn)
        return alarm.state.value if alarm else INSUFFICIENT_DATA  # deleted under the composite

    def _suppressor_state(self, alarm: CompositeAlarm) -> str:
        return self._state_of(alarm.suppressor) if alarm.suppressor else OK

    @staticmethod
    def _now() -> datetime:
        return cloud.current().clock.now().astimezone(UTC)


def _reach(alarm: MetricAlarm) -> int:
    """Seconds until data has left the oldest window that the alarm looks at."""
    return (alarm.rule.range + 1) * alarm.period + MINUTE


def _moves(alarm: MetricAlarm, slot: int, now: float) -> float | None:
    """When the data of a slot is next found in another window; None once it has left the last.

    Full windows end at multiples of the step, or a step later where the newest still runs; the data lies in
    the j-th newest while `slot + j * period` is before its end, and at most a period before.
    """
    for window in range(alarm.rule.range + 1):
        first = (slot + window * alarm.period) // alarm.step * alarm.step
        for due in (first, first + alarm.step):
            if due > now:
                return float(due)
    return None
