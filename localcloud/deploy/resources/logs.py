"""CloudWatch Logs: groups, metric filters and resource policies."""

from typing import Any, ClassVar

from localcloud.deploy import tags
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import call
from localcloud.deploy.resource import Handler, How, Made, Resource


class LogGroup(Handler):
    type = "AWS::Logs::LogGroup"
    how = How.EMULATED
    why = "keeps the lines of functions, jobs and state machines"
    named_by = "LogGroupName"
    no_effect: ClassVar = {"DeletionProtectionEnabled": "nothing protects a group here"}
    kept_only: ClassVar = {"RetentionInDays": "nothing expires"}

    def create(self, resource: Resource) -> Made:
        name = resource.name("LogGroupName", 512)
        request = resource.properties_except("LogGroupName", "RetentionInDays", *self.no_effect)
        # a function that ran before its group was deployed has made it, and the template owns it now
        if not _exists(name):
            call("logs", "create_log_group", LogGroupName=name, **request)
        if days := resource.properties.get("RetentionInDays"):
            call("logs", "put_retention_policy", LogGroupName=name, RetentionInDays=days)
        found = next(group for group in _groups(name) if group["logGroupName"] == name)
        return Made(name, {"Arn": f"{found['arn'].removesuffix(':*')}:*"})

    def update(self, resource: Resource, before: Resource) -> Made:
        days = resource.properties.get("RetentionInDays")
        if days:
            call("logs", "put_retention_policy", LogGroupName=resource.id, RetentionInDays=days)
        elif "RetentionInDays" in before.properties:
            call("logs", "delete_retention_policy", LogGroupName=resource.id)
        tags.change("logs", resource.id, before.properties.get("Tags"), resource.properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("logs", "delete_log_group", LogGroupName=resource.id)

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        return bool(changed - {"RetentionInDays", "Tags"} - self.no_effect.keys())


def _groups(name: str) -> list[dict[str, Any]]:
    return list(call("logs", "describe_log_groups", LogGroupNamePrefix=name)["logGroups"])


def _exists(name: str) -> bool:
    return any(group["logGroupName"] == name for group in _groups(name))


class MetricFilter(ApiHandler):
    type = "AWS::Logs::MetricFilter"
    how = How.EXECUTED
    why = "lines that match make metrics"
    service = "logs"
    creates = updates = "put_metric_filter"
    rewrites = True
    deletes = "delete_metric_filter"
    naming = Name("FilterName", 512)
    replaced_by = frozenset({"LogGroupName"})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"FilterName": self.name(resource), "LogGroupName": resource.properties["LogGroupName"]}


class ResourcePolicy(ApiHandler):
    type = "AWS::Logs::ResourcePolicy"
    how = How.EMULATED
    why = "kept, not enforced"
    service = "logs"
    creates = updates = "put_resource_policy"
    rewrites = True
    deletes = "delete_resource_policy"
    naming = Name("PolicyName", 255)
