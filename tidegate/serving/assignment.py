"""Which variant is asked while two of them share the traffic: for one entity always the same one.

Pure standard library. An entity's place in [0, 1) is a hash of its name and the rollout's salt; those below
the candidate's weight are the candidate's. So a weight that rises takes entities over and gives none back,
and the next rollout deals anew. A request that names no entity has a place of its own: who is asked is known
even when nobody answers, and a failure is laid to the variant that failed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PLACES = 2**64


@dataclass(frozen=True, kw_only=True)
class Split:
    """How a rollout shares the traffic at the moment."""

    champion: str  # variant
    candidate: str
    weight: float  # share of the candidate, in [0, 1]
    salt: str  # of this rollout


def place(salt: str, entity: str) -> float:
    """Where the entity stands in [0, 1), evenly over entities and independently between salts."""
    found = hashlib.blake2b(f"{salt}:{entity}".encode(), digest_size=8).digest()
    return int.from_bytes(found, "big") / _PLACES


def entity_of(columns: Sequence[str], row: Mapping[str, Any]) -> str | None:
    """The name of who asks: the values of these columns; None where one of them is missing."""
    values = [row.get(column) for column in columns]
    if not columns or any(value is None for value in values):
        return None
    return json.dumps(values, separators=(",", ":"))


def variant_of(
    split: Split | None, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], request: str
) -> str | None:
    """The variant of all these rows; None where no traffic is shared, so that the endpoint's weights choose.

    A request has one answer. Where a row names no entity, or the rows belong to several variants, the
    request's own place decides.

    Args:
        request: a name of the request that nobody chooses, such as its inference id.
    """
    if split is None or not 0 < split.weight < 1:
        return None
    entities = [entity_of(columns, row) for row in rows]
    found = {_dealt(split, request if entity is None else entity) for entity in entities}
    return found.pop() if len(found) == 1 else _dealt(split, request)


def charged(split: Split | None) -> str | None:
    """The variant that failed when one did that nobody named: the one that has all the traffic, if known."""
    return split.candidate if split is not None and split.weight >= 1 else None


def _dealt(split: Split, name: str) -> str:
    return split.candidate if place(split.salt, name) < split.weight else split.champion
