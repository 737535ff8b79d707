"""The errors of Lambda's API that moto does not know, in the shape of Lambda's answers."""

import json
import zipfile

from moto.awslambda.exceptions import LambdaClientError


class LambdaError(LambdaClientError):
    """Lambda says whose fault an error is; all of these are the caller's."""

    def __init__(self, error_type: str, message: str, **members: str) -> None:
        super().__init__(error_type, message)
        self.description = json.dumps(
            {"__type": error_type, **members, "Type": "User", "message": message, "Message": message}
        )


class InvalidParameterValueError(LambdaError):
    def __init__(self, message: str) -> None:
        super().__init__("InvalidParameterValueException", message)


class InvalidRequestContentError(LambdaError):
    def __init__(self, cause: ValueError) -> None:
        super().__init__("InvalidRequestContentException", f"Could not parse request body into json: {cause}")


class UnstartableError(LambdaError):
    """The code is no zip, the image is unknown, or the command is not to be found."""

    code = 502

    def __init__(self, function_name: str, cause: Exception) -> None:
        zipped = isinstance(cause, zipfile.BadZipFile)
        error_type = "InvalidZipFileException" if zipped else "InvalidRuntimeException"
        super().__init__(error_type, f"{function_name} cannot be started: {cause}")


class RequestTooLargeError(LambdaError):
    code = 413

    def __init__(self, size: int, limit: int) -> None:
        message = f"{size} byte payload is too large for the invocation type (limit {limit} bytes)"
        super().__init__("RequestTooLargeException", message)


class ResourceConflictError(LambdaError):
    """The queue feeds this function already."""

    code = 409

    def __init__(self, queue_arn: str, function_name: str, uuid: str) -> None:
        super().__init__(
            "ResourceConflictException",
            f'An event source mapping with SQS arn (" {queue_arn} ") and function (" {function_name} ") '
            f"already exists. Please update or delete the existing mapping with UUID {uuid}",
        )


class TooManyRequestsError(LambdaError):
    """The reserved concurrency of the function is used up."""

    code = 429

    def __init__(self) -> None:
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        super().__init__("TooManyRequestsException", "Rate Exceeded.", Reason=reason)
