"""Between a task's JSON and boto3's types, by the operation's botocore model: both ways, with its casing."""

import base64
import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.stepfunctions.parser.utils import camel_to_snake_case, snake_to_camel_case

# names of the AWS SDK for Java, which task resources use, where they are not botocore's
SERVICES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerfeaturestoreruntime": "sagemaker-featurestore-runtime",
    "sagemakermetrics": "sagemaker-metrics",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
_session = botocore.session.get_session()


@functools.lru_cache(maxsize=256)
def operation(service: str, action: str) -> OperationModel | None:
    """The model of `createModel` or `create_model`, or None where service or action is unknown."""
    try:
        model = _session.get_service_model(SERVICES.get(service, service))
    except UnknownServiceError:
        return None
    wanted = camel_to_snake_case(action)
    names = [name for name in model.operation_names if camel_to_snake_case(name) == wanted]
    return model.operation_model(names[0]) if names else None


@functools.lru_cache(maxsize=64)
def error_prefix(service: str) -> str:
    """Before the dot of a task's error: DynamoDb, SageMaker, S3, Ssm, as the SDK for Java spells it."""
    try:
        model = _session.get_service_model(SERVICES.get(service, service))
    except UnknownServiceError:
        return service
    return _pascal(str(model.service_id).replace(" ", ""))


def misfits(value: Mapping[str, Any], shape: StructureShape) -> list[str]:
    """What Step Functions says of a request that does not fit, field by field; empty when it fits."""
    members = {_key(name): name for name in shape.members}
    unknown = [
        f'The field "{name}" is not supported by Step Functions'
        for name in value
        if _key(name) not in members
    ]
    given = {_key(name) for name in value}
    missing = [
        f'The field "{_pascal(name)}" is required but was missing'
        for name in shape.required_members
        if _key(name) not in given
    ]
    return unknown + missing


def request_of(value: Any, shape: Shape) -> Any:
    """A task's arguments as boto3 takes them: names in the API's case, objects as text where that is due."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {_key(name): (name, member) for name, member in shape.members.items()}
        known = {members[_key(name)]: item for name, item in value.items() if _key(name) in members}
        return {name: request_of(item, member) for (name, member), item in known.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [request_of(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: request_of(item, shape.value) for name, item in value.items()}
    if shape.type_name == "string" and not isinstance(value, str):
        return _text(value)
    if shape.type_name == "blob" and not isinstance(value, bytes):
        return _text(value).encode()
    return value


def result_of(value: Any, shape: Shape) -> Any:
    """boto3's answer as a task's result: PascalCase names all the way down, data that JSON can hold."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            _pascal(name): result_of(item, shape.members[name]) if name in shape.members else json_safe(item)
            for name, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [result_of(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: result_of(item, shape.value) for name, item in value.items()}
    return json_safe(value)


def json_safe(value: Any) -> Any:
    """ISO 8601 for times, text for bytes and streams, numbers for decimals; everything else as it is."""
    if isinstance(value, dict):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    if isinstance(value, datetime):
        return timestamp(value)
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def timestamp(when: datetime) -> str:
    """2026-01-31T08:15:00.123Z, the form of every instant in an execution."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _key(name: str) -> str:
    return camel_to_snake_case(name)


def _pascal(name: str) -> str:
    return snake_to_camel_case(camel_to_snake_case(name))
