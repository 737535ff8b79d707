"""Whether a composite alarm's actions run now, later or not at all, by its suppressor.

Source: CloudWatch User Guide, "Composite alarm action suppression". Actions for ALARM wait for the suppressor
to rise (WaitPeriod) or, once it fell, for the ExtensionPeriod. A composite that is back where it was before
its actions ran has had none: neither those of the one change nor those of the other are run.
"""

from localcloud.cloudwatch.alarm import CompositeAlarm, Held, Transition
from localcloud.cloudwatch.judgement import ALARM


def arrive(alarm: CompositeAlarm, change: Transition, suppressor: str, now: float) -> list[Transition]:
    """A change of the composite's state: the changes whose actions run now, which is it or none."""
    waiting, alarm.held = alarm.held, None
    alarm.suppressed_by = None
    if waiting is not None:
        return []
    if suppressor == ALARM:
        _hold(alarm, Held(transition=change, by="Alarm"))
    elif change.after.value == ALARM:
        wait = alarm.settings["ActionsSuppressorWaitPeriod"]
        _hold(alarm, Held(transition=change, by="WaitPeriod", until=now + wait))
    else:
        return [change]
    return []


def revisit(alarm: CompositeAlarm, suppressor: str, now: float) -> list[Transition]:
    """The suppressor may have changed and time has passed: the changes whose actions run now."""
    held = alarm.held
    if held is None:
        return []
    if suppressor == ALARM:
        _hold(alarm, Held(transition=held.transition, by="Alarm"))
    elif held.by == "Alarm":
        extension = alarm.settings["ActionsSuppressorExtensionPeriod"]
        _hold(alarm, Held(transition=held.transition, by="ExtensionPeriod", until=now + extension))
    elif held.until is not None and now >= held.until:
        alarm.held = alarm.suppressed_by = None
        return [held.transition]
    return []


def _hold(alarm: CompositeAlarm, held: Held) -> None:
    alarm.held, alarm.suppressed_by = held, held.by
