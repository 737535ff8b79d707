"""Whether an alarm is in ALARM: M of the last N datapoints, and what missing ones count for.

Pure. Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data", whose two tables
are the unit test of this module. The guide retrieves more periods than N, five for three in its example,
and does not say how many in general: here it is always two more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
EXTRA_PERIODS = 2


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`datapoints_to_alarm` of `evaluation_periods`, and one of missing, ignore, breaching, notBreaching."""

    evaluation_periods: int
    datapoints_to_alarm: int
    missing: str = "missing"

    @property
    def range(self) -> int:
        """How many periods to look at."""
        return self.evaluation_periods + EXTRA_PERIODS


@dataclass(frozen=True)
class Judgement:
    """`used` are positions of the real datapoints that decided; `filled` counts those made up beside them."""

    state: str
    used: tuple[int, ...] = ()
    filled: int = 0


def judge(breaches: Sequence[bool | None], rule: Rule, current: str) -> Judgement:
    """The state an alarm should be in.

    Args:
        breaches: one for each period of `rule.range`, oldest first: breaching, not breaching, missing.
        rule: the alarm's settings.
        current: its present state, kept where the datapoints do not decide.
    """
    real = [position for position, breach in enumerate(breaches) if breach is not None]
    used = tuple(real[-rule.evaluation_periods :])
    lacking = rule.evaluation_periods - len(used)
    breaching = sum(breaches[position] is True for position in used)

    if lacking == 0 or rule.missing in ("breaching", "notBreaching"):
        breaching += lacking if rule.missing == "breaching" else 0
        state = ALARM if breaching >= rule.datapoints_to_alarm else OK
    elif not used:
        state = INSUFFICIENT_DATA if rule.missing == "missing" else current
    elif breaching >= rule.datapoints_to_alarm:
        state = ALARM
    elif breaching < len(used):
        state = OK
    else:
        # all that is there breaches, and it is too little: an alarm only once the oldest has waited M periods
        age = len(breaches) - used[0]
        waited = rule.missing == "missing" and age >= rule.datapoints_to_alarm
        state = ALARM if waited else current
    return Judgement(state, used, lacking)
