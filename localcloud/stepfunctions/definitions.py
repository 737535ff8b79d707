"""What a state machine's definition must satisfy before AWS takes it.

The graph's rules and every message here are AWS's own, as ValidateStateMachineDefinition gives them; what
moto's grammar refuses beyond that is passed on in moto's words.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.stepfunctions import parser, sagemaker, shapes

TIMESTAMP = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"
)
ILLEGAL_ESCAPE = re.compile(r"States\.\w+\((?:[^\\]|\\['{}\\])*\\[^'{}\\]", re.DOTALL)
SERVICE_TASK = re.compile(
    r"arn:[\w-]+:states:[\w-]*:\d*:(aws-sdk:)?([\w-]+):(\w+)(?:\.(sync(?::2)?|waitForTaskToken))?"
)


@dataclass(frozen=True)
class Diagnostic:
    code: str
    message: str
    location: str = ""

    def __str__(self) -> str:
        place = f" at {self.location}" if self.location else ""
        return f"{self.code}: {self.message.rstrip()}{place}"

    def to_json(self) -> dict[str, str]:
        located = {"location": self.location} if self.location else {}
        return {"severity": "ERROR", "code": self.code, "message": self.message, **located}


def diagnose(definition: str, machine_type: str = "STANDARD") -> list[Diagnostic]:
    """Every reason for which AWS would refuse the definition; none when it is sound."""
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [Diagnostic("INVALID_JSON_DESCRIPTION", str(error), f'[Source: (String)"{definition}"]')]
    if not isinstance(machine, dict):
        return [_schema("State machine definition must be an object", "/")]
    if missing := [field for field in ("States", "StartAt") if field not in machine]:
        return [_schema(f"These fields are required: [{', '.join(missing)}]", "/")]
    try:
        found = _problems(machine, machine_type)
    except (AttributeError, TypeError):
        found = []  # a field is not of its type: the grammar says which
    return found or _grammar(definition)


def _problems(machine: dict[str, Any], machine_type: str) -> list[Diagnostic]:
    return [
        problem
        for path, part, language in _machines(machine, "", machine.get("QueryLanguage", "JSONPath"))
        for problem in (*_graph(part, path), *_states(part, path, machine, machine_type, language))
    ]


def _grammar(definition: str) -> list[Diagnostic]:
    try:
        parser.parsed(definition)
    except Exception as error:  # noqa: BLE001  moto's parser raises whatever its components raise
        return [_schema(str(error) or repr(error), "/")]
    return []


def _schema(message: str, location: str) -> Diagnostic:
    return Diagnostic("SCHEMA_VALIDATION_FAILED", message, location)


def _machines(machine: dict[str, Any], path: str, language: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The machine and every one inside it, with its place and the query language that its states inherit."""
    yield path, machine, language
    for name, state in machine["States"].items():
        inherited = state.get("QueryLanguage", language)
        inner = {f"Branches[{index}]": branch for index, branch in enumerate(state.get("Branches", []))}
        inner |= {field: state[field] for field in ("ItemProcessor", "Iterator") if field in state}
        for field, part in inner.items():
            if "States" in part and "StartAt" in part:
                yield from _machines(part, f"{path}/States/{name}/{field}", inherited)


def _graph(machine: dict[str, Any], path: str) -> Iterator[Diagnostic]:
    """Targets that do not exist, a machine that cannot end, states that nothing reaches."""
    states = machine["States"]
    edges = {name: _targets(name, state, path) for name, state in states.items()}
    for target, place in [
        (machine["StartAt"], f"{path}/StartAt"),
        *(edge for found in edges.values() for edge in found),
    ]:
        if target not in states:
            yield Diagnostic("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {target}", place)
    if not any(state.get("End") or state.get("Type") in {"Succeed", "Fail"} for state in states.values()):
        yield Diagnostic("MISSING_END_STATE", "Workflow has no terminal state")
        return
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in states and name not in reached:
            reached.add(name)
            todo += [target for target, _ in edges[name]]
    for name in states:
        if name not in reached:
            yield Diagnostic(
                "MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', f"{path}/States/{name}"
            )


def _targets(name: str, state: dict[str, Any], path: str) -> list[tuple[str, str]]:
    here = f"{path}/States/{name}"
    found = [(state[field], f"{here}/{field}") for field in ("Next", "Default") if field in state]
    for field in ("Choices", "Catch"):
        for index, part in enumerate(state.get(field, [])):
            if "Next" in part:
                found.append((part["Next"], f"{here}/{field}[{index}]/Next"))
    return found


def _states(
    machine: dict[str, Any], path: str, whole: dict[str, Any], machine_type: str, language: str
) -> Iterator[Diagnostic]:
    for name, state in machine["States"].items():
        here = f"{path}/States/{name}"
        if whole.get("QueryLanguage") == "JSONata" and state.get("QueryLanguage") == "JSONPath":
            yield _schema(
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", here
            )
        timestamp = state.get("Timestamp", "")
        if (
            state.get("Type") == "Wait"
            and timestamp
            and not (timestamp.startswith("{%") or TIMESTAMP.fullmatch(timestamp))
        ):
            yield _schema("String does not match RFC3339 timestamp", f"{here}/Timestamp")
        yield from _intrinsics(state, here)
        if state.get("Type") == "Task":
            yield from _task(state, here, machine_type, state.get("QueryLanguage", language))


def _intrinsics(state: dict[str, Any], here: str) -> Iterator[Diagnostic]:
    """Escapes that the intrinsic functions of JSONPath do not know."""
    for field in ("Parameters", "ResultSelector", "ItemSelector", "Assign"):
        template = state.get(field)
        for key, value in template.items() if isinstance(template, dict) else ():
            if key.endswith(".$") and isinstance(value, str) and ILLEGAL_ESCAPE.match(value):
                wanted = "must be a valid JSONPath or a valid intrinsic function call"
                yield _schema(f"The value for the field '{key}' {wanted}", f"{here}/{field}")


def _task(state: dict[str, Any], here: str, machine_type: str, language: str) -> Iterator[Diagnostic]:
    resource = state.get("Resource", "")
    express = machine_type == "EXPRESS"
    if express and ":activity:" in resource:
        yield _schema("Express state machine does not support Activity ARN", f"{here}/Resource")
    parts = SERVICE_TASK.fullmatch(resource)
    if not parts:
        return
    sdk, service, action, pattern = parts.groups()
    if pattern and express:
        kind = ".waitForTaskToken" if pattern == "waitForTaskToken" else ".sync"
        yield _schema(
            f"Express state machine does not support '{kind}' service integration ", f"{here}/Resource"
        )
    model = shapes.operation(service, action)
    unknown_job = service == "sagemaker" and action not in (sagemaker.SYNC if pattern else sagemaker.FIELDS)
    if (sdk and (model is None or pattern in {"sync", "sync:2"})) or (not sdk and unknown_job):
        yield _schema(
            f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, "
            "or the resource is not available in this region.",
            f"{here}/Resource",
        )
        return
    field = "Arguments" if language == "JSONata" else "Parameters"
    arguments = state.get(field)
    if model is None or model.input_shape is None or not isinstance(arguments, dict):
        return
    given = {key.removesuffix(".$"): value for key, value in arguments.items()}
    problems = shapes.misfits(given, model.input_shape)
    if not sdk and service == "sagemaker":
        problems = sagemaker.unsupported(action, given) or problems
    for problem in problems:
        yield _schema(problem, f"{here}/{field}")
