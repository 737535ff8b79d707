"""How each resource of an assembly fares on this machine: executed, emulated, inert, or unknown; and why.

Read from the templates alone: nothing is deployed. The words stand beside the handlers of the deployer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.assembly import Assembly
from localcloud.deploy.resource import How
from localcloud.deploy.resources import HANDLERS

_UNKNOWN = "the local cloud has no handler for this type; a deployment stops here"


@dataclass(frozen=True)
class Row:
    """One resource of one template."""

    type: str
    id: str  # stack/logical id
    how: How
    why: str


def rows(assembly: Assembly) -> list[Row]:
    """Every resource of every stack, in the order of the templates."""
    return [
        Row(declared["Type"], f"{stack.name}/{logical_id}", *_judged(declared))
        for stack in assembly.stacks
        for logical_id, declared in stack.template.get("Resources", {}).items()
    ]


def summary(found: Sequence[Row]) -> dict[str, Any]:
    """`{executed, emulated, inert, unknown, resources}`: how many fare how, and the rows."""
    counted = Counter(row.how for row in found)
    listed = [{"type": row.type, "id": row.id, "how": row.how.value, "why": row.why} for row in found]
    return {**{how.value: counted[how] for how in How}, "resources": listed}


def _judged(declared: Mapping[str, Any]) -> tuple[How, str]:
    handler = HANDLERS.get(declared["Type"])
    if handler is None:
        return How.UNKNOWN, _UNKNOWN
    return handler.coverage(declared.get("Properties", {}))
