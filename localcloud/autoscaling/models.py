"""Scalable targets, policies and scheduled actions: moto's backend, of which those of endpoints act.

Limits, each refused by name: of an endpoint no step scaling, no other metric, no window of a scheduled
action. During a cooldown nothing scales out, where AWS lets a larger step through.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import (
    ApplicationAutoscalingBackend,
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
    applicationautoscaling_backends,
)
from moto.sagemaker.exceptions import ValidationError

from localcloud import cloud
from localcloud.autoscaling.tracking import METRIC, Direction, Policy, alarms
from localcloud.cloudwatch import models as cloudwatch
from localcloud.cloudwatch.judgement import ALARM
from localcloud.cloudwatch.store import Metric
from localcloud.events import schedules
from localcloud.sagemaker import models as sagemaker

ENDPOINTS = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
MINUTE = 60
_NEVER = float("-inf")


@dataclass
class _Memory:
    """What is remembered between two looks."""

    changed: dict[str, float] = field(default_factory=dict)  # resource -> when its count was last changed
    seen: dict[str, float] = field(default_factory=dict)  # scheduled action -> looked at until


class LocalAutoScaling(ApplicationAutoscalingBackend):
    """Takes the place of moto's backend for every caller."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._memory = _Memory()

    def register_scalable_target(
        self, namespace: str, r_id: str, dimension: str, *arguments: Any, **named: Any
    ) -> FakeScalableTarget:
        if namespace == ENDPOINTS and _variant(r_id) is None:
            raise AWSValidationException(
                f"No endpoint/variant found for service namespace: {namespace}, resource ID: {r_id}, "
                f"scalable dimension: {dimension}"
            )
        return super().register_scalable_target(namespace, r_id, dimension, *arguments, **named)

    def deregister_scalable_target(self, namespace: str, r_id: str, dimension: str) -> None:
        """Its policies, with their alarms, and its scheduled actions go with it."""
        super().deregister_scalable_target(namespace, r_id, dimension)
        for policy in [each for each in self.policies.values() if _is_of(each, r_id, dimension)]:
            self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        self.scheduled_actions = [
            each for each in self.scheduled_actions if not _is_of(each, r_id, dimension)
        ]

    def put_scaling_policy(  # noqa: PLR0917  moto calls it so
        self,
        policy_name: str,
        service_namespace: str,
        resource_id: str,
        scalable_dimension: str,
        policy_body: dict[str, Any],
        policy_type: str | None,
    ) -> FakeApplicationAutoscalingPolicy:
        place = (service_namespace, resource_id, scalable_dimension)
        if service_namespace == ENDPOINTS:
            _check_policy(policy_body, policy_type)
            if not self._scalable_target_exists(resource_id, scalable_dimension):
                raise AWSValidationException(
                    f"No scalable target registered for namespace: {service_namespace}, "
                    f"resource ID: {resource_id}, scalable dimension: {scalable_dimension}"
                )
            with contextlib.suppress(AWSValidationException):  # there is none to be replaced
                self.delete_scaling_policy(policy_name, *place)
        policy = super().put_scaling_policy(policy_name, *place, policy_body, policy_type)
        if service_namespace == ENDPOINTS:
            prefix = f"TargetTracking-{resource_id}-{policy_name}"
            for request in alarms(
                prefix, _dimensions(resource_id), Policy.of(policy_body), policy.policy_arn
            ):
                watching = cloudwatch.backend().local_alarms
                watching.put_metric_alarm(request)
                policy.alarms.append(cast("Any", watching.by_name[request["AlarmName"]]))
        return policy

    def put_scheduled_action(self, *arguments: Any, **named: Any) -> None:
        if named.get("start_time") or named.get("end_time"):
            raise AWSValidationException("The local cloud does not have StartTime and EndTime of actions.")
        try:
            schedules.parse(named["schedule"])
        except ValueError as error:
            raise AWSValidationException(str(error)) from error
        super().put_scheduled_action(*arguments, **named)
        self._memory.seen.setdefault(_key(named["resource_id"], named["scheduled_action_name"]), _now())

    def is_registered(self, endpoint: str, variant: str) -> bool:
        return self._scalable_target_exists(f"endpoint/{endpoint}/variant/{variant}", DIMENSION)

    def evaluate(self) -> None:
        """Fire what is due, then change each count that its limits or its policies want otherwise."""
        self._fire()
        for target in list(self.targets.get(DIMENSION, {}).values()):
            count = _count(target.resource_id)
            if count is None:
                continue
            wanted = self._wanted(target, count)
            if wanted != count:
                _change(target.resource_id, wanted)
                self._memory.changed[target.resource_id] = _now()

    def _wanted(self, target: FakeScalableTarget, count: int) -> int:
        least, most = target.min_capacity or 0, target.max_capacity or 0
        inside = max(least, min(count, most))
        if inside != count:
            return inside
        since = _now() - self._memory.changed.get(target.resource_id, _NEVER)
        for policy in list(self.policies.values()):
            if not _is_of(policy, target.resource_id, DIMENSION):
                continue
            rule = Policy.of(policy.target_tracking_scaling_policy_configuration or {})
            direction = _direction(policy)
            if direction and rule.may_act(direction, since):
                load = _invocations(target.resource_id)
                return max(least, min(rule.wanted(direction, count, load), most))
        return count

    def _fire(self) -> None:
        for action in list(self.scheduled_actions):
            if action.service_namespace != ENDPOINTS:
                continue
            key, now = _key(action.resource_id, action.scheduled_action_name), _now()
            due = schedules.parse(action.schedule).next_after(
                _moment(self._memory.seen.get(key, now)), ZoneInfo(action.timezone or "UTC")
            )
            if due is None or due.timestamp() > now:
                continue
            self._memory.seen[key] = now
            limits = _limits(action.scalable_target_action)
            if target := self.targets.get(DIMENSION, {}).get(action.resource_id):
                target.update(limits.get("MinCapacity"), limits.get("MaxCapacity"), cast("Any", None))


