"""State machines against what they call: AWS's shapes, our functions, their roles."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import jsonata
import pytest
from function_contracts import raises
from synthesized import REPOSITORY

from infra import asl
from localcloud.front.strict import findings
from tidegate import errors
from tidegate.settings.config import TrainingSection
from tidegate.settings.tuning_section import ParameterRange, TuningSection
from tidegate.training import tuning

FILES = sorted((REPOSITORY / "step_functions").glob("*.asl.json"))
DYNAMIC = re.compile(r"\{%.*%\}|.*\$\{\w+\}.*", re.DOTALL)
PATH = re.compile(r"(?:at|member) '([^']*)'")
# given as JSON here, as text to the API: Step Functions, "Optimized integrations" of the two services
SERIALIZED = {"Invoke": "Payload", "PutEvents": "Detail"}
# what the service itself adds to a role that logs and traces
OBSERVING = ("logs:", "xray:")
OWN_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type)
    and issubclass(value, errors.TidegateError)
    and value is not errors.TidegateError
}
SPACE = {"max_leaf_nodes": ParameterRange(type="int", minimum=8, maximum=48)}
HOLES = {
    "ImageUri": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tidegate:1",
    "JobRole": "arn:aws:iam::111122223333:role/job",
    "LakeBucket": "lake",
    "TrainingInstanceType": "ml.m5.large",
}
# raised at synthesis, and inside jobs, whose failure a machine sees as the job's
NOT_BY_FUNCTIONS = {"ConfigError", "ArtefactError", "LeakDetectedError", "NotCompilableError"}


@pytest.fixture(params=FILES, ids=lambda file: file.name.removesuffix(".asl.json"))
def machine(request) -> asl.Definition:
    return json.loads(request.param.read_text())


def test_there_are_seven_machines():
    names = {file.name.removesuffix(".asl.json") for file in FILES}
    assert names == {
        "ingestion",
        "features",
        "training",
        "deployment",
        "restoration",
        "monitoring",
        "teardown",
    }


def test_every_target_exists_every_state_is_reached_every_task_is_guarded(machine):
    assert asl.faults(machine) == []


def test_arguments_fit_the_shape_of_the_operation(machine):
    assert [found for task in asl.tasks(machine) for found in misfits(task)] == []


EVERYTHING = {
    "warm_start": 2,
    "early_stopping": "Auto",
    "maximum_runtime_seconds": 7200,
    "target": 0.9,
    "not_improving": 5,
    "spot": True,
}


@pytest.mark.parametrize("search", [{}, EVERYTHING], ids=["nothing optional", "everything"])
def test_the_request_of_a_search_fits_its_shape(search):
    states = json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())["States"]
    section = TrainingSection(task="binary", estimator="a.B", tuning=TuningSection(space=SPACE, **search))
    made = tuning.request(section, parents=["tune-a", "tune-b"], checkpoints_uri="s3://lake/checkpoints/r/")
    known = {"lock": {"run": "20130101000000-abcd"}, "set": {"train_uri": "s3://lake/t/", "tuning": made}}
    common = evaluated(states["DescribeSearch"]["Assign"]["search"], known)
    request = evaluated(states["TuneModel"]["Arguments"], {**known, "search": common})
    assert request["HyperParameterTuningJobName"] == "tune-20130101000000-abcd"
    assert ("WarmStartConfig" in request) == ("warm_start" in search)
    definition = request["TrainingJobDefinition"]
    assert ("CheckpointConfig" in definition) == ("spot" in search)
    [channel] = definition["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://lake/t/"
    [task] = list(asl.tasks({"States": {"TuneModel": states["TuneModel"]}}))
    assert list(findings(task.operation.input_shape, request, "", lambda name, _: name)) == []
    broken = {**request, "HyperParameterTuningJobName": "tune_"}
    assert list(findings(task.operation.input_shape, broken, "", lambda name, _: name))


def test_a_trial_prints_what_its_search_listens_to():
    states = json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())["States"]
    algorithm = states["DescribeSearch"]["Assign"]["search"]["TrainingJobDefinition"][
        "AlgorithmSpecification"
    ]
    heard = {metric["Name"]: metric["Regex"] for metric in algorithm["MetricDefinitions"]}
    told = (tuning.METRIC, tuning.SPREAD, tuning.FOLDS, tuning.COMPLEXITY, tuning.RESOURCE)
    for name in told:
        matches = {other: re.findall(regex, f"[metric] {name}=-0.250000;") for other, regex in heard.items()}
        assert matches == {other: ["-0.250000"] if other == name else [] for other in told}


def evaluated(value: Any, known: dict[str, Any]) -> Any:
    """A tree with its JSONata expressions worked out and its holes filled."""
    if isinstance(value, dict):
        return {name: evaluated(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item, known) for item in value]
    if not isinstance(value, str):
        return value
    text = asl.HOLE.sub(lambda hole: HOLES[hole[1]], value)
    if not (query := re.fullmatch(r"\{%(.*)%\}", text, re.DOTALL)):
        return text
    expression = jsonata.Jsonata(query[1])
    for name, bound in known.items():
        expression.assign(name, bound)
    return expression.evaluate(None)


def test_every_state_is_in_jsonata(machine):
    states = [state for each in asl.machines(machine) for state in each["States"].values()]
    assert machine["QueryLanguage"] == "JSONata"
    assert not [s for s in states if {"Parameters", "ResultPath", "ResultSelector", "InputPath"} & s.keys()]


def test_a_task_calls_the_function_of_its_own_name(machine):
    for task in asl.tasks(machine):
        if task.operation.name == "Invoke":
            assert task.state["Arguments"]["FunctionName"] == f"${{{task.name}}}"


def test_own_errors_are_caught_where_and_only_where_a_function_raises_them(machine):
    raised = {task.name: raises(task.name) for task in asl.tasks(machine) if task.operation.name == "Invoke"}
    assert asl.caught(machine) == {name for names in raised.values() for name in names}
    for each in asl.machines(machine):
        for name, state in each["States"].items():
            handled = handled_errors(state)
            inner = [n for s in inner_machines(state) for n in s["States"]]
            assert handled <= {e for step in (name, *inner) for e in raised.get(step, set())}, name


def test_every_own_error_is_some_machines_business():
    caught = {name for file in FILES for name in asl.caught(json.loads(file.read_text()))}
    assert caught == OWN_ERRORS - NOT_BY_FUNCTIONS


def test_a_window_is_published_and_recorded_before_its_skew_can_fail():
    states = json.loads((REPOSITORY / "step_functions" / "monitoring.asl.json").read_text())["States"]
    order, state = [], "MeasureWindow"
    while state in states:
        order.append(state)
        state = states[state].get("Next", "")
    assert order.index("PublishMetrics") < order.index("RecordWindow") < order.index("MeasureSkew")
    [failed] = states["MeasureSkew"]["Catch"]
    assert failed["Next"] == "MonitoringFailed"  # which a person is told


def test_a_role_holds_exactly_the_actions_its_machine_calls(any_templates):
    for id_, resource in any_templates.of("AWS::StepFunctions::StateMachine").items():
        definition = json.loads(resource["Properties"]["DefinitionString"])
        role = any_templates.role_of(resource, "RoleArn")
        held = {action for action in any_templates.actions_of(role) if not action.startswith(OBSERVING)}
        assert held == asl.actions(definition), id_


def test_a_machine_may_invoke_exactly_its_functions(templates):
    for id_, resource in templates.of("AWS::StepFunctions::StateMachine").items():
        substitutions = resource["Properties"].get("DefinitionSubstitutions", {})
        definition = json.loads(resource["Properties"]["DefinitionString"])
        called = {task.name for task in asl.tasks(definition) if task.operation.name == "Invoke"}
        allowed = [
            arn
            for statement in templates.statements_of(templates.role_of(resource, "RoleArn"))
            if statement["Action"] == "lambda:InvokeFunction"
            for arn in (
                statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            )
        ]
        assert sorted(map(str, allowed)) == sorted(str(substitutions[name]) for name in called), id_


def test_every_hole_is_filled_and_the_result_is_a_definition(any_templates):
    for id_, resource in any_templates.of("AWS::StepFunctions::StateMachine").items():
        text = resource["Properties"]["DefinitionString"]
        values = resource["Properties"].get("DefinitionSubstitutions", {})
        assert asl.holes(text) == values.keys(), id_
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value if isinstance(value, str) else "known-when-deployed")
        assert asl.faults(json.loads(text)) == []


def test_numbers_of_the_configuration_stand_inside_expressions(templates):
    texts = [m["Properties"] for m in templates.of("AWS::StepFunctions::StateMachine").values()]
    for properties in texts:
        for name, value in properties.get("DefinitionSubstitutions", {}).items():
            if isinstance(value, str) and value.isdecimal():
                uses = re.findall(r"\"[^\"]*\$\{" + name + r"\}[^\"]*\"", properties["DefinitionString"])
                assert uses and all(use.startswith('"{%') for use in uses), name


def test_a_function_ends_before_its_task_gives_up(templates):
    timeouts = {
        resource["Properties"]["Description"].split()[0]: resource["Properties"]["Timeout"]
        for resource in templates.of("AWS::Lambda::Function").values()
    }
    for file in FILES:
        for task in asl.tasks(json.loads(file.read_text())):
            if task.operation.name == "Invoke":
                assert timeouts[task.name] <= task.state["TimeoutSeconds"], task.name


def test_no_execution_fails_under_a_name_reserved_for_step_functions(machine):
    """Amazon States Language: "Custom Error Names MUST NOT begin with the prefix `States.`"."""
    states = [state for each in asl.machines(machine) for state in each["States"].values()]
    for state in (state for state in states if state["Type"] == "Fail"):
        error = state["Error"]
        if query := re.fullmatch(r"\{%(.*)%\}", error):
            error = jsonata.Jsonata(f"($error := 'States.TaskFailed'; {query[1]})").evaluate(None)
        assert error and not error.startswith("States.")


@pytest.mark.parametrize(
    ("earlier", "next_state"),
    [
        (None, "DescribeSearch"),
        ({"run": "r", "model_uri": None, "package_arn": None}, "ReuseTuning"),
        ({"run": "r", "model_uri": "s3://lake/m", "package_arn": None}, "ReuseModel"),
        (
            {"run": "r", "model_uri": "s3://lake/m", "package_arn": "arn:aws:sagemaker:::model-package/f/2"},
            "ReleaseTrainingLockAfterSkip",
        ),
    ],
    ids=["new inputs", "a model that is gone", "a model", "a registered model"],
)
def test_what_is_left_of_an_earlier_run_decides_where_one_of_the_same_inputs_goes_on(earlier, next_state):
    state = training()["States"]["SameInputsAsBefore?"]
    taken = [rule for rule in state["Choices"] if answered(rule["Condition"], set={"earlier": earlier})]
    assert (taken[0]["Next"] if taken else state["Default"]) == next_state


def test_a_run_that_ends_early_says_whose_model_it_would_have_made():
    [rule] = [r for r in training()["States"]["SameInputsAsBefore?"]["Choices"] if "Assign" in r]
    earlier = {"run": "r-1", "package_arn": "arn:aws:sagemaker:eu-west-1:1:model-package/flights-dev/2"}
    told = answered(rule["Assign"]["reason"], set={"earlier": earlier})
    assert told == "same inputs as run r-1, whose model is registered as flights-dev/2"


def answered(query, **variables):
    """The value of `{% ... %}` as Step Functions would find it."""
    expression = jsonata.Jsonata(query.removeprefix("{%").removesuffix("%}"))
    for name, value in variables.items():
        expression.assign(name, value)
    return expression.evaluate(None)


@pytest.mark.parametrize(
    ("state", "member", "value", "fault"),
    [
        ("CreateEndpoint", "Resource", "arn:aws:states:::aws-sdk:sagemaker:createEndPoint", "no operation"),
        ("CreateModel", "Next", "Nowhere", "Nowhere: no such state"),
        ("CreateModel", "Next", "CreateEndpoint", "unreachable"),
        ("CreateModel", "TimeoutSeconds", None, "CreateModel: no TimeoutSeconds"),
        ("CreateModel", "Retry", [], "CreateModel: no Retry"),
    ],
)
def test_a_broken_definition_is_found(state, member, value, fault):
    definition = deployment()
    definition["States"][state][member] = value
    try:
        found = asl.faults(definition)
    except ValueError as error:
        found = [str(error)]
    assert any(fault in each for each in found)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"InitalInstanceCount": 1}, "did you mean InitialInstanceCount"),
        ({"InitialInstanceCount": "10"}, "must be a integer"),
        ({"InitialVariantWeight": -1}, "greater than or equal to 0"),
        ({"InstanceType": "ml.m5.huge"}, "enum"),
    ],
)
def test_an_argument_that_aws_would_refuse_is_found(change, finding):
    definition = deployment()
    definition["States"]["CreateFirstConfig"]["Arguments"]["ProductionVariants"][0].update(change)
    [task] = [task for task in asl.tasks(definition) if task.name == "CreateFirstConfig"]
    assert any(finding in each for each in misfits(task))


def test_a_missing_required_argument_is_found():
    definition = deployment()
    del definition["States"]["CreateEndpoint"]["Arguments"]["EndpointConfigName"]
    [task] = [task for task in asl.tasks(definition) if task.name == "CreateEndpoint"]
    assert any("endpointConfigName" in each for each in misfits(task))


@pytest.mark.parametrize(
    ("do", "removals", "hours", "next_state"),
    [
        ("nothing", 0, 0, "NothingToRestore"),
        ("wait", 0, 0, "WaitForEndpoint"),
        ("return", 0, 0, "WaitForEndpoint"),  # done by RestoreTraffic, and SageMaker is at it
        ("isolate", 0, 0, "FreezeVariants"),
        ("isolate", 2, 1.9, "FreezeVariants"),
        ("isolate", 3, 0, "ScaleChampion"),  # given up
        ("wait", 3, 0, "WaitForEndpoint"),  # for the third of them
        ("wait", 0, 2.1, "ScaleChampion"),
        ("delete", 0, 0, "RemoveEndpoint"),
        ("delete", 3, 0, "ScaleChampion"),
        ("release", 3, 2.1, "ScaleChampion"),
        ("give-up", 0, 0, "ScaleChampion"),
    ],
)
def test_a_restoration_goes_on_until_nothing_is_left_or_it_gives_up(do, removals, hours, next_state):
    states = json.loads((REPOSITORY / "step_functions" / "restoration.asl.json").read_text())["States"]
    state, todo = states["WhatIsLeft?"], {"do": do, "reason": "the endpoint is Failed"}
    known = {"todo": todo, "removals": removals, "began": time.time() * 1000 - hours * 3_600_000, "cause": ""}
    rule = next(
        (r for r in state["Choices"] if answered(r["Condition"], **known)), {"Next": state["Default"]}
    )
    assert rule["Next"] == next_state
    gave_up = {
        name: answered(v, **known) if isinstance(v, str) else v for name, v in rule.get("Assign", {}).items()
    }
    assert gave_up == (
        {}
        if do == "release" or next_state != "ScaleChampion"
        else {"failed": True, "cause": "the endpoint is Failed"}
    )
    after = answered(states["Restored?"]["Choices"][0]["Condition"], failed=bool(gave_up))
    assert after is bool(gave_up)


def training() -> asl.Definition:
    return json.loads((REPOSITORY / "step_functions" / "training.asl.json").read_text())


def deployment() -> asl.Definition:
    return json.loads((REPOSITORY / "step_functions" / "deployment.asl.json").read_text())


def misfits(task: asl.Task) -> list[str]:
    """What botocore's shape says against the literal parts of the arguments."""
    arguments = task.state.get("Arguments", {})
    if isinstance(arguments, str):  # known at run time only: test_the_request_of_a_search_fits_its_shape
        return []
    arguments = dict(arguments)
    if serialized := SERIALIZED.get(task.operation.name):
        for part in (arguments, *arguments.get("Entries", [])):
            part.pop(serialized, None)
    unknown: set[str] = set()
    literal = static(arguments, "", unknown)
    spelled = lambda name, _: name[0].upper() + name[1:]  # noqa: E731 - Step Functions writes PascalCase
    found = findings(task.operation.input_shape, literal, "", spelled)
    return [f"{task.name}: {each}" for each in found if PATH.search(each)[1] not in unknown]


def static(value: Any, path: str, unknown: set[str]) -> Any:
    """The literal part of a tree; paths of what is only known at run time, and of what holds it, are kept."""
    if isinstance(value, dict):
        kept = {}
        for name, item in value.items():
            below = f"{path}.{name[0].lower()}{name[1:]}".lstrip(".")
            if isinstance(item, str) and DYNAMIC.fullmatch(item):
                unknown |= {path, below}
            else:
                kept[name] = static(item, below, unknown)
        return kept
    if isinstance(value, list):
        items = [item for item in value if not (isinstance(item, str) and DYNAMIC.fullmatch(item))]
        if len(items) < len(value):
            unknown.add(path)
        return [static(item, f"{path}.{i}.member", unknown) for i, item in enumerate(items, 1)]
    return value


def handled_errors(state: dict[str, Any]) -> set[str]:
    rules = [rule for key in ("Retry", "Catch") for rule in state.get(key, [])]
    return {name for rule in rules for name in rule["ErrorEquals"] if "." not in name}


def inner_machines(state: dict[str, Any]) -> Iterator[asl.Definition]:
    yield from state.get("Branches", [])
    if "ItemProcessor" in state:
        yield state["ItemProcessor"]
