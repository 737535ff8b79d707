"""KMS: keys and their aliases."""

from typing import Any

from localcloud.deploy import tags
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import call
from localcloud.deploy.resource import Handler, How, Made, Resource, changes

_SEPARATE = ("EnableKeyRotation", "Enabled", "KeyPolicy", "PendingWindowInDays", "RotationPeriodInDays")


class Key(Handler):
    type = "AWS::KMS::Key"
    how = How.EMULATED
    why = "encrypts and signs when asked; what other services store is not encrypted with it"

    def create(self, resource: Resource) -> Made:
        request = resource.properties_except(*_SEPARATE)
        if "KeyPolicy" in resource.properties:
            request["Policy"] = resource.properties["KeyPolicy"]
        made = call("kms", "create_key", **request)["KeyMetadata"]
        self._switch(made["KeyId"], resource, set(resource.properties))
        return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before))
        properties = resource.properties
        if "KeyPolicy" in changed:
            policy = properties["KeyPolicy"]
            call("kms", "put_key_policy", KeyId=resource.id, PolicyName="default", Policy=policy)
        if "Description" in changed:
            text = properties.get("Description", "")
            call("kms", "update_key_description", KeyId=resource.id, Description=text)
        self._switch(resource.id, resource, changed)
        tags.change("kms", resource.id, before.properties.get("Tags"), properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        days = resource.properties.get("PendingWindowInDays", 30)
        call("kms", "schedule_key_deletion", KeyId=resource.id, PendingWindowInDays=days)

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        return bool(changed - {"Description", "Tags", *_SEPARATE})

    def _switch(self, key: str, resource: Resource, changed: set[str]) -> None:
        properties = resource.properties
        if changed & {"EnableKeyRotation", "RotationPeriodInDays"}:
            if _yes(properties.get("EnableKeyRotation", False)):
                days = properties.get("RotationPeriodInDays", 365)
                call("kms", "enable_key_rotation", KeyId=key, RotationPeriodInDays=days)
            else:
                call("kms", "disable_key_rotation", KeyId=key)
        if "Enabled" in changed:
            call("kms", "enable_key" if _yes(properties.get("Enabled", True)) else "disable_key", KeyId=key)


def _yes(value: Any) -> bool:
    return value in (True, "true")


class Alias(ApiHandler):
    type = "AWS::KMS::Alias"
    how = How.EMULATED
    why = Key.why
    service = "kms"
    creates = "create_alias"
    updates = "update_alias"
    deletes = "delete_alias"
    naming = Name("AliasName", 256)
