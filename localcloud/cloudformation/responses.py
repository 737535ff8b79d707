"""CloudFormation's answers about stacks, their resources, outputs and templates, in botocore's shapes."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from localcloud.cloudformation.models import LocalCloudFormation, cloudformation_backends
from localcloud.deploy.deployment import DeployedStack
from localcloud.deploy.resource import Resource

PAGE = 100


class ValidationError(ServiceException):
    """What CloudFormation says to nearly everything it does not accept."""

    code = "ValidationError"


class CloudFormationResponse(BaseResponse):
    """One method for each action; `self.params` is the request as botocore's model types it."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")

    @property
    def backend(self) -> LocalCloudFormation:
        return cloudformation_backends[self.current_account][self.region]

    def describe_stacks(self) -> ActionResult:
        name = self._get_param("StackName")
        stacks = [self._stack(name, "Stack with id {} does not exist")] if name else self.backend.stacks()
        page, token = self._page(stacks)
        return ActionResult({"Stacks": [_described(stack) for stack in page], "NextToken": token})

    def list_stacks(self) -> ActionResult:
        wanted = self._get_param("StackStatusFilter") or []
        stacks = [stack for stack in self.backend.stacks() if not wanted or stack.status in wanted]
        page, token = self._page(stacks)
        return ActionResult({"StackSummaries": [_summary(stack) for stack in page], "NextToken": token})

    def list_stack_resources(self) -> ActionResult:
        stack = self._stack(self._get_param("StackName"))
        page, token = self._page(list(stack.resources.values()))
        summaries = [_resource(resource, "LastUpdatedTimestamp") for resource in page]
        return ActionResult({"StackResourceSummaries": summaries, "NextToken": token})

    def describe_stack_resources(self) -> ActionResult:
        physical, logical = self._get_param("PhysicalResourceId"), self._get_param("LogicalResourceId")
        name = self._get_param("StackName")
        stack = self._stack(name) if name else self._owner(physical)
        found = [
            {**_owned(stack), **_resource(each, "Timestamp")}
            for each in list(stack.resources.values())
            if logical in {None, each.logical_id} and (name or each.id == physical)
        ]
        return ActionResult({"StackResources": found})

    def describe_stack_resource(self) -> ActionResult:
        name, logical = self._get_param("StackName"), self._get_param("LogicalResourceId")
        stack = self._stack(name)
        if logical not in stack.resources:
            raise ValidationError(f"Resource {logical} does not exist for stack {name}")
        resource = stack.resources[logical]
        declared = stack.source.template["Resources"].get(logical, {})
        detail = {
            **_owned(stack),
            **_resource(resource, "LastUpdatedTimestamp"),
            "Metadata": json.dumps(declared.get("Metadata", {})),
        }
        return ActionResult({"StackResourceDetail": detail})

    def get_template(self) -> ActionResult:
        stack = self._stack(self._get_param("StackName"))
        body = json.dumps(stack.source.template, indent=1)
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def list_exports(self) -> ActionResult:
        exports = [
            {"ExportingStackId": stack.id, "Name": output.export_name, "Value": _text(output.value)}
            for stack in self.backend.stacks()
            for output in list(stack.outputs.values())
            if output.export_name
        ]
        page, token = self._page(sorted(exports, key=lambda export: export["Name"]))
        return ActionResult({"Exports": page, "NextToken": token})

    def create_stack(self) -> NoReturn:
        _refuse_to_write("CreateStack")

    def create_change_set(self) -> NoReturn:
        _refuse_to_write("CreateChangeSet")

    def delete_stack(self) -> NoReturn:
        _refuse_to_write("DeleteStack")

    def update_stack(self) -> NoReturn:
        _refuse_to_write("UpdateStack")

    def _stack(self, name_or_id: str, absent: str = "Stack '{}' does not exist") -> DeployedStack:
        stack = self.backend.find(name_or_id or "")
        if stack is None:
            raise ValidationError(absent.format(name_or_id))
        return stack

    def _owner(self, physical: str | None) -> DeployedStack:
        for stack in self.backend.stacks():
            if any(resource.id == physical for resource in list(stack.resources.values())):
                return stack
        raise ValidationError(f"Stack for {physical} does not exist")

    def _page(self, items: Sequence[Any]) -> tuple[Sequence[Any], str | None]:
        token = self._get_param("NextToken") or "0"
        if not token.isdigit():
            raise ValidationError(f"Invalid NextToken {token}")
        end = int(token) + PAGE
        return items[int(token) : end], str(end) if end < len(items) else None


def _described(stack: DeployedStack) -> dict[str, Any]:
    described = {
        **_summary(stack),
        "Description": stack.source.template.get("Description"),
        "DisableRollback": True,
        "RollbackConfiguration": {},
        "EnableTerminationProtection": False,
        "Outputs": [
            {
                "OutputKey": name,
                "OutputValue": _text(output.value),
                "Description": output.description or None,
                "ExportName": output.export_name or None,
            }
            for name, output in list(stack.outputs.items())
        ],
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": stack.source.parameters.get(name, each.get("Default"))}
            for name, each in stack.source.template.get("Parameters", {}).items()
        ],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.source.tags.items()],
    }
    del described["TemplateDescription"]
    return described


def _summary(stack: DeployedStack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "TemplateDescription": stack.source.template.get("Description"),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _owned(stack: DeployedStack) -> dict[str, Any]:
    return {"StackName": stack.name, "StackId": stack.id}


def _resource(resource: Resource, timestamp: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        timestamp: resource.settled,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _refuse_to_write(operation: str) -> NoReturn:
    raise ValidationError(
        f"{operation} is not available here: stacks are deployed from a cloud assembly, "
        "by `python -m localcloud serve --assembly cdk.out`"
    )
