"""The handler of most types: one operation each to create, update and delete, by CloudFormation's names."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from localcloud.deploy import tags
from localcloud.deploy.fit import call, takes
from localcloud.deploy.resource import Handler, Made, Resource, changes


class Name(NamedTuple):
    """The property that names the resource; CloudFormation makes a name where the template gives none."""

    property: str
    limit: int


class ApiHandler(Handler):
    """A type whose properties are parameters of its service's operations.

    A changed property that the update operation does not take needs a new resource. So does one that is gone,
    unless `defaults` says what it goes back to or the update operation rewrites the whole (`rewrites`).
    """

    service: ClassVar[str]
    creates: ClassVar[str]
    updates: ClassVar[str] = ""
    deletes: ClassVar[str]
    naming: ClassVar[Name | None] = None
    defaults: ClassVar[Mapping[str, Any]] = {}
    rewrites: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if cls.naming:
            cls.named_by = cls.naming.property
        super().__init_subclass__()

    def create(self, resource: Resource) -> Made:
        return self.made(resource, call(self.service, self.creates, **self.request(resource)))

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before))
        if changed - {"Tags"}:
            gone = {name: self.defaults[name] for name in changed & self.defaults.keys()}
            request = {**gone, **self.request(resource)}
            known = {
                name: value
                for name, value in request.items()
                if name != "Tags" and takes(self.service, self.updates, name)
            }
            call(self.service, self.updates, **{**known, **self.key(resource)})
        if "Tags" in changed:
            old, new = before.properties.get("Tags"), resource.properties.get("Tags")
            tags.change(self.service, self.tagged(resource), old, new)
        return resource.made

    def delete(self, resource: Resource) -> None:
        call(self.service, self.deletes, **self.doomed(resource))

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        if super().must_replace(changed, resource):
            return True
        changed = changed - {"Tags"} - self.no_effect.keys()
        gone = changed - resource.properties.keys() - self.defaults.keys()
        if gone and not self.rewrites:
            return True
        return not all(self.updates and takes(self.service, self.updates, name) for name in changed)

    def request(self, resource: Resource) -> dict[str, Any]:
        """The properties as parameters of the create operation, with the name."""
        request = resource.properties_except(*self.no_effect)
        return {**request, self.naming.property: self.name(resource)} if self.naming else request

    def name(self, resource: Resource) -> str:
        if self.naming is None:
            raise TypeError(f"{self.type} has no name")
        return resource.name(self.naming.property, self.naming.limit)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        """Ref and Fn::GetAtt after creation; the name alone unless a type says otherwise."""
        return Made(self.name(resource))

    def key(self, resource: Resource) -> dict[str, Any]:
        """What tells the update operation, and most delete operations, which resource is meant."""
        return {self.named_by: self.name(resource)}

    def doomed(self, resource: Resource) -> dict[str, Any]:
        """What tells the delete operation which resource is meant."""
        return self.key(resource)

    def tagged(self, resource: Resource) -> str:
        """What tells the tag operations which resource is meant."""
        return str(resource.made.attributes.get("Arn", resource.id))