def backend() -> LocalAutoScaling:
    """The one of the cloud that is current."""
    here = cloud.current()
    return cast("LocalAutoScaling", applicationautoscaling_backends[here.account][here.region])


def _check_policy(body: Mapping[str, Any], kind: str | None) -> None:
    metric = (body or {}).get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if kind != "TargetTrackingScaling" or metric != METRIC:
        raise AWSValidationException(
            f"The local cloud scales endpoints by TargetTrackingScaling on {METRIC} only."
        )


def _direction(policy: FakeApplicationAutoscalingPolicy) -> Direction | None:
    rings = [cast("Any", alarm).state.value == ALARM for alarm in policy.alarms]
    if len(rings) < 2:  # noqa: PLR2004  it is just being put, and its second alarm is not there yet
        return None
    high, low = rings
    return "out" if high else "in" if low else None


def _invocations(resource_id: str) -> float:
    """Of one instance in the last whole minute."""
    metric = Metric.of("AWS/SageMaker", "InvocationsPerInstance", _dimensions(resource_id))
    end = int(_now()) // MINUTE * MINUTE
    store = cloudwatch.backend().store
    found = store.read(metric, "None", start=end - MINUTE, end=end, period=MINUTE)
    return sum(each.total for each in found.values())


def _dimensions(resource_id: str) -> dict[str, str]:
    _, endpoint, _, variant = resource_id.split("/")
    return {"EndpointName": endpoint, "VariantName": variant}


def _variant(resource_id: str) -> dict[str, Any] | None:
    """The variant as DescribeEndpoint tells it."""
    place = _dimensions(resource_id)
    endpoint = sagemaker.backend().endpoints.get(place["EndpointName"])
    described = endpoint.answer.get("ProductionVariants", []) if endpoint else []
    return next((each for each in described if each["VariantName"] == place["VariantName"]), None)


def _count(resource_id: str) -> int | None:
    """The instances of a variant that can be changed now."""
    place = _dimensions(resource_id)
    endpoint, variant = sagemaker.backend().endpoints.get(place["EndpointName"]), _variant(resource_id)
    if endpoint is None or variant is None or endpoint.status != "InService":
        return None
    return cast("int | None", variant.get("CurrentInstanceCount"))


def _change(resource_id: str, count: int) -> None:
    place = _dimensions(resource_id)
    wish = {"VariantName": place["VariantName"], "DesiredInstanceCount": count}
    with contextlib.suppress(ValidationError, KeyError):  # it is being changed otherwise: look again
        sagemaker.backend().endpoints[place["EndpointName"]].set_weights([wish])


def _is_of(what: Any, resource_id: str, dimension: str) -> bool:
    return bool(what.resource_id == resource_id and what.scalable_dimension == dimension)


def _limits(action: Any) -> Mapping[str, int]:
    return cast("Mapping[str, int]", json.loads(action) if isinstance(action, str) else action or {})


def _key(resource_id: str, action: str) -> str:
    return f"{resource_id}/{action}"


def _now() -> float:
    return cloud.current().clock.time()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
