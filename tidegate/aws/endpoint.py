"""The live endpoint: asked for predictions by variant, within a deadline."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from tidegate.serving.answers import is_valid

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient


_CALLERS_FAULT = range(400, 500)
UNKNOWN_VARIANT = ("ValidationError", "ValidationException")  # of a TargetVariant that is not there
INCOMPLETE, INVALID = "IncompleteAnswer", "InvalidAnswer"
TIMED_OUT = ("ReadTimeoutError", "ConnectTimeoutError")


class EndpointUnavailableError(Exception):
    """No answer that could be used: no endpoint, no capacity, a failing model, or the deadline passed.

    The text may quote the request. `kind` never does, so it is what may be logged and told. `variant` is that
    which was asked or answered, where it is known.
    """

    def __init__(self, kind: str, text: str, variant: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.variant = variant


class RequestRefusedError(EndpointUnavailableError):
    """The model is there and takes this request for a mistake of the caller's: it says 4xx."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of a container, and the variant that gave it."""

    variant: str
    predictions: list[Any]  # one for each instance
    model: str  # the run that trained what answered; empty when the container does not say


def deadline(milliseconds: int) -> Config:
    """Client configuration that gives up in time instead of retrying past the caller's patience."""
    return Config(
        connect_timeout=min(1, milliseconds / 1000),
        read_timeout=milliseconds / 1000,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def invoke(
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    instances: list[dict[str, Any]],
    *,
    inference_id: str,
    variant: str | None = None,
    vectors: bool = False,
    task: str | None = None,
) -> Answer:
    """Ask the endpoint, or one variant of it.

    Args:
        vectors: that the container answers what the model saw, too: for data capture, not for the caller.
        task: of the pipeline, where an answer that is none of it (NaN, another shape) must not go on.

    Raises:
        EndpointUnavailableError: see there; the cause is chained.
        RequestRefusedError: the model itself answered 4xx.
    """
    target: Any = {} if variant is None else {"TargetVariant": variant}
    body = {"instances": instances, **({"vectors": True} if vectors else {})}
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint,
            ContentType="application/json",
            Accept="application/json",
            InferenceId=inference_id,
            Body=json.dumps(body, separators=(",", ":")).encode(),
            **target,
        )
        document = json.loads(answer["Body"].read())
    except ClientError as cause:
        said: Any = cause.response.get("OriginalStatusCode", 500)
        kind = RequestRefusedError if said in _CALLERS_FAULT else EndpointUnavailableError
        raise kind(cause.response["Error"]["Code"], str(cause), variant) from cause
    except (BotoConnectionError, HTTPClientError, ValueError) as cause:
        raise EndpointUnavailableError(type(cause).__name__, str(cause), variant) from cause
    answered_by = answer.get("InvokedProductionVariant", variant)
    predictions = document.get("predictions") if isinstance(document, dict) else None
    if not isinstance(predictions, list) or len(predictions) != len(instances):
        count = len(predictions) if isinstance(predictions, list) else "no"
        text = f"{count} answers to {len(instances)} rows"
        raise EndpointUnavailableError(INCOMPLETE, text, answered_by)
    if task is not None and (invalid := sum(not is_valid(task, each) for each in predictions)):
        text = f"{invalid} of {len(predictions)} answers are none of a {task} model"
        raise EndpointUnavailableError(INVALID, text, answered_by)
    return Answer(
        variant=answered_by or "",
        predictions=predictions,
        model=str(document.get("model", "")),
    )
