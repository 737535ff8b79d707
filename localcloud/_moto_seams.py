"""Every private name of moto that this package replaces, verified before it is touched.

Other modules never assign into moto: they call `replace`, which refuses a name that is not listed here or
whose signature is no longer what it was in moto 5.2.5. Replacing a backend class is moto's own convention
(`BackendDict.backend`), but it is listed too, so that this table is the whole of what ties us to moto.
"""

import importlib
import inspect
from typing import Any

from moto.core.base_backend import BackendDict

_PARSER = "moto.stepfunctions.parser.asl"
_TASK = f"{_PARSER}.component.state.exec.state_task"
_MAP = f"{_PARSER}.component.state.exec.state_map"

# (module, dotted name) -> signature without annotations, or None where it is not a function
SEAMS: dict[tuple[str, str], str | None] = {
    ("moto.stepfunctions.models", "stepfunctions_backends.backend"): None,
    ("moto.awslambda.models", "lambda_backends.backend"): None,
    ("moto.cloudwatch.models", "cloudwatch_backends.backend"): None,
    ("moto.logs.models", "LogsBackend.put_log_events"): "(self, log_group_name, log_stream_name, log_events)",
    ("moto.s3.models", "utcnow"): "()",
    ("moto.sagemaker.models", "sagemaker_backends.backend"): None,
    ("moto.sagemakerruntime.models", "sagemakerruntime_backends.backend"): None,
    ("moto.applicationautoscaling.models", "applicationautoscaling_backends.backend"): None,
    ("moto.stepfunctions.responses", "get_backend"): "(account, region)",
    (f"{_TASK}.state_task_factory", "state_task_service_for"): "(service_name)",
    (f"{_PARSER}.component.common.string.string_expression", "StringJSONata._eval_body"): "(self, env)",
    (
        f"{_PARSER}.component.common.string.string_expression",
        "StringVariableSample._eval_body",
    ): "(self, env)",
    (f"{_PARSER}.component.common.retry.retrier_decl", "time"): None,
    (f"{_PARSER}.component.program.program", "threading"): None,
    (f"{_PARSER}.component.state.exec.execute_state", "threading"): None,
    (f"{_PARSER}.component.state.state", "datetime"): None,
    (f"{_PARSER}.component.state.wait.wait_function.timestamp", "datetime"): None,
    (
        f"{_PARSER}.component.state.wait.wait_function.wait_function",
        "WaitFunction._wait_interval",
    ): "(self, env, wait_seconds)",
    (f"{_PARSER}.eval.callback.callback", "Event"): None,
    (f"{_PARSER}.parse.asl_parser", "Preprocessor"): None,
    (f"{_PARSER}.parse.preprocessor", "from_string_literal"): "(parser_rule_context)",
    (f"{_PARSER}.component.common.path.result_path", "copy"): None,
    (f"{_PARSER}.component.common.string.string_expression", "copy"): None,
    (f"{_PARSER}.component.state.exec.state_parallel.state_parallel", "copy"): None,
    (f"{_PARSER}.component.state.exec.state_task.service.state_task_service", "copy"): None,
    (f"{_PARSER}.eval.states", "copy"): None,
    (f"{_PARSER}.component.common.error_name.error_equals_decl", "ErrorEqualsDecl._eval_body"): "(self, env)",
    (f"{_PARSER}.component.state.exec.state_map.iteration.iteration_worker", "CustomErrorName"): None,
    (f"{_PARSER}.component.state.exec.state_parallel.branches_decl", "CustomErrorName"): None,
    (f"{_PARSER}.component.state.state", "CommonStateField._eval_body"): "(self, env)",
    (f"{_PARSER}.component.state.exec.execute_state", "ExecutionState._evaluate_with_timeout"): "(self, env)",
    (f"{_PARSER}.component.state.exec.execute_state", "ExecutionState._eval_state_output"): "(self, env)",
    (
        f"{_PARSER}.component.state.wait.wait_function.timestamp",
        "Timestamp._create_failure_event",
    ): "(self, env, timestamp_str)",
    (
        f"{_MAP}.iteration.itemprocessor.distributed_item_processor_worker",
        "DistributedItemProcessorWorker._eval_job",
    ): "(self, env, job)",
    (
        f"{_MAP}.iteration.distributed_iteration_component",
        "DistributedIterationComponent._map_run",
    ): "(self, env, eval_input)",
    (
        f"{_MAP}.item_reader.eval.resource_eval_s3",
        "ResourceEvalS3._handle_list_objects_v2",
    ): "(env, resource_runtime_part, state_credentials)",
    **{
        (
            f"{_PARSER}.component.state.exec.{module}",
            "boto_client_for",
        ): "(region, service, state_credentials=None)"
        for module in (
            "state_map.item_reader.eval.resource_eval_s3",
            "state_map.result_writer.resource_eval.resource_eval_s3",
            "state_task.lambda_eval_utils",
            "state_task.service.state_task_service_aws_sdk",
            "state_task.service.state_task_service_dynamodb",
            "state_task.service.state_task_service_events",
            "state_task.service.state_task_service_glue",
            "state_task.service.state_task_service_sfn",
            "state_task.service.state_task_service_sns",
            "state_task.service.state_task_service_sqs",
        )
    },
    ("moto.events.models", "Rule.send_to_targets"): "(self, original_event, transform_input=True)",
    ("moto.s3.models", "FakeBucket.get_permission"): "(self, action, resource)",
    ("moto.s3.responses", "S3Response._get_key"): "(self, validate_storage_class=True)",
    ("moto.core.utils", "create_loader"): "()",
    ("moto.core.serialize", "ResponseSerializer.get_value"): "(self, value, key, shape)",
    ("moto.backends", "_import_backend"): "(module_name, backends_name)",
    ("moto.s3.notifications", "send_event"): "(account_id, event_name, bucket, key)",
    ("moto.events.models", "events_backends.backend"): None,
    ("moto.sqs.models", "sqs_backends.backend"): None,
    ("moto.logs.models", "utcnow"): "()",
    ("moto.sqs.models", "unix_time"): "(dt=None)",
    ("moto.sqs.models", "unix_time_millis"): "(dt=None)",
    ("moto.glue.responses", "GlueResponse.create_table"): "(self)",
    ("moto.glue.responses", "GlueResponse.update_table"): "(self)",
    ("moto.kms.responses", "KmsResponse.sign"): "(self)",
    ("moto.kms.responses", "KmsResponse.verify"): "(self)",
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
    if isinstance(owner, BackendDict):
        owner.clear()  # accounts that were touched before still hold backends of the class that was replaced
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
