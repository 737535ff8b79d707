r"""What AWS would refuse in a request and neither boto3 nor moto does: checked against botocore's shapes.

Findings are worded as AWS words them ("Value 'x' at 'trainingJobName' failed to satisfy constraint: ...").
Limits: patterns with Unicode classes (\p{L}) are not expressible in `re` and are skipped; binary members are
not measured; in the query protocol unknown members cannot be seen.
"""

import difflib
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from localcloud.front import sagemaker_rules
from localcloud.front.call import Call
from localcloud.front.refusals import Refusal, invalid

CHECKED = frozenset(
    {
        "apigatewayv2",
        "cloudwatch",
        "dynamodb",
        "events",
        "glue",
        "lambda",
        "logs",
        "sagemaker",
        "scheduler",
        "sns",
        "sqs",
        "stepfunctions",
    }
)
NUMBERS = frozenset({"integer", "long", "float", "double"})
JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}
# how four of AWS's patterns write "beyond the basic plane", which Python spells otherwise
SURROGATES = (r"\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF", r"\uE000-\uFFFD\U00010000-\U0010FFFF")
SHOWN = 60
# where AWS accepts more than botocore's shape says: members whose findings do not count
LENIENT = {("sqs", "ReceiveMessage"): frozenset({"AttributeNames"})}  # takes names of message attributes too


def refusal(call: Call) -> Refusal | None:
    """The refusal AWS would answer with, or None for a request that is in order."""
    shape = call.operation.input_shape
    if call.service not in CHECKED or shape is None:
        return None
    spelled = member_name if call.protocol == "query" else wire_name
    lenient = LENIENT.get((call.service, call.name), ())
    parameters = {name: value for name, value in call.parameters.items() if name not in lenient}
    found = list(findings(shape, parameters, "", spelled))
    if found:
        plural = "" if len(found) == 1 else "s"
        return invalid(call.service, f"{len(found)} validation error{plural} detected: {'; '.join(found)}")
    if call.service == "sagemaker" and (broken := sagemaker_rules.broken(call.name, call.parameters)):
        return invalid(call.service, broken)
    return None


def wire_name(name: str, shape: Shape) -> str:
    return str(shape.serialization.get("name", name))


def member_name(name: str, shape: Shape) -> str:
    return name


def findings(shape: Shape, value: Any, path: str, spelled: Any = wire_name) -> Iterator[str]:
    """One sentence for each constraint of the shape that the value breaks."""
    kind = shape.type_name
    wanted = JSON_TYPES.get(kind)
    if wanted is None or getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
        yield _finding(value, path, f"Member must be a {kind}")
        return
    for constraint in _broken(shape, value):
        yield _finding(value, path, constraint)
    if kind == "structure":
        yield from _member_findings(shape, value, path, spelled)
    elif kind == "list":
        for number, item in enumerate(value, 1):
            yield from findings(shape.member, item, f"{path}.{number}.member", spelled)  # type: ignore[attr-defined]
    elif kind == "map":
        for key, item in value.items():
            yield from findings(shape.key, key, path, spelled)  # type: ignore[attr-defined]
            yield from findings(shape.value, item, f"{path}.{key}.member", spelled)  # type: ignore[attr-defined]


def _member_findings(shape: Any, value: dict[str, Any], path: str, spelled: Any) -> Iterator[str]:
    members, required = _members(shape, spelled)
    for name, item in value.items():
        if item is None:
            continue  # on the wire null means absent
        if name in members:
            yield from findings(members[name], item, _joined(path, name), spelled)
        else:
            near = difflib.get_close_matches(name, members, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"Unknown member '{_joined(path, name)}' of {shape.name}{hint}"
    for name in required:
        if value.get(name) is None:
            yield _finding(None, _joined(path, name), "Member must not be null")
    if getattr(shape, "is_tagged_union", False) and sum(v is not None for v in value.values()) != 1:
        yield _finding(value, path, f"Exactly one member of {shape.name} must be set")


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    facts = shape.metadata
    if not facts:
        return
    if shape.type_name in NUMBERS:
        noun, size = "value", value
    elif shape.type_name in {"string", "list", "map"}:
        noun, size = "length", len(value)
    else:
        return
    if size < facts.get("min", size):
        yield f"Member must have {noun} greater than or equal to {facts['min']}"
    if size > facts.get("max", size):
        yield f"Member must have {noun} less than or equal to {facts['max']}"
    if shape.type_name != "string":
        return
    if (allowed := facts.get("enum")) and value not in allowed:
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    if (pattern := compiled(facts.get("pattern"))) and not pattern.fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {facts['pattern']}"


@functools.cache
def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """None when there is no pattern, or it cannot be said in `re`: then it is not checked."""
    if not pattern or r"\p{" in pattern:
        return None
    pattern = pattern.replace(r"\A", "").replace(r"\z", "").replace(r"\Z", "").replace(*SURROGATES)
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


@functools.lru_cache(maxsize=8192)
def _members(shape: Any, spelled: Any) -> tuple[dict[str, Shape], tuple[str, ...]]:
    named = {name: spelled(name, member) for name, member in shape.members.items()}
    unread = shape.serialization.get("payload")  # the raw body of a request, which is not read
    return (
        {named[name]: member for name, member in shape.members.items()},
        tuple(named[name] for name in shape.required_members if name != unread),
    )


def _joined(path: str, name: str) -> str:
    """AWS writes the path of a member with small first letters."""
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _finding(value: Any, path: str, constraint: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    shown = "null" if value is None else f"'{text[:SHOWN]}...'" if len(text) > SHOWN else f"'{text}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
