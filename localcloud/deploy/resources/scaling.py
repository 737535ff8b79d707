"""Application Auto Scaling: targets and policies."""

from typing import Any

from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.resource import How, Made, Resource

_TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")


class ScalableTarget(ApiHandler):
    type = "AWS::ApplicationAutoScaling::ScalableTarget"
    how = How.EMULATED
    why = "of endpoint variants, the count is simulated; others are kept and answered"
    service = "application-autoscaling"
    creates = updates = "register_scalable_target"
    rewrites = True
    deletes = "deregister_scalable_target"
    replaced_by = frozenset(_TARGET)
    exclusive = True

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        id_ = "|".join(resource.properties[name] for name in _TARGET)
        return Made(id_, {"Id": id_})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {name: resource.properties[name] for name in _TARGET}


class ScalingPolicy(ApiHandler):
    type = "AWS::ApplicationAutoScaling::ScalingPolicy"
    how = How.EMULATED
    why = "target tracking of endpoint variants acts; others are kept and answered"
    service = "application-autoscaling"
    creates = updates = "put_scaling_policy"
    rewrites = True
    deletes = "delete_scaling_policy"
    naming = Name("PolicyName", 256)
    replaced_by = frozenset({*_TARGET, "ScalingTargetId"})
    exclusive = True

    def request(self, resource: Resource) -> dict[str, Any]:
        request = super().request(resource)
        if target := request.pop("ScalingTargetId", None):
            request |= dict(zip(_TARGET, target.split("|"), strict=True))
        return request

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(response["PolicyARN"], {"Arn": response["PolicyARN"]})

    def key(self, resource: Resource) -> dict[str, Any]:
        request = self.request(resource)
        return {name: request[name] for name in (*_TARGET, "PolicyName")}
