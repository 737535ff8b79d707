"""What fires by itself: EventBridge rules with a schedule, and the schedules of EventBridge Scheduler.

A schedule that came due several times while the clock jumped (or the laptop slept) fires once, at the last
of those instants. A flexible time window is taken at its start.
"""

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from moto.events.models import Rule, events_backends
from moto.scheduler.models import Schedule as StoredSchedule
from moto.scheduler.models import scheduler_backends

from localcloud import cloud
from localcloud.events import delivery, router, schedules

TICK_SECONDS = 0.5


@dataclass
class _Watch:
    """One schedule as it was last seen, and when it fires next."""

    definition: tuple[Any, ...]
    due: datetime | None


class Scheduler:
    """Looks at moto's state at every tick: a rule or schedule may be made, changed or removed at any time."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watch] = {}

    def tick(self) -> None:
        here = cloud.current()
        now = here.clock.now()
        seen: set[str] = set()
        for bus in list(events_backends[here.account][here.region].event_buses.values()):
            for rule in list(bus.rules.values()):
                if rule.scheduled_expression:
                    seen.add(rule.arn)
                    self._tick_rule(rule, now)
        for group in list(scheduler_backends[here.account][here.region].schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                seen.add(schedule.arn)
                self._tick_schedule(group, schedule, now)
        self._watched = {arn: watch for arn, watch in self._watched.items() if arn in seen}

    def next_due(self) -> float | None:
        """When the next schedule fires, of those seen at the last tick."""
        dues = (watch.due for watch in list(self._watched.values()))
        return min((due.timestamp() for due in dues if due is not None), default=None)

    def _tick_rule(self, rule: Rule, now: datetime) -> None:
        definition = (rule.scheduled_expression, rule.state)
        parsed = schedules.parse(str(rule.scheduled_expression))
        watch = self._watch(rule.arn, definition, lambda: parsed.next_after(now))
        due = _last_due(parsed, watch, now, ZoneInfo("UTC"))
        if due is not None and rule.state != "DISABLED":
            event = router.make_event("aws.events", "Scheduled Event", {}, [rule.arn], when=due.timestamp())
            router.send_to_targets(rule, event, 0)

    def _tick_schedule(self, group: Any, schedule: StoredSchedule, now: datetime) -> None:
        zone = ZoneInfo(schedule.schedule_expression_timezone)
        parsed = schedules.parse(schedule.schedule_expression)
        begin, end = _instant(schedule.start_date), _instant(schedule.end_date)
        definition = (schedule.schedule_expression, zone, schedule.state, begin, end)

        def first() -> datetime | None:
            if isinstance(parsed, schedules.Rate) and begin is not None:
                return begin
            if isinstance(parsed, schedules.At):
                return parsed.next_after(datetime.fromtimestamp(schedule.creation_date - 60, UTC), zone)
            return parsed.next_after(max(now, begin) if begin else now, zone)

        watch = self._watch(schedule.arn, definition, first)
        due = _last_due(parsed, watch, now, zone)
        if due is not None and schedule.state == "ENABLED" and not (end and due > end):
            _fire(schedule, due)
        over = watch.due is None or (end is not None and watch.due > end)
        if over and due is not None and schedule.action_after_completion == "DELETE":
            with contextlib.suppress(Exception):  # somebody else removed it at this moment
                group.delete_schedule(schedule.name)

    def _watch(self, arn: str, definition: tuple[Any, ...], first: Any) -> _Watch:
        watch = self._watched.get(arn)
        if watch is None or watch.definition != definition:
            watch = self._watched[arn] = _Watch(definition, first())
        return watch


def _last_due(parsed: schedules.Schedule, watch: _Watch, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The last instant that has come due, and the watch moved on to the next; None when none has."""
    last = None
    if isinstance(parsed, schedules.Rate) and watch.due is not None and watch.due <= now:
        missed = int((now - watch.due).total_seconds() // parsed.seconds)
        watch.due = schedules.Rate(missed * parsed.seconds).next_after(watch.due)
    while watch.due is not None and watch.due <= now:
        last = watch.due
        watch.due = parsed.next_after(last, zone)
    return last


def _fire(schedule: StoredSchedule, due: datetime) -> None:
    target = schedule.target
    here = cloud.current()
    delivery.dispatch(
        delivery.Parcel(
            target_arn=target["Arn"],
            body=_body(schedule, due, here.account),
            event=target.get("Input") or "{}",
            rule_arn=schedule.arn,
            role_arn=target.get("RoleArn") or "",
            message_group_id=(target.get("SqsParameters") or {}).get("MessageGroupId", ""),
            retry_policy=target.get("RetryPolicy") or {},
            dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
        )
    )


def _body(schedule: StoredSchedule, due: datetime, account: str) -> str:
    """The target's Input with Scheduler's context attributes filled in; without one, its default event."""
    when = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    if given := schedule.target.get("Input"):
        return (
            str(given)
            .replace("<aws.scheduler.schedule-arn>", schedule.arn)
            .replace("<aws.scheduler.scheduled-time>", when)
            .replace("<aws.scheduler.attempt-number>", "1")
        )
    event = router.make_event("aws.scheduler", "Scheduled Event", "{}", [schedule.arn], when=due.timestamp())
    return json.dumps(event)


def _instant(value: Any) -> datetime | None:
    """Moto keeps StartDate and EndDate as it got them: epoch seconds or text."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    parsed = datetime.fromisoformat(str(value))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
