"""Lambda: functions from zips and images, and what hangs on them."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.deploy import tags
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import UnfitError, call
from localcloud.deploy.resource import Handler, How, Made, Resource, changes

# what a property goes back to when the template leaves it out (Lambda API reference, CreateFunction)
_DEFAULTS: dict[str, Any] = {
    "DeadLetterConfig": {},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "ImageConfig": {},
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
_NOT_CONFIGURATION = (
    "Architectures",
    "Code",
    "FunctionName",
    "PackageType",
    "ReservedConcurrentExecutions",
    "Tags",
)


class Function(Handler):
    type = "AWS::Lambda::Function"
    how = How.EXECUTED
    why = "its handler runs in a process of its own behind AWS's runtime interface client"
    named_by = "FunctionName"
    replaced_by = frozenset({"PackageType"})
    no_effect: ClassVar = {
        "CodeSigningConfigArn": "signatures are not checked",
        "RecursiveLoop": "loops are cut by depth",
        "RuntimeManagementConfig": "the runtime is this machine's Python",
        "SnapStart": "workers start anew",
    }
    kept_only: ClassVar = {
        "Architectures": "it runs on this machine's",
        "MemorySize": "memory is not limited",
        "TracingConfig": "no traces are kept",
        "VpcConfig": "no network is closed to it",
    }

    def create(self, resource: Resource) -> Made:
        name = resource.name("FunctionName", 64)
        request = resource.properties_except("ReservedConcurrentExecutions", *self.no_effect)
        _refuse_layers(request)
        request["Code"] = _code(resource.properties)
        request["FunctionName"] = name
        made = call("lambda", "create_function", **request)
        self._reserve(name, resource)
        return Made(name, {"Arn": made["FunctionArn"]})

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before)) - self.no_effect.keys()
        properties = resource.properties
        _refuse_layers(properties)
        if configuration := changed.difference(_NOT_CONFIGURATION):
            wanted = {name: properties.get(name, _DEFAULTS.get(name)) for name in configuration}
            call("lambda", "update_function_configuration", FunctionName=resource.id, **wanted)
        if changed & {"Code", "Architectures"}:
            code = _code(properties)
            call("lambda", "update_function_code", FunctionName=resource.id, **code)
        if "ReservedConcurrentExecutions" in changed:
            self._reserve(resource.id, resource)
        arn = resource.made.attributes["Arn"]
        tags.change("lambda", arn, before.properties.get("Tags"), properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("lambda", "delete_function", FunctionName=resource.id)

    def coverage(self, properties: Mapping[str, Any]) -> tuple[How, str]:
        runtime = properties.get("Runtime", "python")
        if not str(runtime).startswith("python"):
            return How.INERT, f"kept, but {runtime} is not run here"
        return super().coverage(properties)

    def _reserve(self, name: str, resource: Resource) -> None:
        reserved = resource.properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            call(
                "lambda",
                "put_function_concurrency",
                FunctionName=name,
                ReservedConcurrentExecutions=reserved,
            )
        elif resource.id:
            call("lambda", "delete_function_concurrency", FunctionName=name)


def _refuse_layers(properties: Mapping[str, Any]) -> None:
    for name in ("Layers", "FileSystemConfigs"):
        if properties.get(name):
            raise UnfitError(f"property {name} is not honoured here: a worker has neither /opt nor mounts")


def _code(properties: Mapping[str, Any]) -> dict[str, Any]:
    code = dict(properties["Code"])
    if "ZipFile" in code:  # source text; Lambda calls the file index.py or index.js
        archive = io.BytesIO()
        suffix = "js" if str(properties.get("Runtime", "")).startswith("nodejs") else "py"
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr(zipfile.ZipInfo(f"index.{suffix}"), code["ZipFile"])
        code["ZipFile"] = archive.getvalue()
    return code


class Version(Handler):
    type = "AWS::Lambda::Version"
    how = How.EXECUTED
    why = "a copy of the function with workers of its own"

    def create(self, resource: Resource) -> Made:
        made = call("lambda", "publish_version", **resource.properties)
        arn = made["FunctionArn"]
        return Made(arn, {"FunctionArn": arn, "Version": made["Version"]})

    def delete(self, resource: Resource) -> None:
        name, version = resource.id.split(":")[6:]
        call("lambda", "delete_function", FunctionName=name, Qualifier=version)

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        return True


class Alias(ApiHandler):
    type = "AWS::Lambda::Alias"
    how = How.EXECUTED
    why = "invokes the version it names; weights of a second version are kept, not followed"
    service = "lambda"
    creates = "create_alias"
    updates = "update_alias"
    deletes = "delete_alias"
    naming = Name("Name", 128)
    defaults: ClassVar = {"Description": "", "RoutingConfig": {}}
    replaced_by = frozenset({"FunctionName"})

    def request(self, resource: Resource) -> dict[str, Any]:
        request = super().request(resource)
        if routing := request.get("RoutingConfig"):
            weights = {
                entry["FunctionVersion"]: entry["FunctionWeight"]
                for entry in routing["AdditionalVersionWeights"]
            }
            request["RoutingConfig"] = {"AdditionalVersionWeights": weights}
        return request

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(response["AliasArn"], {"AliasArn": response["AliasArn"]})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"FunctionName": resource.properties["FunctionName"], "Name": self.name(resource)}


class Permission(ApiHandler):
    type = "AWS::Lambda::Permission"
    how = How.EMULATED
    why = "kept on the function; who may invoke is not checked"
    service = "lambda"
    creates = "add_permission"
    deletes = "remove_permission"

    def request(self, resource: Resource) -> dict[str, Any]:
        return {**super().request(resource), **self.key(resource)}

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        statement = resource.generated(100)
        return Made(statement, {"Id": statement})

    def key(self, resource: Resource) -> dict[str, Any]:
        name, qualifier = _split_qualifier(resource.properties["FunctionName"])
        key = {"FunctionName": name, "StatementId": resource.generated(100)}
        return {**key, "Qualifier": qualifier} if qualifier else key


def _split_qualifier(function: str) -> tuple[str, str]:
    """The name or ARN of a function, and the version or alias behind it."""
    parts = function.split(":")
    length = 7 if function.startswith("arn:") else 1
    return ":".join(parts[:length]), ":".join(parts[length:])


class EventSourceMapping(ApiHandler):
    type = "AWS::Lambda::EventSourceMapping"
    how = How.EXECUTED
    why = "queues are polled in batches, with partial failures, retries and filters"
    service = "lambda"
    creates = "create_event_source_mapping"
    updates = "update_event_source_mapping"
    deletes = "delete_event_source_mapping"
    exclusive = True

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        arn = response.get("EventSourceMappingArn", "")
        return Made(response["UUID"], {"Id": response["UUID"], "EventSourceMappingArn": arn})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"UUID": resource.id}


class Url(ApiHandler):
    type = "AWS::Lambda::Url"
    how = How.EMULATED
    why = "kept; nothing answers at its address"
    service = "lambda"
    creates = "create_function_url_config"
    updates = "update_function_url_config"
    deletes = "delete_function_url_config"
    replaced_by = frozenset({"TargetFunctionArn", "Qualifier"})
    exclusive = True

    def request(self, resource: Resource) -> dict[str, Any]:
        request = {**super().request(resource), **self.key(resource)}
        del request["TargetFunctionArn"]
        return request

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        arn = response["FunctionArn"]
        return Made(arn, {"FunctionArn": arn, "FunctionUrl": response["FunctionUrl"]})

    def key(self, resource: Resource) -> dict[str, Any]:
        key = {"FunctionName": resource.properties["TargetFunctionArn"]}
        qualifier = resource.properties.get("Qualifier")
        return {**key, "Qualifier": qualifier} if qualifier else key


class EventInvokeConfig(ApiHandler):
    type = "AWS::Lambda::EventInvokeConfig"
    how = How.EXECUTED
    why = "retries and destinations of asynchronous calls"
    service = "lambda"
    creates = updates = "put_function_event_invoke_config"
    rewrites = True
    deletes = "delete_function_event_invoke_config"
    exclusive = True
    replaced_by = frozenset({"FunctionName", "Qualifier"})

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(resource.generated(100))

    def key(self, resource: Resource) -> dict[str, Any]:
        return {name: resource.properties[name] for name in ("FunctionName", "Qualifier")}
