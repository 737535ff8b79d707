"""Every private name of moto that this package replaces, verified before it is touched.

Other modules never assign into moto: they call `replace`, which refuses a name that is not listed here or
whose signature is no longer what it was in moto 5.2.5. Replacing a backend class is moto's own convention
(`BackendDict.backend`), but it is listed too, so that this table is the whole of what ties us to moto.
"""

import importlib
import inspect
from typing import Any

_PARSER = "moto.stepfunctions.parser.asl"
_TASK = f"{_PARSER}.component.state.exec.state_task"

# (module, dotted name) -> signature without annotations, or None where it is not a function
SEAMS: dict[tuple[str, str], str | None] = {
    ("moto.stepfunctions.models", "stepfunctions_backends.backend"): None,
    ("moto.awslambda.models", "lambda_backends.backend"): None,
    ("moto.cloudwatch.models", "cloudwatch_backends.backend"): None,
    ("moto.sagemaker.models", "sagemaker_backends.backend"): None,
    ("moto.stepfunctions.responses", "get_backend"): "(account, region)",
    (f"{_TASK}.state_task_factory", "state_task_service_for"): "(service_name)",
    (f"{_PARSER}.jsonata.jsonata", "_eval_jsonata"): None,
    (f"{_PARSER}.eval.states", "encode_jsonata_variable_declarations"): "(bindings)",
    (f"{_PARSER}.eval.variable_store", "encode_jsonata_variable_declarations"): "(bindings)",
    (f"{_PARSER}.component.common.string.string_expression", "StringJSONata._eval_body"): "(self, env)",
    (f"{_PARSER}.component.intrinsic.jsonata", "_DECLARATION_BY_VARIABLE_REFERENCE"): None,
    ("moto.events.models", "Rule.send_to_targets"): "(self, original_event, transform_input=True)",
    ("moto.s3.notifications", "send_event"): "(account_id, event_name, bucket, key)",
    ("moto.events.models", "events_backends.backend"): None,
    ("moto.sqs.models", "sqs_backends.backend"): None,
    ("moto.sqs.models", "unix_time"): "(dt=None)",
    ("moto.sqs.models", "unix_time_millis"): "(dt=None)",
    ("moto.glue.responses", "GlueResponse.update_table"): "(self)",
}


class SeamError(RuntimeError):
    """moto is not the moto this package was written against."""


def verify() -> None:
    """Look up every seam; raise one SeamError that lists all that changed."""
    wrong = [problem for seam in SEAMS if (problem := _problem(*seam))]
    if wrong:
        raise SeamError(
            "moto has changed under the local cloud:\n  " + "\n  ".join(wrong) + "\n  hint: moto>=5.2.5,<5.3"
        )


def replace(module: str, name: str, value: Any) -> Any:
    """Put `value` in the place of a listed name and return what stood there."""
    if (module, name) not in SEAMS:
        raise SeamError(f"{module}.{name} is not in the table of seams")
    if problem := _problem(module, name):
        raise SeamError(problem)
    owner, attribute = _owner(module, name)
    stock = getattr(owner, attribute)
    setattr(owner, attribute, value)
    return stock


def _owner(module: str, name: str) -> tuple[Any, str]:
    owner: Any = importlib.import_module(module)
    *path, attribute = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    return owner, attribute


def _problem(module: str, name: str) -> str | None:
    try:
        owner, attribute = _owner(module, name)
        value = inspect.getattr_static(owner, attribute)
    except (ImportError, AttributeError) as error:
        return f"{module}.{name}: {error}"
    wanted = SEAMS[module, name]
    function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
    if wanted is None or getattr(function, "__module__", "").startswith("localcloud"):
        return None
    found = inspect.signature(function)
    bare = found.replace(
        parameters=[p.replace(annotation=p.empty) for p in found.parameters.values()],
        return_annotation=found.empty,
    )
    return None if str(bare) == wanted else f"{module}.{name}: signature is {bare}, was {wanted}"
