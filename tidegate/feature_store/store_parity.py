"""Whether the online store answered what the offline store said: one looked-up value of one request.

Pure. The online store is written after the offline one, so it may be behind by the time that takes: it is
right when it answered what the offline store said at any state within that time before the request.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from tidegate.feature_store.feature_plan import ViewPlan

Values = Mapping[str, Any]  # output -> number, or None
Finding = Literal["equal", "propagating", "past", "failed", "different"]
"""What became of a look-up, beside what the offline store says:

    equal        the newest state at the request says the same
    propagating  a state before it does, of the time that writing the online store may take
    past         the request asks for a moment before the newest value, which is all the online store keeps
    failed       the online store did not answer, and the offline store has a value
    different    none of these
"""


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """What a capture holds of one view: a usable value, or why there was none."""

    values: Values | None
    state: str  # usable, stale, missing or failed
    event_ts: float | None  # of the newest value as far as it is known, seconds since the epoch

    @classmethod
    def of(cls, view: ViewPlan, instance: Mapping[str, Any], moment: float) -> Self:
        """The view's version out of an instance's `views`; one that is not there counts as missing.

        The value was looked up for all models that serve; whether it may be used at `moment`, seconds since
        the epoch, is for this one's limit of age to say.

        Raises:
            TypeError, KeyError: it is no object, or a value without its time.
        """
        entry = instance.get("views", {}).get(view.version, {})
        if not isinstance(entry, dict) or not isinstance(entry.get("v", {}), dict):
            raise TypeError(f"what was looked up of `{view.name}` is no object")
        event_ts = None if entry.get("et") is None else float(entry["et"])
        if "v" in entry:
            age = moment - float(entry["et"])
            if 0 <= age <= view.ttl_seconds:
                values = {name: entry["v"].get(name) for name in view.outputs}
                return cls(values=values, state="usable", event_ts=event_ts)
            return cls(values=None, state="stale" if age > 0 else "missing", event_ts=event_ts)
        return cls(values=None, state=str(entry.get("state", "missing")), event_ts=event_ts)


@dataclass(frozen=True, kw_only=True)
class OfflineAnswer:
    """What the offline store says of one entity and moment in each state that may have been online."""

    candidates: tuple[Values, ...]  # newest state first, at least one; without a value all outputs are None
    holds_newer: bool = False  # it has the very row, later than the moment, that the look-up told of


def compare(view: ViewPlan, found: LookedUp, answer: OfflineAnswer) -> tuple[Finding, Values]:
    """What became of a look-up, and the values it should have given.

    They are those it gave, unless it is at fault; then they are those of the newest state.
    """
    given = found.values if found.values is not None else dict.fromkeys(view.outputs)
    if _same(given, answer.candidates[0]):
        return "equal", given
    if any(_same(given, candidate) for candidate in answer.candidates[1:]):
        return "propagating", given
    if found.values is None and answer.holds_newer:
        return "past", given
    return "failed" if found.state == "failed" else "different", answer.candidates[0]


def with_defaults(view: ViewPlan, values: Values) -> dict[str, Any]:
    """What the model's code sees: the default where there is no value, else None."""
    return {name: view.defaults.get(name) if absent(values[name]) else values[name] for name in view.outputs}


def absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _same(left: Values, right: Values) -> bool:
    """Bit for bit: both are copies of one computed row."""
    return all(absent(right[name]) if absent(value) else value == right[name] for name, value in left.items())
