"""Which errors a Retry or a Catch sees.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from localcloud import _moto_seams

_COMPONENT = "moto.stepfunctions.parser.asl.component"
RUNTIME = "States.Runtime"  # always ends the execution


def install() -> None:
    _moto_seams.replace(
        f"{_COMPONENT}.common.error_name.error_equals_decl", "ErrorEqualsDecl._eval_body", _matches
    )
    exec_states = f"{_COMPONENT}.state.exec"
    for module in ("state_map.iteration.iteration_worker", "state_parallel.branches_decl"):
        _moto_seams.replace(f"{exec_states}.{module}", "CustomErrorName", error_named)


def error_named(error_name: str | None) -> ErrorName:
    """The error of a branch or an item, for its Parallel or Map; moto refuses States names there."""
    if error_name in {kind.to_name() for kind in StatesErrorNameType}:
        return StatesErrorName(StatesErrorNameType.from_name(error_name))
    return ErrorName(error_name)


def _matches(self: Any, env: Environment) -> None:
    error = env.stack.pop()
    name = error.error_name if error else None
    wanted = {each.error_name for each in self.error_names}
    of_the_task = "States.TaskFailed" in wanted and not isinstance(error, StatesErrorName)
    env.stack.append(name != RUNTIME and ("States.ALL" in wanted or of_the_task or name in wanted))
