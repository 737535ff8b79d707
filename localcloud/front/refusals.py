"""Refusing a request in the words and the shape of the service that was asked."""

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

# what a service calls a malformed request, where it is not ValidationException
INVALID = {
    "apigatewayv2": "BadRequestException",
    "cloudwatch": "ValidationError",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "sns": "ValidationError",
    "sqs": "InvalidParameterValue",
}
# what a service calls a forbidden one, where it is not AccessDeniedException
DENIED = {
    "cloudwatch": "AccessDenied",
    "iam": "AccessDenied",
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not reach moto."""

    status: int
    code: str
    message: str


def invalid(service: str, message: str) -> Refusal:
    return Refusal(400, INVALID.get(service, "ValidationException"), message)


def denied(service: str, message: str) -> Refusal:
    return Refusal(403, DENIED.get(service, "AccessDeniedException"), message)


def response(refusal: Refusal, protocol: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body as botocore's parser of that protocol expects an error."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    code, message = escape(refusal.code), escape(refusal.message)
    match protocol:
        case "query":
            fault = "Sender" if refusal.status < 500 else "Receiver"  # noqa: PLR2004  HTTP's border
            headers["Content-Type"] = "text/xml"
            body = (
                f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message>"
                f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        case "rest-xml":
            headers["Content-Type"] = "application/xml"
            body = (
                '<?xml version="1.0" encoding="UTF-8"?>\n'
                f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
            )
        case "rest-json":
            headers |= {"Content-Type": "application/json", "x-amzn-ErrorType": refusal.code}
            body = json.dumps({"message": refusal.message})
        case _:
            headers |= {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": refusal.code}
            body = json.dumps({"__type": refusal.code, "message": refusal.message})
    return refusal.status, [*headers.items()], body.encode()
