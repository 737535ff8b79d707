"""What a machine's definition says of itself: its holes, its tasks, its faults, the IAM actions it needs.

Plain dictionaries in and out; no CDK. Read by the construct that makes the machine's role and by the tests.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel

HOLE = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}")
RESOURCE = re.compile(
    r"arn:aws:states:::(?P<sdk>aws-sdk:)?(?P<service>[\w-]+):(?P<action>\w+)(?P<pattern>\.sync|\.waitForTaskToken)?"
)
# where the names of Step Functions are not botocore's
SERVICES = {
    "applicationautoscaling": "application-autoscaling",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
# optimised integrations of AWS's list that may be used, and whether they can wait for the job
OPTIMISED = {
    "dynamodb": {"getItem", "putItem", "updateItem", "deleteItem"},
    "events": {"putEvents"},
    "lambda": {"invoke", "invoke.waitForTaskToken"},
    "sagemaker": {"createTrainingJob.sync", "createProcessingJob.sync", "createHyperParameterTuningJob.sync"},
    "sns": {"publish"},
    "sqs": {"sendMessage"},
}
IAM_PREFIXES = {"stepfunctions": "states", "sagemaker-runtime": "sagemaker"}
IAM_ACTIONS = {("lambda", "Invoke"): "lambda:InvokeFunction"}
# Step Functions follows a job by a rule of its own: its guide, "Create and manage Amazon SageMaker AI jobs"
MANAGED_RULE_ACTIONS = frozenset({"events:PutTargets", "events:PutRule", "events:DescribeRule"})
MANAGED_RULES = {
    "CreateTrainingJob": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "CreateProcessingJob": "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "CreateHyperParameterTuningJob": "StepFunctionsGetEventsForSageMakerTuningJobsRule",
}
ROLE_MEMBERS = frozenset({"RoleArn", "ExecutionRoleArn"})

Definition = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One Task state, wherever it is nested."""

    name: str
    state: dict[str, Any]
    operation: OperationModel
    sync: bool

    @property
    def service(self) -> str:
        return self.operation.service_model.service_name

    @property
    def actions(self) -> frozenset[str]:
        """The IAM actions that the machine's role needs for it."""
        name = self.operation.name
        prefix = IAM_PREFIXES.get(self.service, self.service)
        needed = {IAM_ACTIONS.get((self.service, name), f"{prefix}:{name}")}
        if self.sync:
            job = name.removeprefix("Create")
            needed |= {f"{prefix}:Describe{job}", f"{prefix}:Stop{job}", f"{prefix}:ListTags"}
            needed |= MANAGED_RULE_ACTIONS
        if ROLE_MEMBERS & set(_members(self.state.get("Arguments", {}))):
            needed.add("iam:PassRole")
        return frozenset(needed)


def holes(text: str) -> frozenset[str]:
    """Names in `${Name}`, to be filled by DefinitionSubstitutions."""
    return frozenset(HOLE.findall(text))


def tasks(definition: Definition) -> Iterator[Task]:
    """Every Task, those of Maps and branches included.

    Raises:
        ValueError: a Resource names no operation that Step Functions could call.
    """
    for machine in machines(definition):
        for name, state in machine["States"].items():
            if state["Type"] == "Task":
                yield Task(name, state, *_operation(name, state["Resource"]))


def actions(definition: Definition) -> frozenset[str]:
    return frozenset(action for task in tasks(definition) for action in task.actions)


def managed_rules(definition: Definition) -> frozenset[str]:
    """Names of the EventBridge rules by which Step Functions follows the jobs of this machine."""
    return frozenset(MANAGED_RULES[task.operation.name] for task in tasks(definition) if task.sync)


def machines(definition: Definition) -> Iterator[Definition]:
    """The definition and every sub-machine in it."""
    yield definition
    for state in definition["States"].values():
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for machine in inner:
            yield from machines(machine)


def faults(definition: Definition) -> list[str]:
    """What CloudFormation and cfn-lint let through: broken targets, unreachable states, no safeguards."""
    found = [fault for machine in machines(definition) for fault in _graph_faults(machine)]
    for task in tasks(definition):
        found += [f"{task.name}: no {key}" for key in ("TimeoutSeconds", "Retry") if not task.state.get(key)]
        if _swallows_before_the_end(task.state):
            found.append(f"{task.name}: a Catch after States.ALL is never reached")
    return found


def caught(definition: Definition) -> frozenset[str]:
    """Error names of our own in Retry and Catch; AWS's have a dot."""
    states = [state for machine in machines(definition) for state in machine["States"].values()]
    rules = [rule for state in states for key in ("Retry", "Catch") for rule in state.get(key, [])]
    return frozenset(name for rule in rules for name in rule["ErrorEquals"] if "." not in name)


def _swallows_before_the_end(state: dict[str, Any]) -> bool:
    catches = state.get("Catch", [])
    return any("States.ALL" in rule["ErrorEquals"] for rule in catches[:-1])


def _graph_faults(machine: Definition) -> list[str]:
    states = machine["States"]
    reached: set[str] = set()
    todo = [machine["StartAt"]]
    found = []
    while todo:
        name = todo.pop()
        if name not in states:
            found.append(f"{name}: no such state")
        elif name not in reached:
            reached.add(name)
            parts = [states[name], *states[name].get("Choices", []), *states[name].get("Catch", [])]
            todo += [part[key] for part in parts for key in ("Next", "Default") if key in part]
    return found + [f"{name}: unreachable" for name in sorted(states.keys() - reached)]


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _members(item)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item)


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@functools.cache
def _operation_model(service: str, action: str) -> OperationModel:
    model = _session().get_service_model(SERVICES.get(service, service))
    return model.operation_model({name[0].lower() + name[1:]: name for name in model.operation_names}[action])


def _operation(state: str, resource: str) -> tuple[OperationModel, bool]:
    parts = RESOURCE.fullmatch(resource)
    if parts is None:
        raise ValueError(f"{state}: {resource} is not a resource of Step Functions")
    service, action, pattern = parts["service"], parts["action"], parts["pattern"] or ""
    if parts["sdk"] and pattern == ".sync":
        raise ValueError(f"{state}: an aws-sdk task cannot wait for a job")
    if not parts["sdk"] and action + pattern not in OPTIMISED.get(service, set()):
        raise ValueError(f"{state}: {resource} is not an optimised integration in use here")
    try:
        return _operation_model(service, action), pattern == ".sync"
    except (KeyError, UnknownServiceError) as cause:
        raise ValueError(f"{state}: {resource} names no operation of AWS") from cause
