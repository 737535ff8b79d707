"""What the state table says of the models that serve: read in one call beside the features, parsed here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.aws.batch_get import Key
from tidegate.aws.state import State, variant_key
from tidegate.rollout import VARIANTS
from tidegate.serving.assignment import Split

CHAMPION = "champion"


@dataclass(frozen=True, kw_only=True)
class LiveModel:
    """The model in a variant, as it was recorded before it came there."""

    version: int | None  # None of one that was recorded without
    feature_set: str  # hash; empty where it is not known
    fallback: str  # sha256 of its fallback document; empty when it has none


@dataclass(frozen=True, kw_only=True)
class LiveModels:
    """All that was recorded at one moment."""

    variants: Mapping[str, LiveModel] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)  # training run -> model version
    champion: str | None = None  # its variant
    split: Split | None = None

    @property
    def standing_in(self) -> LiveModel | None:
        """The model whose copy may answer for the endpoint: the champion, or the only one there is."""
        if self.champion is not None:
            return self.variants.get(self.champion)
        return next(iter(self.variants.values())) if len(self.variants) == 1 else None


def keys(table: str) -> list[tuple[str, Key]]:
    """Of the items that `parsed` reads."""
    others: list[Key] = [{"id": {"S": name}} for name in (CHAMPION, State.SPLIT)]
    return [(table, key) for key in (*(variant_key(name) for name in VARIANTS), *others)]


def parsed(items: Sequence[Mapping[str, Any]]) -> LiveModels:
    """Items with DynamoDB's own type marks, in any order; those that are not there tell nothing."""
    by_id = {item["id"]["S"]: item for item in items}
    held = {name: by_id[id_] for name in VARIANTS if (id_ := variant_key(name)["id"]["S"]) in by_id}
    champion = by_id.get(CHAMPION, {}).get("variant", {}).get("S")
    return LiveModels(
        variants={name: _model(item) for name, item in held.items()},
        runs=_runs(held.values()),
        champion=champion if champion in VARIANTS else None,
        split=_split(by_id.get(State.SPLIT)),
    )


def _model(item: Mapping[str, Any]) -> LiveModel:
    return LiveModel(
        version=int(item["model_version"]["N"]) if "model_version" in item else None,
        feature_set=item.get("feature_set_hash", {}).get("S", ""),
        fallback=item.get("fallback", {}).get("S", ""),
    )


def _runs(items: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    known = [item for item in items if "run" in item and "model_version" in item]
    return {item["run"]["S"]: int(item["model_version"]["N"]) for item in known}


def _split(item: Mapping[str, Any] | None) -> Split | None:
    """None also of one that names what is no variant: nothing must be sent there."""
    if item is None:
        return None
    try:
        found = Split(
            champion=item["champion"]["S"],
            candidate=item["candidate"]["S"],
            weight=float(item["weight"]["N"]),
            salt=item["salt"]["S"],
        )
    except (KeyError, ValueError):
        return None
    return found if {found.champion, found.candidate} <= set(VARIANTS) else None
