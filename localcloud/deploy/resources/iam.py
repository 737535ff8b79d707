"""IAM: roles and policies; the front of the local cloud checks the calls of workers against them."""

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from localcloud import cloud
from localcloud.deploy import tags
from localcloud.deploy.fit import UnfitError, call
from localcloud.deploy.resource import Handler, How, Made, Resource, changes

_AWS_MANAGED = "arn:aws:iam::aws:policy/"
_MAX_VERSIONS = 5  # of a managed policy; IAM quota


class Role(Handler):
    type = "AWS::IAM::Role"
    how = How.EXECUTED
    why = "every call of a function, job or state machine is checked against its role's policies"
    named_by = "RoleName"
    replaced_by = frozenset({"Path"})
    kept_only: ClassVar = {"PermissionsBoundary": "calls are not checked against it"}

    def create(self, resource: Resource) -> Made:
        name = resource.name("RoleName", 64)
        request = resource.properties_except("RoleName", "Policies", "ManagedPolicyArns")
        made = call("iam", "create_role", RoleName=name, **request)["Role"]
        self._grant(name, resource, None)
        return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})

    def update(self, resource: Resource, before: Resource) -> Made:
        changed = set(changes(resource, before))
        properties = resource.properties
        if "AssumeRolePolicyDocument" in changed:
            document = properties["AssumeRolePolicyDocument"]
            call("iam", "update_assume_role_policy", RoleName=resource.id, PolicyDocument=document)
        if changed & {"Description", "MaxSessionDuration"}:
            description = properties.get("Description", "")
            seconds = properties.get("MaxSessionDuration", 3600)
            call(
                "iam",
                "update_role",
                RoleName=resource.id,
                Description=description,
                MaxSessionDuration=seconds,
            )
        if "PermissionsBoundary" in changed:
            boundary = properties.get("PermissionsBoundary")
            if boundary:
                call(
                    "iam", "put_role_permissions_boundary", RoleName=resource.id, PermissionsBoundary=boundary
                )
            else:
                call("iam", "delete_role_permissions_boundary", RoleName=resource.id)
        if "Tags" in changed:
            tags.change("iam", resource.id, before.properties.get("Tags"), properties.get("Tags"))
        self._grant(resource.id, resource, before)
        return resource.made

    def delete(self, resource: Resource) -> None:
        iam = cloud.current().client("iam")
        for policy in iam.list_attached_role_policies(RoleName=resource.id)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=resource.id, PolicyArn=policy["PolicyArn"])
        for name in iam.list_role_policies(RoleName=resource.id)["PolicyNames"]:
            iam.delete_role_policy(RoleName=resource.id, PolicyName=name)
        iam.delete_role(RoleName=resource.id)

    def _grant(self, name: str, resource: Resource, before: Resource | None) -> None:
        old, new = _inline(before), _inline(resource)
        for policy in old.keys() - new.keys():
            call("iam", "delete_role_policy", RoleName=name, PolicyName=policy)
        for policy, document in new.items():
            if old.get(policy) != document:
                call("iam", "put_role_policy", RoleName=name, PolicyName=policy, PolicyDocument=document)
        were, are = _attached(before), _attached(resource)
        for arn in were - are:
            call("iam", "detach_role_policy", RoleName=name, PolicyArn=arn)
        for arn in are - were:
            provide_aws_managed(arn)
            call("iam", "attach_role_policy", RoleName=name, PolicyArn=arn)


def _inline(resource: Resource | None) -> dict[str, Any]:
    policies = resource.properties.get("Policies", []) if resource else []
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in policies}


def _attached(resource: Resource | None) -> set[str]:
    return set(resource.properties.get("ManagedPolicyArns", [])) if resource else set()


def provide_aws_managed(arn: str) -> None:
    """Give moto one of AWS's own policies; all 1,400 of them would cost a second at every start.

    Raises:
        UnfitError: AWS has no such policy, or moto does not know it.
    """
    if not arn.startswith(_AWS_MANAGED):
        return
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy, iam_backends

    here = cloud.current()
    known = iam_backends[here.account]["aws"].managed_policies
    if arn in known:
        return
    name = arn.rpartition("/")[2]
    data = json.loads(aws_managed_policies_data).get(name)
    if data is None:
        raise UnfitError(f"there is no policy {arn}")
    known[arn] = AWSManagedPolicy.from_data(name, here.account, here.region, data)


class Policy(Handler):
    type = "AWS::IAM::Policy"
    how = How.EXECUTED
    why = Role.why
    replaced_by = frozenset({"PolicyName"})

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("PolicyName", "PolicyDocument", "Roles"))
        self._put(resource, resource.properties.get("Roles", []))
        made = resource.generated(64)
        return Made(made, {"Id": made})

    def update(self, resource: Resource, before: Resource) -> Made:
        self.refuse(resource.properties_except("PolicyName", "PolicyDocument", "Roles"))
        roles = resource.properties.get("Roles", [])
        self._remove(resource, [role for role in before.properties.get("Roles", []) if role not in roles])
        self._put(resource, roles)
        return resource.made

    def delete(self, resource: Resource) -> None:
        self._remove(resource, resource.properties.get("Roles", []))

    def _put(self, resource: Resource, roles: Iterable[str]) -> None:
        name, document = resource.properties["PolicyName"], resource.properties["PolicyDocument"]
        for role in roles:
            call("iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=document)

    def _remove(self, resource: Resource, roles: Iterable[str]) -> None:
        for role in roles:
            call("iam", "delete_role_policy", RoleName=role, PolicyName=resource.properties["PolicyName"])


class ManagedPolicy(Handler):
    type = "AWS::IAM::ManagedPolicy"
    how = How.EXECUTED
    why = Role.why
    named_by = "ManagedPolicyName"
    replaced_by = frozenset({"Description", "Path"})

    def create(self, resource: Resource) -> Made:
        name = resource.name("ManagedPolicyName", 128)
        request = resource.properties_except("ManagedPolicyName", "Roles")
        arn = call("iam", "create_policy", PolicyName=name, **request)["Policy"]["Arn"]
        self._attach(arn, set(), set(resource.properties.get("Roles", [])))
        return Made(arn, {"PolicyArn": arn})

    def update(self, resource: Resource, before: Resource) -> Made:
        arn = resource.id
        if "PolicyDocument" in changes(resource, before):
            self._make_room(arn)
            document = resource.properties["PolicyDocument"]
            call("iam", "create_policy_version", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        roles = [set(each.properties.get("Roles", [])) for each in (before, resource)]
        self._attach(arn, *roles)
        return resource.made

    def delete(self, resource: Resource) -> None:
        iam = cloud.current().client("iam")
        for role in iam.list_entities_for_policy(PolicyArn=resource.id)["PolicyRoles"]:
            iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=resource.id)
        for version in iam.list_policy_versions(PolicyArn=resource.id)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=resource.id, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=resource.id)

    def _attach(self, arn: str, old: set[str], new: set[str]) -> None:
        for role in old - new:
            call("iam", "detach_role_policy", RoleName=role, PolicyArn=arn)
        for role in new - old:
            call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)

    def _make_room(self, arn: str) -> None:
        versions = call("iam", "list_policy_versions", PolicyArn=arn)["Versions"]
        spare = [version["VersionId"] for version in versions if not version["IsDefaultVersion"]]
        if len(versions) >= _MAX_VERSIONS:
            oldest = min(spare, key=lambda version: int(version[1:]))
            call("iam", "delete_policy_version", PolicyArn=arn, VersionId=oldest)
