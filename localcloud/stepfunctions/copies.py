"""Copies of a state's data: moto makes some ten in every state, by copy.deepcopy, most of its time."""

import types
from typing import Any

from localcloud import _moto_seams

_ASL = "moto.stepfunctions.parser.asl"
USERS = (  # modules that copy nothing but JSON
    f"{_ASL}.component.common.path.result_path",
    f"{_ASL}.component.common.string.string_expression",
    f"{_ASL}.component.state.exec.state_parallel.state_parallel",
    f"{_ASL}.component.state.exec.state_task.service.state_task_service",
    f"{_ASL}.eval.states",
)


def install() -> None:
    for module in USERS:
        _moto_seams.replace(module, "copy", types.SimpleNamespace(deepcopy=of))


def of(value: Any) -> Any:
    """New lists and objects all the way down; what else JSON has cannot change, and is shared."""
    if isinstance(value, dict):
        return {key: of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [of(item) for item in value]
    return value
