"""One stack brought to its template: the new made, the changed updated or replaced, the rest deleted.

Order and outcome are CloudFormation's: resources after what they need, replacements before the deletion of
what they replace, deletions last and backwards. A failure stops there and leaves what was made, as
`cdk deploy --no-rollback` does: the next deployment goes on from it, or `rollback` undoes it. Resources are
made one by one: server and client share an interpreter, and making them side by side takes the same time.
"""

import contextlib
import functools
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud import assembly, cloud
from localcloud.deploy import deployment
from localcloud.deploy.deployment import Change, DeployedStack, Output, ResourceChange
from localcloud.deploy.fit import UnfitError
from localcloud.deploy.intrinsics import Scope, TemplateError
from localcloud.deploy.resource import Handler, Resource, changes
from localcloud.deploy.resources import HANDLERS
from localcloud.errors import CloudError

# a KeyError is a property that its type requires and the template lacks
_FORESEEN = (ClientError, BotoCoreError, UnfitError, TemplateError, TimeoutError, KeyError)
_GONE = re.compile("NotFound|NoSuch|NonExistent|DoesNotExist")  # what is not there needs no deletion
_KEPT = {"Retain", "RetainExceptOnCreate"}


class DeployError(CloudError):
    """A resource or a stack cannot be brought to its template."""


class StackDeployer:
    """One deployment of one stack."""

    def __init__(self, source: assembly.Stack) -> None:
        self.template = source.template
        self.declared: Mapping[str, Any] = self.template.get("Resources", {})
        self.stack = _stack_of(source)
        self.stack.source = source
        self.scope = Scope(
            self.template,
            names=_names(self.stack, source),
            output_of=deployment.output,
            exported=deployment.exported,
        )
        self.changes: list[ResourceChange] = []
        self.obsolete: list[Resource] = []  # replaced, and still there until all else is done
        self.unsettled: Resource | None = None  # what a failure left half updated, as it was wanted
        self._replaced: set[str] = set()

    def deploy(self) -> list[ResourceChange]:
        """Bring the stack to its template.

        Raises:
            DeployError: which stack, which resource, and why.
        """
        stood = self.stack.status
        fresh = stood in {"CREATE_IN_PROGRESS", "CREATE_FAILED"}
        self.stack.status = "CREATE_IN_PROGRESS" if fresh else "UPDATE_IN_PROGRESS"
        try:
            self._refuse_unknown()
            for logical_id in self._order:
                self._settle(logical_id)
            self._clean_up()
            self._give_outputs()
        except CloudError as error:
            self.stack.status = "CREATE_FAILED" if fresh else "UPDATE_FAILED"
            self.stack.reason = error.what
            raise
        self.stack.reason = ""
        if fresh:
            self.stack.status = "CREATE_COMPLETE"
        elif stood == "UPDATE_FAILED" or any(each.change is not Change.UNCHANGED for each in self.changes):
            self.stack.updated = cloud.current().clock.now()
            self.stack.status = "UPDATE_COMPLETE"
        else:
            self.stack.status = stood
        return self.changes

    def _settle(self, logical_id: str) -> None:
        """Create, update, replace or leave one resource."""
        declared = self.declared[logical_id]
        handler = HANDLERS[declared["Type"]]
        before = self.stack.resources.get(logical_id)
        wanted = Resource(
            stack=self.stack.name,
            logical_id=logical_id,
            type=declared["Type"],
            properties={},
            generation=self.stack.generations[logical_id],
            retained=declared.get("DeletionPolicy") in _KEPT,
        )
        try:
            wanted = replace(wanted, properties=self.scope.resolve(declared.get("Properties", {})))
            made, change = self._make(handler, wanted, before)
        except _FORESEEN as error:
            if before is None:  # what was half made keeps its name
                self.stack.generations[logical_id] += 1
            elif logical_id not in self._replaced:
                self.unsettled = replace(before, properties=wanted.properties)
            raise self._error(wanted, "updated" if before else "created", error) from error
        if change is Change.UNCHANGED and before:
            made = replace(made, status=before.status, settled=before.settled)
        else:
            status = "CREATE_COMPLETE" if change is Change.CREATED else "UPDATE_COMPLETE"
            made = replace(made, status=status, settled=cloud.current().clock.now())
        self.stack.resources.pop(logical_id, None)  # so that the order stays that of making
        self.stack.resources[logical_id] = made
        self.scope.define(logical_id, made.id, made.made.attributes)
        self._account(made, change)

    def _make(self, handler: Handler, wanted: Resource, before: Resource | None) -> tuple[Resource, Change]:
        if before is None:
            return replace(wanted, made=handler.create(wanted)), Change.CREATED
        same = replace(wanted, generation=before.generation, made=before.made)
        changed = set(changes(wanted, before))
        if before.type == wanted.type and not changed:
            if self.scope.needs(self.declared[wanted.logical_id].get("Properties")) & self._replaced:
                with contextlib.suppress(ClientError):  # it may have gone with what it hung on
                    handler.delete(before)
                return replace(same, made=handler.create(same)), Change.UPDATED
            return same, Change.UNCHANGED
        if before.type == wanted.type and not handler.must_replace(changed, same):
            return replace(same, made=handler.update(same, before)), Change.UPDATED
        return self._replace(handler, wanted, before), Change.UPDATED

    def _replace(self, handler: Handler, wanted: Resource, before: Resource) -> Resource:
        self._replaced.add(wanted.logical_id)
        if before.type == wanted.type and handler.stands_in_the_way(before, wanted):
            handler.delete(before)
            del self.stack.resources[before.logical_id]
        elif self.declared[wanted.logical_id].get("UpdateReplacePolicy") not in _KEPT:
            self.obsolete.append(before)
        self.stack.generations[wanted.logical_id] += 1
        wanted = replace(wanted, generation=self.stack.generations[wanted.logical_id])
        return replace(wanted, made=handler.create(wanted))

    def _clean_up(self) -> None:
        gone = [each for name, each in self.stack.resources.items() if name not in self._order]
        for resource in reversed(gone):
            if not resource.retained:
                self._delete(resource)
            del self.stack.resources[resource.logical_id]
            self.stack.generations[resource.logical_id] += 1
            self._account(resource, Change.DELETED)
        while self.obsolete:
            self._delete(self.obsolete.pop())

    def _delete(self, resource: Resource) -> None:
        try:
            HANDLERS[resource.type].delete(resource)
        except _FORESEEN as error:
            if isinstance(error, ClientError) and _GONE.search(error.response["Error"]["Code"]):
                return
            raise self._error(resource, "deleted", error) from error

    def _give_outputs(self) -> None:
        outputs = {}
        for name, declared in self.template.get("Outputs", {}).items():
            if "Condition" in declared and not self.scope.condition(declared["Condition"]):
                continue
            try:
                value = self.scope.resolve(declared["Value"])
                export = self.scope.resolve(declared.get("Export", {}).get("Name", ""))
            except TemplateError as error:
                raise DeployError(
                    f"{self.stack.name}: output {name} has no value", cause=str(error)
                ) from error
            outputs[name] = Output(value, declared.get("Description", ""), export)
        self.stack.outputs = outputs

    def _account(self, resource: Resource, change: Change) -> None:
        name = resource.logical_id
        line = ResourceChange(
            self.stack.name, name, resource.type, resource.id, change, name in self._replaced
        )
        self.changes.append(line)

    def _error(self, resource: Resource, done: str, error: Exception) -> DeployError:
        cause = f"property {error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        hint = "take the property out, or teach its handler" if isinstance(error, UnfitError) else ""
        return DeployError(f"{_label(resource)} cannot be {done}", cause=cause, hint=hint)

    def _refuse_unknown(self) -> None:
        unknown = [
            f"{self.stack.name}/{name} ({declared['Type']})"
            for name, declared in self.declared.items()
            if declared["Type"] not in HANDLERS and self._is_wanted(declared)
        ]
        if unknown:
            raise DeployError(
                f"{unknown[0]} cannot be deployed: the local cloud does not know this type",
                cause=f"{len(unknown)} such resources: {', '.join(unknown)}" if unknown[1:] else "",
                hint="leave it out of the template, or add its handler to localcloud.deploy.resources",
            )

    def _is_wanted(self, declared: Mapping[str, Any]) -> bool:
        return "Condition" not in declared or self.scope.condition(declared["Condition"])

    @functools.cached_property
    def _order(self) -> tuple[str, ...]:
        """The logical ids of what is wanted, each after those it needs."""
        wanted = {name: each for name, each in self.declared.items() if self._is_wanted(each)}
        needs = {}
        for name, declared in wanted.items():
            said = declared.get("DependsOn", [])
            said = {said} if isinstance(said, str) else set(said)
            if missing := said - self.declared.keys():
                raise DeployError(
                    f"{self.stack.name}/{name} ({declared['Type']}) cannot be deployed",
                    cause=f"it depends on {min(missing)}, which is not in the template",
                )
            needs[name] = sorted(
                (said | self.scope.needs(declared.get("Properties"))) & wanted.keys() - {name}
            )
        try:
            return tuple(TopologicalSorter(needs).static_order())
        except CycleError as error:
            raise DeployError(
                f"{self.stack.name} cannot be deployed",
                cause=f"its resources wait for each other: {' -> '.join(error.args[1])}",
            ) from error


