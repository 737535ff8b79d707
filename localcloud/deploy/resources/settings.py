"""Values that programs look up: SSM parameters and Secrets Manager secrets."""

import json
from typing import Any, ClassVar

from localcloud.deploy import tags
from localcloud.deploy.fit import call, text
from localcloud.deploy.resource import Handler, How, Made, Resource, changes


class Parameter(Handler):
    type = "AWS::SSM::Parameter"
    how = How.EXECUTED
    why = "kept with its versions and answered"
    named_by = "Name"
    replaced_by = frozenset({"Type", "DataType"})

    def create(self, resource: Resource) -> Made:
        name = resource.name("Name", 1011)
        own_tags = [{"Key": k, "Value": v} for k, v in tags.as_map(resource.properties.get("Tags")).items()]
        request = resource.properties_except("Name", "Tags")
        call("ssm", "put_parameter", Name=name, Tags=own_tags, **request)
        return self._made(name, resource)

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before))
        if changed - {"Tags"}:
            request = resource.properties_except("Name", "Tags")
            call("ssm", "put_parameter", Name=resource.id, Overwrite=True, **request)
        if "Tags" in changed:
            old, new = (tags.as_map(each.properties.get("Tags")) for each in (before, resource))
            key = {"ResourceType": "Parameter", "ResourceId": resource.id}
            call("ssm", "remove_tags_from_resource", TagKeys=sorted(old.keys() - new.keys()), **key)
            call("ssm", "add_tags_to_resource", Tags=new, **key)
        return self._made(resource.id, resource)

    def delete(self, resource: Resource) -> None:
        call("ssm", "delete_parameter", Name=resource.id)

    def _made(self, name: str, resource: Resource) -> Made:
        return Made(name, {"Type": resource.properties["Type"], "Value": resource.properties["Value"]})


class Secret(Handler):
    type = "AWS::SecretsManager::Secret"
    how = How.EXECUTED
    why = "kept with its versions and answered; it is not rotated"
    named_by = "Name"
    no_effect: ClassVar = {"ReplicaRegions": "there is only one region here"}

    def create(self, resource: Resource) -> Made:
        request = resource.properties_except("GenerateSecretString", "Name", *self.no_effect)
        if wanted := resource.properties.get("GenerateSecretString"):
            request["SecretString"] = _generated(wanted)
        made = call("secretsmanager", "create_secret", Name=resource.name("Name", 512), **request)
        return Made(made["ARN"], {"Id": made["ARN"]})

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before))
        properties = resource.properties
        request = {name: properties[name] for name in changed & {"Description", "KmsKeyId", "SecretString"}}
        if "GenerateSecretString" in changed and "GenerateSecretString" in properties:
            request["SecretString"] = _generated(properties["GenerateSecretString"])
        if request:
            call("secretsmanager", "update_secret", SecretId=resource.id, **request)
        tags.change("secretsmanager", resource.id, before.properties.get("Tags"), properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("secretsmanager", "delete_secret", SecretId=resource.id, ForceDeleteWithoutRecovery=True)


def _generated(wanted: dict[str, Any]) -> str:
    rest = dict(wanted)
    key, template = rest.pop("GenerateStringKey", None), rest.pop("SecretStringTemplate", None)
    password = call("secretsmanager", "get_random_password", **rest)["RandomPassword"]
    return text({**json.loads(template), key: password}) if template and key else str(password)
