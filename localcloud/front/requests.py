"""What an HTTP request asks of AWS: service, operation, parameters and the key it was signed with.

The signing name in the credential scope gives the service; X-Amz-Target, `Action=` or method and path give
the operation in botocore's model. Parameters keep the names they have on the wire. S3 is not read here: its
bodies are streamed to moto untouched (`s3_needs` looks at method, path and query).
Limits: SigV2 and smithy-rpc-v2-cbor requests are not read; they reach moto unchecked and are counted.
"""

import functools
import io
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from botocore.exceptions import DataNotFoundError
from botocore.model import OperationModel, Shape
from moto.core.parse import PROTOCOL_PARSERS, UNDEFINED
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from localcloud.front.call import Call, Caller
from localcloud.front.connection import Environ

SIGNING_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions"}  # to botocore's service names
SCOPE_PARTS = 5  # key, date, region, service, aws4_request


def caller_of(environ: Environ) -> Caller | None:
    """The scope of a SigV4 signature, from the header or a presigned URL; None when there is none."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if authorization.startswith("AWS4-"):
        credential = authorization.partition("Credential=")[2].partition(",")[0]
    elif "X-Amz-Credential=" in environ["QUERY_STRING"]:
        credential = parse_qs(environ["QUERY_STRING"])["X-Amz-Credential"][0]
    else:
        return None
    parts = credential.rsplit("/", SCOPE_PARTS - 1)
    return Caller(parts[0], parts[2], parts[3].lower()) if len(parts) == SCOPE_PARTS else None


def read(environ: Environ, caller: Caller) -> Call | None:
    """The call, or None where it cannot be read; the body stays readable for moto."""
    service = _service(environ, caller.service)
    try:
        protocol = _protocol(environ, service)
        operation, parameters = READERS[protocol](environ, service)
    except (LookupError, ValueError, HTTPException, NotImplementedError, DataNotFoundError):
        return None  # moto may still know it, and answers in its own words if not
    if not isinstance(parameters, dict):
        return None
    return Call(caller, service, operation, protocol, parameters)


def _service(environ: Environ, signing_name: str) -> str:
    path = environ["PATH_INFO"]
    if signing_name == "sagemaker" and path != "/":
        if path.startswith("/endpoints/"):
            return "sagemaker-runtime"
        return "sagemaker-metrics" if path.endswith("BatchPutMetrics") else "sagemaker-featurestore-runtime"
    if signing_name == "dynamodb" and environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDBStreams"):
        return "dynamodbstreams"
    if signing_name == "apigateway" and path.startswith("/v2/"):
        return "apigatewayv2"
    return SIGNING_NAMES.get(signing_name, signing_name)


def _protocol(environ: Environ, service: str) -> str:
    """What the request is written in: some services understand more than one."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return str(_model(service).protocol)


def body(environ: Environ) -> bytes:
    """The whole body, put back so that it can be read again."""
    data: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(data)
    return data


def _read_json(environ: Environ, service: str) -> tuple[OperationModel, Any]:
    name = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
    return _operation(service, name), json.loads(body(environ) or b"{}")


def _read_query(environ: Environ, service: str) -> tuple[OperationModel, Any]:
    text = body(environ).decode() or environ["QUERY_STRING"]
    values = MultiDict(parse_qsl(text, keep_blank_values=True))
    operation = _operation(service, values["Action"])
    return operation, _defined(PROTOCOL_PARSERS["query"](operation).parse({"values": values}))


def _defined(value: Any) -> Any:
    """Empty structures inside a map, which moto marks, are structures without members to the checks."""
    if isinstance(value, dict):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return {} if value is UNDEFINED else value


def _read_rest_json(environ: Environ, service: str) -> tuple[OperationModel, Any]:
    operation, labels = get_service_router(service).match(Request({**environ, "wsgi.input": io.BytesIO()}))
    shape = operation.input_shape
    if shape is None:
        return operation, {}
    # with a payload the body is one member, a model's or a function's input: not read
    parameters = {} if "payload" in shape.serialization else json.loads(body(environ) or b"{}")
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if wire_name in labels:
                parameters[wire_name] = _typed(member, [labels[wire_name]])
            case "querystring" if wire_name in query:
                parameters[wire_name] = _typed(member, query[wire_name])
            case "header" if (key := f"HTTP_{wire_name.upper().replace('-', '_')}") in environ:
                parameters[wire_name] = _typed(member, [environ[key]])
    return operation, parameters


READERS = {"json": _read_json, "query": _read_query, "rest-json": _read_rest_json}


def _typed(shape: Shape, texts: list[str]) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(texts[0])
        case "boolean":
            return texts[0] == "true"
        case "list":
            return texts
    return texts[0]


@functools.cache
def _model(service: str) -> Any:
    return get_service_model(service)


@functools.cache
def _operation(service: str, name: str) -> OperationModel:
    if name not in _model(service).operation_names:
        raise LookupError(f"{service} has no operation {name}")
    return _model(service).operation_model(name)