def _label(resource: Resource) -> str:
    return f"{resource.stack}/{resource.logical_id} ({resource.type})"


def _stack_of(source: assembly.Stack) -> DeployedStack:
    known = deployment.stacks()
    if source.name not in known:
        here = cloud.current()
        unique = uuid.uuid5(uuid.NAMESPACE_URL, source.name)
        known[source.name] = DeployedStack(
            id=here.arn("cloudformation", f"stack/{source.name}/{unique}"),
            name=source.name,
            source=source,
            created=here.clock.now(),
        )
    return known[source.name]


def _names(stack: DeployedStack, source: assembly.Stack) -> dict[str, Any]:
    """Pseudo parameters and parameters."""
    here = cloud.current()
    names: dict[str, Any] = {
        "AWS::AccountId": here.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": "aws",
        "AWS::Region": here.region,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    for name, declared in source.template.get("Parameters", {}).items():
        value = source.parameters.get(name, declared.get("Default"))
        if value is None:
            raise DeployError(f"{stack.name} cannot be deployed", cause=f"parameter {name} has no value")
        names[name] = _parameter(name, declared["Type"], value)
    return names


def _parameter(name: str, kind: str, value: Any) -> Any:
    if name == "BootstrapVersion":  # nothing was bootstrapped and nothing needs to be
        return value
    if kind.startswith("AWS::SSM::Parameter::Value"):
        value = cloud.current().client("ssm").get_parameter(Name=value)["Parameter"]["Value"]
    return value.split(",") if kind == "CommaDelimitedList" or "List<" in kind else value
