"""CloudWatch: alarms and dashboards."""

from collections.abc import Mapping
from typing import Any

from localcloud import cloud
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.resource import How, Made, Resource


class Alarm(ApiHandler):
    type = "AWS::CloudWatch::Alarm"
    how = How.EXECUTED
    why = "evaluated M of N with missing data; its actions and events are sent"
    service = "cloudwatch"
    creates = updates = "put_metric_alarm"
    rewrites = True
    deletes = "delete_alarms"
    naming = Name("AlarmName", 255)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        name = self.name(resource)
        return Made(name, {"Arn": cloud.current().arn("cloudwatch", f"alarm:{name}")})

    def doomed(self, resource: Resource) -> dict[str, Any]:
        return {"AlarmNames": [self.name(resource)]}

    def coverage(self, properties: Mapping[str, Any]) -> tuple[How, str]:
        if "ThresholdMetricId" in properties:
            return How.EMULATED, f"{self.why}; its band is a robust one by hour, not CloudWatch's own model"
        return super().coverage(properties)


class CompositeAlarm(Alarm):
    type = "AWS::CloudWatch::CompositeAlarm"
    how = How.EXECUTED
    why = "its rule is evaluated over the states of its alarms"
    creates = updates = "put_composite_alarm"


class Dashboard(ApiHandler):
    type = "AWS::CloudWatch::Dashboard"
    how = How.EMULATED
    why = "kept and answered; there is no console that would draw it"
    service = "cloudwatch"
    creates = updates = "put_dashboard"
    rewrites = True
    deletes = "delete_dashboards"
    naming = Name("DashboardName", 255)

    def doomed(self, resource: Resource) -> dict[str, Any]:
        return {"DashboardNames": [self.name(resource)]}
