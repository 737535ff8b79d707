"""Strings of a definition that hold an expression: JSONata, or a variable in a JSONPath state.

An expression that fails is States.QueryEvaluationError wherever it stands, leaves one EvaluationFailed in the
history, and can be caught; moto evaluates a task's Output where no Catch sees it.
"""

import re
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguageMode
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringJSONata,
    StringVariableSample,
)
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata.jsonata import extract_jsonata_variable_references
from moto.stepfunctions.parser.asl.utils.json_path import extract_json

from localcloud import _moto_seams, cloud
from localcloud.stepfunctions import jsonata
from localcloud.stepfunctions.shapes import json_safe

_STRINGS = "moto.stepfunctions.parser.asl.component.common.string.string_expression"
_STATE = "moto.stepfunctions.parser.asl.component.state.state"
_EXECUTION_STATE = "moto.stepfunctions.parser.asl.component.state.exec.execute_state"
_VARIABLE = re.compile(r"\$(\w+)(.*)", re.DOTALL)


def install() -> None:
    _moto_seams.replace(_STRINGS, "StringJSONata._eval_body", _evaluate_jsonata)
    _moto_seams.replace(_STRINGS, "StringVariableSample._eval_body", _evaluate_variable)
    _moto_seams.replace(
        _STATE, "CommonStateField._eval_body", _recording_the_failure(CommonStateField._eval_body)
    )
    _moto_seams.replace(
        _EXECUTION_STATE,
        "ExecutionState._evaluate_with_timeout",
        _evaluating_the_output(ExecutionState._evaluate_with_timeout),
    )
    _moto_seams.replace(
        _EXECUTION_STATE,
        "ExecutionState._eval_state_output",
        _unless_evaluated(ExecutionState._eval_state_output),
    )


def query_failure(env: Environment, cause: str) -> FailureEventException:
    """States.QueryEvaluationError, which a Catch can name."""
    name = StatesErrorName(StatesErrorNameType.StatesQueryEvaluationError)
    details = EvaluationFailedEventDetails(error=name.error_name, cause=cause)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=EventDetails(evaluationFailedEventDetails=details),
        )
    )


def _evaluate_jsonata(self: StringJSONata, env: Environment) -> None:
    env.stack.append(_value(self.expression, env, getattr(self, "field", "")))


def _evaluate_variable(self: StringVariableSample, env: Environment) -> None:
    """`$name.path`: in a JSONPath state the path is JSONPath, applied to the variable's value."""
    if self.query_language_mode == QueryLanguageMode.JSONata:
        env.stack.append(_value(self.expression, env))
        return
    name, path = _VARIABLE.fullmatch(self.expression).groups()
    value = env.variable_store.get(name)
    env.stack.append(extract_json(f"${path}", value) if path else value)


def _value(expression: str, env: Environment, field: str = "") -> Any:
    references = extract_jsonata_variable_references(expression)
    try:
        return jsonata.evaluate(expression, _variables(env, references), cloud.current().clock.now())
    except jsonata.QueryError as error:
        where = f" specified for the field '{field}'" if field else ""
        raise query_failure(env, f"The JSONata expression '{expression}'{where} {error}") from error


def _variables(env: Environment, references: set[str]) -> dict[str, Any]:
    """What the expression mentions: a large variable costs nothing where it is not used."""
    names = {reference[1:].partition(".")[0] for reference in references}
    store = env.variable_store
    bound = {**store._outer_scope, **store._inner_scope}
    bound = {name: value for name, value in bound.items() if name in names}
    if "states" in names:
        bound["states"] = json_safe(_states(env, references))
    return bound


def _states(env: Environment, references: set[str]) -> dict[str, Any]:
    data = env.states._states_data
    if "$states" in references:
        return dict(data)
    used = {reference.split(".")[1] for reference in references if reference.startswith("$states.")}
    return {part: data[part] for part in used if part in data}


def _recording_the_failure(stock: Callable[..., None]) -> Callable[..., None]:
    """Put EvaluationFailed into the history; tasks, maps and parallels do it as part of Retry and Catch."""

    def evaluate(self: CommonStateField, env: Environment) -> None:
        try:
            stock(self, env)
        except FailureEventException as failure:
            event = failure.failure_event
            if event.event_type == HistoryEventType.EvaluationFailed and not isinstance(self, ExecutionState):
                details = EventDetails(
                    evaluationFailedEventDetails=failure.get_evaluation_failed_event_details()
                )
                env.event_manager.add_event(env.event_history_context, event.event_type, details)
            raise

    return evaluate


def _evaluating_the_output(stock: Callable[..., None]) -> Callable[..., None]:
    def evaluate(self: ExecutionState, env: Environment) -> None:
        stock(self, env)
        if self.output:
            self.output.eval(env)

    return evaluate


def _unless_evaluated(stock: Callable[..., None]) -> Callable[..., None]:
    def evaluate(self: ExecutionState, env: Environment) -> None:
        if not self.output:
            stock(self, env)

    return evaluate
