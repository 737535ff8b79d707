"""Which variant answers an entity while two of them share the traffic: always the same one.

Pure standard library. An entity's place in [0, 1) is a hash of its name and the rollout's salt; those below
the candidate's weight are the candidate's. So a weight that rises takes entities over and gives none back,
and the next rollout deals anew.
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


def variant_of(split: Split | None, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The variant of all these rows; None to let the endpoint's weights choose.

    They choose where no traffic is shared, a row names no entity, or the rows of one request belong to
    several variants: a request has one answer.
    """
    if split is None or not 0 < split.weight < 1:
        return None
    found = set()
    for row in rows:
        entity = entity_of(columns, row)
        if entity is None:
            return None
        found.add(split.candidate if place(split.salt, entity) < split.weight else split.champion)
    return found.pop() if len(found) == 1 else None
