"""What a resource is to the deployer: its properties, what became of it, and the handler of its type.

A handler says at its class how much of the type really runs here; without that line it cannot be defined.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from localcloud.deploy.fit import UnfitError
from localcloud.deploy.names import physical_name

HANDLERS: dict[str, "Handler"] = {}


class How(StrEnum):
    """How much of AWS's behaviour a resource has on this machine."""

    EXECUTED = "executed"  # its behaviour really runs
    EMULATED = "emulated"  # the API answers and state is kept; the behaviour is simplified
    INERT = "inert"  # accepted, without effect
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Made:
    """What a template can learn of a resource: Ref and Fn::GetAtt."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a stack with its intrinsics resolved; `made` once it exists."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    generation: int = 0
    retained: bool = False  # stays when the template drops it (DeletionPolicy)
    made: Made = Made("")
    status: str = "CREATE_COMPLETE"
    settled: datetime | None = None  # when it came to be as it is

    @property
    def id(self) -> str:
        return self.made.physical_id

    def name(self, property_name: str, limit: int, *, lower: bool = False, ending: str = "") -> str:
        """The name that the template gives, or the one that CloudFormation would make."""
        given = self.properties.get(property_name)
        return str(given) if given else self.generated(limit, lower=lower, ending=ending)

    def generated(self, limit: int, *, lower: bool = False, ending: str = "") -> str:
        return physical_name(
            self.stack, self.logical_id, self.generation, limit=limit, lower=lower, ending=ending
        )

    def properties_except(self, *names: str) -> dict[str, Any]:
        return {name: value for name, value in self.properties.items() if name not in names}


class Handler:
    """Creates, updates and deletes resources of one type.

    `replaced_by` names the properties whose change needs a new resource; `named_by` the one that fixes the
    physical name; `no_effect` those that are accepted and left out, `kept_only` those that are stored though
    nothing here acts on them, each with what a user should know.
    `exclusive` says that AWS allows one such resource at a time (one route for a key, say).
    """

    type: ClassVar[str]
    how: ClassVar[How]
    why: ClassVar[str]
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    named_by: ClassVar[str] = ""
    exclusive: ClassVar[bool] = False
    no_effect: ClassVar[Mapping[str, str]] = {}
    kept_only: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        if "type" not in vars(cls):
            return
        if not getattr(cls, "how", None) or not getattr(cls, "why", "").strip():
            raise TypeError(f"{cls.__name__} does not say how {cls.type} fares here (how, why)")
        HANDLERS[cls.type] = cls()

    def create(self, resource: Resource) -> Made:
        raise NotImplementedError

    def update(self, resource: Resource, before: Resource) -> Made:
        """Bring the resource made for `before` to the properties of `resource`, which has the same `made`."""
        raise NotImplementedError

    def delete(self, resource: Resource) -> None:
        raise NotImplementedError

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        return bool(changed & self.replaced_by) or self.named_by in changed

    def stands_in_the_way(self, before: Resource, resource: Resource) -> bool:
        """Whether the replacement `resource` cannot be made while `before` is still there."""
        name = resource.properties.get(self.named_by)
        return self.exclusive or (name is not None and name == before.properties.get(self.named_by))

    def coverage(self, properties: Mapping[str, Any]) -> tuple[How, str]:
        """How this very resource fares, with what its properties ask for in vain."""
        unfelt = {**self.no_effect, **self.kept_only}
        vain = [f"{name}: {why}" for name, why in unfelt.items() if name in properties]
        return self.how, "; ".join([self.why, *vain])

    def refuse(self, leftover: Mapping[str, Any]) -> None:
        """Raise UnfitError when properties are left that nothing honours."""
        for name in leftover:
            if name not in self.no_effect:
                raise UnfitError(f"property {name} is not honoured here")


def changes(resource: Resource, before: Resource) -> Iterator[str]:
    """Names of the properties that differ."""
    for name in resource.properties.keys() | before.properties.keys():
        if resource.properties.get(name) != before.properties.get(name):
            yield name
