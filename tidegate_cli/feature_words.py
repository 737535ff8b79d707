"""Lines for people about views, feature sets and values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidegate_cli.feature_diff import FeatureDiff
from tidegate_cli.feature_sets import Named
from tidegate_cli.feature_values import Value
from tidegate_cli.feature_views import ViewVersion

if TYPE_CHECKING:
    from tidegate.feature_store.feature_plan import ViewPlan

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_SHOWN = 60  # characters of what changed


def of_version(version: ViewVersion) -> Iterator[str]:
    """Two lines: what it is, and what there is of it."""
    plan, state = version.plan, version.state
    what = "its definition is not kept"
    if plan is not None:
        times = (plan.window_seconds, plan.every_seconds, plan.ttl_seconds)
        window, every, ttl = map(duration, times)
        what = f"of {plan.source.dataset}, window {window} every {every}, ttl {ttl}"
    yield f"{version.version}   {what}"
    needed = f"needed by {', '.join(version.needed_by)}" if version.needed_by else "needed by nobody"
    if state is None:
        yield f"  never computed: tidegate features backfill   {needed}"
        return
    span = f"{when(state.computed_from)} to {when(state.computed_to)} at revision {state.revision}"
    online = f"{state.online:,} of {state.entities:,} entities online ({state.coverage:.1%})"
    yield f"  {span}   {online}   {needed}"


@dataclass(frozen=True)
class Diff:
    """What differs between two feature sets, for a person."""

    a: Named
    b: Named
    found: FeatureDiff
    need_backfill: Sequence[str]  # versions

    def lines(self) -> Iterator[str]:
        for mark, named in (("a", self.a), ("b", self.b)):
            yield f"{mark}         {named.name}: {named.plan.name} {named.plan.hash[:16]}"
        if self.found.empty:
            yield "equal"
            return
        for view in self.found.views:
            backfill = "   needs a backfill" if view.version in self.need_backfill else ""
            yield f"view      {_SIGNS[view.change]} {view.version}{backfill}"
            yield from _members(view.members)
        for transform in self.found.transforms:
            yield f"transform {_SIGNS[transform.change]} {transform.name}"
            yield from _members(transform.members)
        yield from (f"feature   - {name}" for name in self.found.removed)
        yield from (f"feature   + {name}" for name in self.found.added)
        if self.found.reordered:
            yield "feature   ~ the order of those that both have"
        yield from _members(self.found.members, indent="")
        if self.found.libraries:
            yield "library   ~ equal definitions, compiled beside other versions of numpy or duckdb"
        for version in self.need_backfill:
            if version not in {view.version for view in self.found.views}:
                yield f"view        {version}   needs a backfill"


def of_value(
    view: "ViewPlan", entity: Sequence[str], at: int, online: Value, offline: Value, *, agreed: bool
) -> Iterator[str]:
    yield f"value     {view.version}  {' '.join(entity)}  as of {when(at)}, ttl {duration(view.ttl_seconds)}"
    for name, value in (("online", online), ("offline", offline)):
        yield f"{name:<9} {_value(value, at)}"
    yield "they agree" if agreed else "they do not agree"


def duration(seconds: int) -> str:
    """As features.py writes it: 7d, 90m."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds % size == 0), (1, "s"))
    return f"{seconds // size}{unit}"


def when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _value(value: Value, at: int) -> str:
    outputs = ", ".join(f"{name}={'null' if item is None else item}" for name, item in value.outputs.items())
    reason = f": {value.reason}" if value.reason else ""
    times = ""
    if value.event_ts is not None and value.known_ts is not None:
        revision = "" if value.revision is None else f", revision {value.revision}"
        age = f"{at - value.event_ts:,} s old"
        times = f"   of {when(value.event_ts)}, known {when(value.known_ts)}, {age}{revision}"
    return f"{outputs or value.state}{reason}{times}"


def _members(members: dict[str, tuple[Any, Any]], indent: str = "            ") -> Iterator[str]:
    for name, (before, after) in members.items():
        if name in ("code", "sql", "library"):
            yield f"{indent}{name:<9} changed" if name != "library" else f"{indent}computed by another duckdb"
        elif isinstance(before, list) and isinstance(after, list):
            yield f"{indent}{name:<9} {_moved(before, after)}"
        else:
            shown = name.removesuffix("_seconds")
            yield f"{indent}{shown:<9} {_shown(name, before)} -> {_shown(name, after)}"


def _moved(before: list[Any], after: list[Any]) -> str:
    """What came and went: two long lists side by side would hide it."""
    gone = [f"- {item}" for item in before if item not in after]
    come = [f"+ {item}" for item in after if item not in before]
    return ", ".join([*gone, *come]) or "the order of the same"


def _shown(name: str, value: Any) -> str:
    if name.endswith("_seconds") and isinstance(value, int):
        return duration(value)
    text = str(value)
    if isinstance(value, dict):
        text = ", ".join(f"{key} {item}" for key, item in value.items())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
