"""What is deployed: stacks with their resources and outputs, and what the last deployment changed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

from localcloud import assembly, cloud
from localcloud.cloud import Cloud
from localcloud.deploy.resource import Resource


class Change(StrEnum):
    """What a deployment did to a resource."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Output:
    """A value that a stack hands to people and to other stacks."""

    value: Any
    description: str = ""
    export_name: str = ""


@dataclass(kw_only=True)
class DeployedStack:
    """A stack as it stands. Its resources are in the order in which they were made."""

    id: str
    name: str
    source: assembly.Stack
    created: datetime
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    updated: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    generations: Counter[str] = field(default_factory=Counter)  # replacements by logical id


@dataclass(frozen=True)
class ResourceChange:
    """One line of a deployment's account."""

    stack: str
    logical_id: str
    type: str
    physical_id: str
    change: Change
    replaced: bool = False  # by a new one: what it held did not come along

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Deployment:
    """The outcome of one `deploy_assembly`."""

    stacks: tuple[DeployedStack, ...]
    changes: tuple[ResourceChange, ...]
    seconds: float

    @property
    def resources(self) -> tuple[ResourceChange, ...]:
        """Every resource that is there now."""
        return tuple(change for change in self.changes if change.change is not Change.DELETED)

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """Values by stack and by the output's name."""
        return {
            stack.name: {name: output.value for name, output in stack.outputs.items()}
            for stack in self.stacks
        }

    def count(self, change: Change) -> int:
        return sum(each.change is change for each in self.changes)

    def to_json(self) -> dict[str, Any]:
        return {
            "stacks": [stack.name for stack in self.stacks],
            **{change.value: self.count(change) for change in Change},
            "outputs": self.outputs,
            "changes": [each.to_json() for each in self.changes if each.change is not Change.UNCHANGED],
            "seconds": round(self.seconds, 3),
        }


_stacks: WeakKeyDictionary[Cloud, dict[str, DeployedStack]] = WeakKeyDictionary()


def stacks() -> dict[str, DeployedStack]:
    """The stacks of the current cloud by name."""
    return _stacks.setdefault(cloud.current(), {})


def output(stack: str, name: str) -> Any:
    """The value of an output; KeyError says what is missing."""
    found = stacks().get(stack)
    if found is None:
        raise KeyError(f"no stack {stack}")
    if name not in found.outputs:
        raise KeyError(f"no output {name} of stack {stack}")
    return found.outputs[name].value


def exported(name: str) -> Any:
    """The value that some stack exports under this name; KeyError where none does."""
    for stack in stacks().values():
        for each in stack.outputs.values():
            if each.export_name == name:
                return each.value
    raise KeyError(f"no export {name}")
