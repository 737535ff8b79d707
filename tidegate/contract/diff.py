"""What changes from one contract to the next, and whether others have to know.

A change is major when a drop that the old contract accepts could be refused by the new one, or when a reader
of the dataset could stumble: a column is gone, or its values are of another type. All else is minor.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tidegate.contract import values
from tidegate.contract.plan import BadRows, Column, Condition, ContractPlan, Rule
from tidegate.contract.rule_changes import changed_rule, title

Level = Literal["none", "minor", "major"]
_LEVELS: tuple[Level, ...] = ("none", "minor", "major")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_WIDER = {("i32", "i64"), ("i32", None), ("f32", "f64"), ("f32", None)}  # that Iceberg widens in place


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference; `column` is None when it is of the whole table."""

    column: str | None
    level: Level
    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ContractDiff:
    """All differences between two contracts."""

    changes: tuple[Change, ...]
    old_version: str
    new_version: str

    @property
    def level(self) -> Level:
        return max((change.level for change in self.changes), key=_LEVELS.index, default="none")

    @property
    def due_version(self) -> str | None:
        """The least version that says as much as the change; None when the old one is not three numbers."""
        found = _VERSION.fullmatch(self.old_version)
        if found is None:
            return None
        major, minor, patch = map(int, found.groups())
        due = {
            "none": (major, minor, patch),
            "minor": (major, minor + 1, 0),
            "major": (major + 1, 0, 0),
        }[self.level]
        return ".".join(map(str, due))

    @property
    def says_enough(self) -> bool:
        """Whether the new version is at least the one that is due."""
        new = _VERSION.fullmatch(self.new_version)
        if self.due_version is None or new is None:
            return self.level == "none" or self.old_version != self.new_version
        return tuple(map(int, new.groups())) >= tuple(map(int, self.due_version.split(".")))


def diff(old: ContractPlan, new: ContractPlan) -> ContractDiff:
    """What the new contract changes. Descriptions, and the order of columns, are no part of a plan."""
    changes = [*_table(old, new), *_columns(old, new), *_rules(old, new)]
    return ContractDiff(changes=tuple(changes), old_version=old.version, new_version=new.version)


def _table(old: ContractPlan, new: ContractPlan) -> Iterator[Change]:
    if old.dataset != new.dataset:
        yield Change(
            column=None,
            level="major",
            what=f"dataset `{old.dataset}` becomes `{new.dataset}`",
            why="drops and readers name it",
        )
    if old.bad_rows != new.bad_rows:
        yield _bad_rows(old.bad_rows, new.bad_rows)


def _bad_rows(old: BadRows, new: BadRows) -> Change:
    def tolerated(bad_rows: BadRows) -> float:
        return bad_rows.maximum_percent if bad_rows.action == "set-aside" else 0.0

    words = [f"{one.action}, up to {tolerated(one):g} percent" for one in (old, new)]
    is_stricter = tolerated(new) < tolerated(old)
    return Change(
        column=None,
        level="major" if is_stricter else "minor",
        what=f"bad rows: {words[0]} becomes {words[1]}",
        why="a drop with bad rows may be refused" if is_stricter else "no drop is refused that was accepted",
    )


def _columns(old: ContractPlan, new: ContractPlan) -> Iterator[Change]:
    for column in old.columns:
        if column.name not in new.names:
            yield Change(
                column=column.name, level="major", what="the column is gone", why="readers may use it"
            )
        else:
            yield from _column(column, new.column(column.name))
    for column in new.columns:
        if column.name not in old.names:
            yield _new_column(column, new)


def _new_column(column: Column, plan: ContractPlan) -> Change:
    rules = [rule for rule in plan.rules if column.name in rule.columns]
    demands = any(rule.kind == "required" or _tolerates_no_null(rule) for rule in rules)
    return Change(
        column=column.name,
        level="major" if demands else "minor",
        what=f"new {'required' if demands else 'optional'} column of type {_type(column)}",
        why="drops without its values are refused" if demands else "readers do not know it",
    )


def _tolerates_no_null(rule: Rule) -> bool:
    counts_nulls = rule.kind in ("null_values", "missing_values")
    return counts_nulls and rule.severity == "error" and rule.condition == Condition()


