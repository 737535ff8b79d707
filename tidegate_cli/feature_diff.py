"""What leads from one feature set to another. Pure: two plans in, differences out."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tidegate.feature_store.feature_plan import FeatureSetPlan, TransformPlan, ViewPlan

_OF_VERSION = ("name", "hash")  # of a view: its name, and what follows from the rest
_LIBRARY = "library"  # nothing of the definition differs, so that the hash holds another version of these


@dataclass(frozen=True, kw_only=True)
class Part:
    """A view or a transform that differs."""

    name: str
    change: str  # added | removed | changed
    members: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # what it was and is, of a changed one


@dataclass(frozen=True, kw_only=True)
class ViewChange(Part):
    """A view that differs; `version` is the one of B, or of A where B has none."""

    version: str
    new_rows: bool  # B reads rows that A does not


@dataclass(frozen=True, kw_only=True)
class FeatureDiff:
    """Empty where nothing differs."""

    views: tuple[ViewChange, ...] = ()
    transforms: tuple[Part, ...] = ()
    added: tuple[str, ...] = ()  # features
    removed: tuple[str, ...] = ()
    reordered: bool = False  # the features that both have come in another order
    members: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # source, label, request
    libraries: bool = False  # the definitions are equal, the hashes are not

    @property
    def empty(self) -> bool:
        return self == FeatureDiff()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def diff(a: FeatureSetPlan, b: FeatureSetPlan) -> FeatureDiff:
    """What differs from `a` to `b`."""
    views = tuple(_views(a, b))
    transforms = tuple(
        Part(name=name, change=change, members=members)
        for name, change, members in _parts(a.transforms, b.transforms)
    )
    common = set(a.features) & set(b.features)
    found = FeatureDiff(
        views=views,
        transforms=transforms,
        added=tuple(name for name in b.features if name not in common),
        removed=tuple(name for name in a.features if name not in common),
        reordered=[n for n in a.features if n in common] != [n for n in b.features if n in common],
        members={
            name: (one, other)
            for name in ("source", "label", "request")
            if (one := a.to_json()[name]) != (other := b.to_json()[name])
        },
    )
    if found.empty and a.hash != b.hash:
        return FeatureDiff(libraries=True)
    return found


def _views(a: FeatureSetPlan, b: FeatureSetPlan) -> Iterable[ViewChange]:
    before, after = ({view.name: view for view in plan.views} for plan in (a, b))
    versions = {view.version for view in a.views}
    for name, change, members in _parts(a.views, b.views):
        view = after.get(name) or before[name]
        yield ViewChange(
            name=name,
            change=change,
            members=members,
            version=view.version,
            new_rows=name in after and view.version not in versions,
        )


def _parts(
    before: Iterable[ViewPlan | TransformPlan], after: Iterable[ViewPlan | TransformPlan]
) -> Iterable[tuple[str, str, dict[str, tuple[Any, Any]]]]:
    """Name, change and changed members of each part that differs, in the order of their appearance."""
    olds, news = ({each.name: _document(each) for each in parts} for parts in (before, after))
    for name in dict.fromkeys([*olds, *news]):
        old, new = olds.get(name), news.get(name)
        if old is None or new is None:
            yield name, "added" if old is None else "removed", {}
        elif old != new:
            changed = {key: (old.get(key), new.get(key)) for key in new if old.get(key) != new.get(key)}
            said = {key: pair for key, pair in changed.items() if key not in _OF_VERSION}
            yield name, "changed", said or {_LIBRARY: (old.get("hash"), new.get("hash"))}


def _document(part: ViewPlan | TransformPlan) -> dict[str, Any]:
    """Arrays go in and out of a transform by position: there the order of columns counts."""
    document = part.to_json()
    if isinstance(part, TransformPlan):
        for name in ("inputs", "outputs"):
            document[name] = [f"{column} {dtype}" for column, dtype in document[name].items()]
    return document
