"""Step Functions, EventBridge and EventBridge Scheduler: what starts what, and when."""

import json
from typing import Any, ClassVar

from localcloud import cloud
from localcloud.deploy import tags
from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import call, text
from localcloud.deploy.resource import Handler, How, Made, Resource


class StateMachine(ApiHandler):
    type = "AWS::StepFunctions::StateMachine"
    how = How.EXECUTED
    why = "the definition is interpreted, JSONPath and JSONata, with .sync jobs and callbacks"
    service = "stepfunctions"
    creates = "create_state_machine"
    updates = "update_state_machine"
    deletes = "delete_state_machine"
    naming = Name("StateMachineName", 80)
    replaced_by = frozenset({"StateMachineType"})
    defaults: ClassVar = {
        "LoggingConfiguration": {"Level": "OFF"},
        "TracingConfiguration": {"Enabled": False},
    }

    def request(self, resource: Resource) -> dict[str, Any]:
        request = resource.properties_except(
            "Definition",
            "DefinitionS3Location",
            "DefinitionString",
            "DefinitionSubstitutions",
            "StateMachineName",
            "StateMachineType",
        )
        request["definition"] = _definition(resource)
        request["name"] = self.name(resource)
        request["type"] = resource.properties.get("StateMachineType", "STANDARD")
        return request

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        arn = response["stateMachineArn"]
        return Made(arn, {"Arn": arn, "Name": self.name(resource)})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"stateMachineArn": resource.id}

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        definition = {name for name in changed if name.startswith("Definition")}
        return super().must_replace(changed - definition, resource)


def _definition(resource: Resource) -> str:
    properties = resource.properties
    if where := properties.get("DefinitionS3Location"):
        source = call("s3", "get_object", Bucket=where["Bucket"], Key=where["Key"])
        definition = source["Body"].read().decode()
    elif "DefinitionString" in properties:
        definition = properties["DefinitionString"]
    else:
        definition = json.dumps(properties["Definition"])
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace("${" + name + "}", text(value))
    return str(definition)


class Rule(Handler):
    type = "AWS::Events::Rule"
    how = How.EXECUTED
    why = "events are matched and delivered to their targets; rate and cron rules fire"
    named_by = "Name"
    replaced_by = frozenset({"EventBusName"})

    def create(self, resource: Resource) -> Made:
        name = resource.name("Name", 64)
        request = resource.properties_except("Name", "Targets")
        made = call("events", "put_rule", Name=name, **request)
        self._put_targets(name, resource)
        bus = resource.properties.get("EventBusName", "default").rpartition("/")[2]
        # CloudFormation's Ref of a rule on another bus than the default one names the bus as well
        return Made(name if bus == "default" else f"{bus}|{name}", {"Arn": made["RuleArn"]})

    def update(self, resource: Resource, before: Resource) -> Made:
        name = resource.name("Name", 64)
        call("events", "put_rule", Name=name, **resource.properties_except("Name", "Targets", "Tags"))
        kept = {target["Id"] for target in resource.properties.get("Targets", [])}
        gone = [target["Id"] for target in before.properties.get("Targets", []) if target["Id"] not in kept]
        if gone:
            call("events", "remove_targets", Rule=name, Ids=gone, **self._bus(resource))
        self._put_targets(name, resource)
        arn = resource.made.attributes["Arn"]
        tags.change("events", arn, before.properties.get("Tags"), resource.properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        name, bus = resource.name("Name", 64), self._bus(resource)
        if ids := [target["Id"] for target in resource.properties.get("Targets", [])]:
            call("events", "remove_targets", Rule=name, Ids=ids, **bus)
        call("events", "delete_rule", Name=name, **bus)

    def _put_targets(self, name: str, resource: Resource) -> None:
        if targets := resource.properties.get("Targets"):
            call("events", "put_targets", Rule=name, Targets=targets, **self._bus(resource))

    def _bus(self, resource: Resource) -> dict[str, str]:
        bus = resource.properties.get("EventBusName")
        return {"EventBusName": bus} if bus else {}


class EventBus(ApiHandler):
    type = "AWS::Events::EventBus"
    how = How.EXECUTED
    why = "its rules are matched as those of the default bus"
    service = "events"
    creates = "create_event_bus"
    deletes = "delete_event_bus"
    naming = Name("Name", 256)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(self.name(resource), {"Arn": response["EventBusArn"], "Name": self.name(resource)})


class Schedule(ApiHandler):
    type = "AWS::Scheduler::Schedule"
    how = How.EXECUTED
    why = "fires at, rate and cron schedules on the cloud's clock"
    service = "scheduler"
    creates = "create_schedule"
    updates = "update_schedule"
    rewrites = True
    deletes = "delete_schedule"
    naming = Name("Name", 64)
    replaced_by = frozenset({"GroupName"})

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(self.name(resource), {"Arn": response["ScheduleArn"]})

    def key(self, resource: Resource) -> dict[str, Any]:
        group = resource.properties.get("GroupName")
        return {"Name": self.name(resource), **({"GroupName": group} if group else {})}


class ScheduleGroup(ApiHandler):
    type = "AWS::Scheduler::ScheduleGroup"
    how = How.EXECUTED
    why = "holds its schedules"
    service = "scheduler"
    creates = "create_schedule_group"
    deletes = "delete_schedule_group"
    naming = Name("Name", 64)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        name = self.name(resource)
        arn = response.get("ScheduleGroupArn") or cloud.current().arn("scheduler", f"schedule-group/{name}")
        return Made(name, {"Arn": arn})
