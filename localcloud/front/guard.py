"""Does the role behind a call's key grant what the call needs? moto itself does not enforce IAM.

Every local run proves its roles this way: what a role lacks is refused in AWS's words, and what it grants
and no call has used is listed. A caller without a role is the person at the keyboard, who may do anything.
Limits: what services do on a caller's behalf (KMS under S3, writing a function's log) needs no grant here,
and calls that moto's services make among themselves in memory are not seen.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from moto.iam.models import Role, iam_backends

from localcloud.front import policies
from localcloud.front.need import Need
from localcloud.front.refusals import Refusal, denied

# what holds for every call: the place speaks HTTP to itself where AWS speaks HTTPS
EVERYWHERE: dict[str, str | list[str]] = {"aws:securetransport": "true", "aws:viaawsservice": "false"}


class Guard:
    """Decides, and remembers what each role has used."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._always = EVERYWHERE | {"aws:principalaccount": account, "aws:requestedregion": region}
        self._calls: Counter[str] = Counter()
        self._used: dict[str, set[tuple[str, str]]] = {}
        self._lock = threading.Lock()

    def refusal(self, service: str, role_arn: str, needs: Iterable[Need]) -> Refusal | None:
        """None when the role grants every need; else the first that it does not grant."""
        with self._lock:
            self._calls[role_arn] += 1
        for need in needs:
            decision = self._decide(role_arn, need)
            if not decision.allowed:
                return denied(
                    service, _sentence(role_arn, need, decision, missing=self._role(role_arn) is None)
                )
            with self._lock:
                self._used.setdefault(role_arn, set()).add((need.action, (need.resources or ("*",))[0]))
        return None

    def allows(self, role_arn: str, need: Need) -> bool:
        return self._decide(role_arn, need).allowed

    def report(self) -> list[dict[str, object]]:
        """For each role: how many calls it made, and which of its grants no call has used."""
        return [
            {"role": role.arn, "calls": self._calls[role.arn], "unused": self._unused(role)}
            for role in list(iam_backends[self._account]["aws"].roles.values())
        ]

    def _unused(self, role: Role) -> list[dict[str, str]]:
        with self._lock:
            used = list(self._used.get(role.arn, ()))
        granted = [
            (action, resource)
            for statement in _statements(_documents(role))
            if statement.effect == "Allow"
            for action in statement.actions
            for resource in statement.resources
        ]
        return [
            {"action": action, "resource": resource}
            for action, resource in granted
            if not any(_within(action, resource, *use) for use in used)
        ]

    def _decide(self, role_arn: str, need: Need) -> policies.Decision:
        role = self._role(role_arn)
        if role is None:
            return policies.Decision(allowed=False)
        context = {**self._always, "aws:principalarn": role_arn, **need.context}
        return policies.decide(_statements(_documents(role)), need.action, need.resources, context)

    def _role(self, role_arn: str) -> Role | None:
        name = role_arn.rpartition("/")[2]
        roles = iam_backends[self._account]["aws"].roles
        return next((role for role in list(roles.values()) if role.name == name), None)


def _documents(role: Role) -> tuple[str, ...]:
    attached = [
        version.document
        for policy in list(role.managed_policies.values())
        for version in policy.versions
        if version.is_default_version
    ]
    return (*role.policies.values(), *attached)


@lru_cache(maxsize=512)
def _statements(documents: tuple[str, ...]) -> list[policies.Statement]:
    return policies.statements([json.loads(document) for document in documents])


@lru_cache(maxsize=4096)
def _within(granted_action: str, granted_resource: str, action: str, resource: str) -> bool:
    in_action = policies.matcher([granted_action], ignore_case=True)(action)
    return in_action and (resource == "*" or policies.matcher([granted_resource])(resource))


def _sentence(role_arn: str, need: Need, decision: policies.Decision, *, missing: bool) -> str:
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    why = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit_deny
        else f"because no identity-based policy allows the {need.action} action"
    )
    if missing:
        why += " (the role does not exist)"
    elif decision.unmet:
        why += f" (conditions not met: {'; '.join(decision.unmet)})"
    return (
        f"User: arn:aws:sts::{account}:assumed-role/{name}/session is not authorized to perform: "
        f"{need.action} on resource: {(need.resources or ('*',))[0]} {why}"
    )
