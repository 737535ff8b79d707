"""From CloudFormation's property trees to the requests of boto3, guided by botocore's models.

CloudFormation writes numbers as text, policies as objects, tags as lists and names with a capital; the APIs
each have their own way. A property that the API does not know is an error: it would otherwise vanish.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud import cloud


class UnfitError(ValueError):
    """A property that cannot be honoured; the message is a sentence."""


def call(service: str, operation: str, /, **properties: Any) -> dict[str, Any]:
    """Call an operation, named as boto3 names it, with CloudFormation's idea of its parameters."""
    shape = input_shape(service, operation)
    request = boto_fit(properties, shape) if shape is not None else {}
    answer = getattr(cloud.current().client(service), operation)(**request)
    return dict(answer)


@functools.cache
def input_shape(service: str, operation: str) -> StructureShape | None:
    meta = cloud.current().client(service).meta
    shape = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape
    return shape if isinstance(shape, StructureShape) else None


def takes(service: str, operation: str, name: str) -> bool:
    """Whether the operation has a parameter for this property, whatever its case."""
    shape = input_shape(service, operation)
    return shape is not None and name.lower() in (member.lower() for member in shape.members)


def boto_fit(value: Any, shape: Shape, path: str = "") -> Any:
    """`value` in the types and the spelling of `shape`.

    Raises:
        UnfitError: a member is unknown, or a value has the wrong form.
    """
    if isinstance(shape, StructureShape):
        if getattr(shape, "is_document_type", False):
            return value
        return _structure(value, shape, path)
    if isinstance(shape, ListShape):
        if isinstance(value, Mapping) and isinstance(shape.member, StructureShape):
            value = [{"Key": key, "Value": item} for key, item in value.items()]
        if not isinstance(value, list):
            raise UnfitError(f"property {path} is not a list")
        return [boto_fit(item, shape.member, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape):
        return {key: boto_fit(item, shape.value, f"{path}.{key}") for key, item in _pairs(value, path)}
    return _scalar(value, shape, path)


def _structure(value: Any, shape: StructureShape, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UnfitError(f"property {path} is not an object")
    members = {name.lower(): name for name in shape.members}
    fitted = {}
    for key, item in value.items():
        # KMS says TagKey and TagValue
        name = members.get(key.lower()) or members.get(f"tag{key.lower()}")
        if name is None:
            raise UnfitError(f"property {path}.{key} is not known to the API".replace(" .", " "))
        fitted[name] = boto_fit(item, shape.members[name], f"{path}.{key}".lstrip("."))
    return fitted


def _pairs(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list) and all(isinstance(item, Mapping) and "Key" in item for item in value):
        return [(item["Key"], item.get("Value", "")) for item in value]
    raise UnfitError(f"property {path} is neither an object nor a list of Key and Value")


def _scalar(value: Any, shape: Shape, path: str) -> Any:
    match shape.type_name:
        case "string":
            return text(value)
        case "blob":
            return value if isinstance(value, bytes) else text(value).encode()
        case "boolean":
            return value if isinstance(value, bool) else text(value).lower() == "true"
        case "integer" | "long" | "float" | "double":
            return _number(value, path, whole=shape.type_name in {"integer", "long"})
    return value


def _number(value: Any, path: str, *, whole: bool) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UnfitError(f"property {path} is not a number") from error
    if whole and not number.is_integer():
        raise UnfitError(f"property {path} is not a whole number")
    return int(number) if whole else number


def text(value: Any) -> str:
    """A value as the APIs take it where they want a string."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))
