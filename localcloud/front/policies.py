"""Identity policies, compiled and evaluated: an explicit Deny wins, else an Allow is needed.

Pure: policy documents and names in, a decision out.
Limits: of the condition operators those in `OPERATORS`, plain or with IfExists; `ForAllValues:` and
`ForAnyValue:` over list-valued keys; a condition this page cannot judge never allows and never denies.
Policy variables, permission boundaries, session, resource and service control policies are not modelled.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Context = Mapping[str, "str | list[str]"]  # condition key in small letters -> value(s) of this request


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its wildcards as regular expressions."""

    effect: str
    actions: tuple[str, ...]  # as written, for those who ask which grants there are
    resources: tuple[str, ...]
    covers_action: Callable[[str], bool]
    covers_resource: Callable[[str], bool]
    condition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may pass, and which conditions stood in its way."""

    allowed: bool
    explicit_deny: bool = False
    unmet: tuple[str, ...] = ()


def statements(documents: Iterable[Mapping[str, Any]]) -> list[Statement]:
    return [_compiled(raw) for document in documents for raw in _listed(document.get("Statement", []))]


def decide(
    compiled: Iterable[Statement], action: str, resources: tuple[str, ...] | None, context: Context
) -> Decision:
    """May `action` be done on any one of `resources`? None stands for a resource that is not known."""
    allowed, unmet = False, []
    for statement in compiled:
        if not statement.covers_action(action):
            continue
        if resources is not None and not any(map(statement.covers_resource, resources)):
            continue
        problem = _unmet(statement.condition, context)
        if statement.effect == "Deny":
            if problem is None and resources is not None:
                return Decision(allowed=False, explicit_deny=True)
        elif problem is None:
            allowed = True
        else:
            unmet.append(problem)
    return Decision(allowed=allowed, unmet=() if allowed else tuple(unmet))


def matcher(patterns: Iterable[str], *, ignore_case: bool = False) -> Callable[[str], bool]:
    """IAM's wildcards: * is any text, also across slashes and colons; ? is one character."""
    sources = [
        "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
        for pattern in patterns
    ]
    expression = re.compile("|".join(sources) or r"(?!)", re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    return lambda text: expression.fullmatch(text) is not None


def _compiled(raw: Mapping[str, Any]) -> Statement:
    actions = tuple(_listed(raw.get("Action", raw.get("NotAction", []))))
    resources = tuple(_listed(raw.get("Resource", raw.get("NotResource", []))))
    in_actions, in_resources = matcher(actions, ignore_case=True), matcher(resources)
    return Statement(
        effect=raw["Effect"],
        actions=actions,
        resources=resources,
        covers_action=in_actions if "Action" in raw else lambda text: not in_actions(text),
        covers_resource=in_resources if "Resource" in raw else lambda text: not in_resources(text),
        condition=raw.get("Condition", {}),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _unmet(condition: Mapping[str, Any], context: Context) -> str | None:
    """The first condition that does not hold, in words; None when all hold."""
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            if not _holds(operator, context.get(key.lower()), [str(item) for item in _listed(wanted)]):
                known = context.get(key.lower(), "not known here")
                return f"{operator} {key}: wants {wanted}, is {known}"
    return None


def _holds(operator: str, actual: "str | list[str] | None", wanted: list[str]) -> bool:
    quantifier, _, operator = operator.rpartition(":")
    bare = operator.removesuffix("IfExists")
    if bare == "Null":
        return all((actual is None) == (item.lower() == "true") for item in wanted)
    if actual is None:
        return bare != operator or quantifier == "ForAllValues"
    test = OPERATORS.get(bare)
    if test is None:
        return False
    values = _listed(actual)
    return (
        all(test(v, wanted) for v in values)
        if quantifier != "ForAnyValue"
        else any(test(v, wanted) for v in values)
    )


def _equals(value: str, wanted: list[str]) -> bool:
    return value in wanted


def _equals_ignoring_case(value: str, wanted: list[str]) -> bool:
    return value.lower() in [item.lower() for item in wanted]


def _like(value: str, wanted: list[str]) -> bool:
    return matcher(wanted)(value)


OPERATORS: dict[str, Callable[[str, list[str]], bool]] = {
    "StringEquals": _equals,
    "StringNotEquals": lambda value, wanted: not _equals(value, wanted),
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": _like,
    "StringNotLike": lambda value, wanted: not _like(value, wanted),
    "ArnEquals": _like,
    "ArnLike": _like,
    "ArnNotLike": lambda value, wanted: not _like(value, wanted),
    "Bool": _equals_ignoring_case,
}