def _column(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    yield from _types(name, "the column", old, new)
    if old.type == "timestamp" and new.type == "timestamp" and old.timezone != new.timezone:
        yield Change(
            column=name,
            level="major",
            what=f"times without a zone are of {new.timezone}, not of {old.timezone}",
            why="the same text is another instant",
        )
    if old.drift != new.drift:
        yield Change(column=name, level="minor", what="drift settings change", why="drift only warns")
    if old.anomaly != new.anomaly:
        yield _anomaly(old, new)


def _anomaly(old: Column, new: Column) -> Change:
    before, after = old.anomaly, new.anomaly
    is_looser = not after.watched or (
        before.watched
        and (before.minimum_change or 0) <= (after.minimum_change or 0)
        and (not before.figures or (after.figures != () and set(after.figures) <= set(before.figures)))
    )
    return Change(
        column=old.name,
        level="minor" if is_looser else "major",
        what="anomaly settings change",
        why="fewer figures are watched" if is_looser else "an unusual drop may be refused",
    )


def _types(name: str, where: str, old: Column, new: Column) -> Iterator[Change]:
    """Differences of type, down to the members of nested columns."""
    if old.type != new.type or not _is_nested_alike(old, new):
        yield _retyped(name, where, old, new, "its values are of another kind")
    elif old.type == "object":
        before, after = ({m.name: m for m in column.members} for column in (old, new))
        for member in before.keys() | after.keys():
            place = f"member `{member}` of {where}"
            if member not in after:
                yield Change(column=name, level="major", what=f"{place} is gone", why="readers may use it")
            elif member not in before:
                yield Change(column=name, level="minor", what=f"new {place}", why="readers do not know it")
            else:
                yield from _types(name, place, before[member], after[member])
    elif old.members:
        for before_member, after_member in zip(old.members, new.members, strict=True):
            place = f"the {after_member.name} of {where}"
            yield from _types(name, place, before_member, after_member)
    elif _stored(old) != _stored(new):
        if _is_widened(old, new):
            yield Change(
                column=name,
                level="minor",
                what=f"{where} widens from {_type(old)} to {_type(new)}",
                why="every value it had fits",
            )
        else:
            yield _retyped(name, where, old, new, "values it had may not fit, or are stored otherwise")


def _retyped(name: str, where: str, old: Column, new: Column, why: str) -> Change:
    return Change(
        column=name,
        level="major",
        what=f"{where} is of type {_type(new)}, no longer {_type(old)}",
        why=why,
    )


def _is_nested_alike(old: Column, new: Column) -> bool:
    return bool(old.members) == bool(new.members)


def _stored(column: Column) -> Any:
    """What decides how values are stored; narrower integers differ by their range, which is a rule."""
    if column.type == "integer" and column.format in ("i8", "i16", "u8", "u16", "i32"):
        return "i32"
    if column.type == "integer" and column.format in (None, "i64", "u32"):
        return "i64"
    if column.type == "number" and column.format in (None, "f64"):
        return "f64"
    return values.decimal_places(column) or column.format or column.type


def _is_widened(old: Column, new: Column) -> bool:
    before, after = _stored(old), _stored(new)
    if isinstance(before, tuple) and isinstance(after, tuple):
        return bool(before[1] == after[1] and before[0] <= after[0])
    return (before, after) in _WIDER


def _type(column: Column) -> str:
    return f"{column.type} {column.format}" if column.format else column.type


def _rules(old: ContractPlan, new: ContractPlan) -> Iterator[Change]:
    """Rules of columns that both contracts have, each paired with the one that took its place.

    A column that is of another type now has other rules: there is nothing to compare.
    """
    types = {column.name: column.type for column in old.columns}
    shared = {column.name for column in new.columns if types.get(column.name) == column.type}
    before, after = (
        [_alike(rule) for rule in plan.rules if shared.issuperset(rule.columns)] for plan in (old, new)
    )
    kept = [rule for rule in before if rule in after]
    left = _without(before, kept)
    for rule in _without(after, kept):
        pair = _partner(rule, left)
        if pair is None:
            yield _new_rule(rule)
            continue
        left.remove(pair)
        column = new.column(rule.columns[0]) if rule.columns else None
        is_looser, what = changed_rule(pair, rule, column)
        yield Change(
            column=rule.column,
            level="minor" if is_looser or rule.severity == "warning" else "major",
            what=what,
            why=_reason(is_looser=is_looser, severity=rule.severity),
        )
    for rule in left:
        what = f"no longer: {title(rule)}"
        yield Change(column=rule.column, level="minor", what=what, why="more is accepted")


def _new_rule(rule: Rule) -> Change:
    return Change(
        column=rule.column,
        level="minor" if rule.severity == "warning" else "major",
        what=f"new rule: {title(rule)}",
        why=_reason(is_looser=False, severity=rule.severity),
    )


def _reason(*, is_looser: bool, severity: str) -> str:
    if is_looser:
        return "nothing is refused that was accepted"
    return "it only warns" if severity == "warning" else "drops that were accepted may be refused"


def _alike(rule: Rule) -> Rule:
    """`required` is a count of nulls that must be 0, in other words; listed values have no order."""
    kind = "null_values" if rule.kind == "required" else rule.kind
    listed, pairs = (tuple(sorted(entries, key=repr)) for entries in (rule.values, rule.pairs))
    return replace(rule, kind=kind, values=listed, pairs=pairs)


def _without(rules: Sequence[Rule], taken: Sequence[Rule]) -> list[Rule]:
    left = list(rules)
    for rule in taken:
        if rule in left:
            left.remove(rule)
    return left


def _partner(rule: Rule, candidates: Sequence[Rule]) -> Rule | None:
    """The old rule that says the same thing with other limits."""

    def subject(other: Rule) -> tuple[Any, ...]:
        return other.kind, other.columns, other.statistic, other.share

    return next((other for other in candidates if subject(other) == subject(rule)), None)
