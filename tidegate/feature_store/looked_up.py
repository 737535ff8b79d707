"""What was looked up online for a request row: member `views` of an instance, and what a model takes of it.

    "carrier_delay@<hash16>": {"v": {output: value or null}, "et": 1362098400, "kt": 1362098400, "rev": 3}
    "carrier_delay@<hash16>": {"state": "stale" | "missing" | "failed", "et": 1362098400 where it is known}

Pure standard library. An instance holds the versions of views of all models that serve; each takes its own,
by its own limit of age, and puts its own defaults where there is no value. Times are seconds since the epoch.
"""

from collections.abc import Mapping
from typing import Any, Literal

from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.moments import seconds

VIEWS = "views"  # member of an instance, so no column may be called so
Lack = Literal["stale", "missing", "failed"]  # why there is no value
LACKS: tuple[Lack, ...] = ("stale", "missing", "failed")
Member = Mapping[str, Any]  # of one view
Views = dict[str, Member]  # version of a view -> what was found
MISSING: Member = {"state": "missing"}
FAILED: Member = {"state": "failed"}


def lack_at(moment: float, event_ts: float, known_ts: float, ttl_seconds: int) -> Lack | None:
    """None when a value may be used at the moment, exactly as the point-in-time join has it; else why not.

    The newest value is all that an online store keeps: of one from after the moment, those before are gone.
    """
    if event_ts > moment or known_ts > moment:
        return "missing"
    return "stale" if moment - event_ts > ttl_seconds else None


def lack_of(view: ViewPlan, member: Member | None, moment: float) -> Lack | None:
    """The same of a member as one reader sees it, whose limit of age may be shorter than another's."""
    if member is None:
        return "missing"
    if "v" in member:
        event_ts = member["et"]
        return lack_at(moment, event_ts, member.get("kt", event_ts), view.ttl_seconds)
    lack = member.get("state")
    return lack if lack in LACKS else "missing"


def fresh(plan: FeatureSetPlan, values: Mapping[str, Any], event_ts: int) -> Views:
    """`views` that give these values of the aggregates as of `event_ts`."""
    return {
        view.version: {"v": {name: values[name] for name in view.outputs}, "et": event_ts, "kt": event_ts}
        for view in plan.views
    }


def flat(plan: FeatureSetPlan, instance: Mapping[str, Any]) -> dict[str, Any]:
    """Request columns and aggregates side by side, with defaults where no value is, and nothing else.

    Raises:
        ValueError: `views` is not of the shape above, or the moment is no timestamp.
    """
    row = {name: instance.get(name) for name in plan.request}
    if not plan.views:
        return row
    views = instance.get(VIEWS) or {}
    if not isinstance(views, dict):
        raise ValueError(f"`{VIEWS}` must be an object")  # noqa: TRY004  as every value that is not of its type
    moment = _moment(plan, row)
    for view in plan.views:
        member = views.get(view.version)
        try:
            values = member["v"] if member is not None and lack_of(view, member, moment) is None else {}
            for name in view.outputs:
                value = values.get(name)
                row[name] = view.defaults.get(name) if value is None else value
        except (AttributeError, KeyError, TypeError) as cause:
            raise ValueError(f"`{VIEWS}` has something else than a value of {view.version}") from cause
    return row


def _moment(plan: FeatureSetPlan, row: Mapping[str, Any]) -> float:
    name = plan.source.event_ts
    try:
        return seconds(row[name])
    except (TypeError, ValueError, OverflowError) as cause:
        raise ValueError(f"`{name}` must be a timestamp: {cause}") from cause
