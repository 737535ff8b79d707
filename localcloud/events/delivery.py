"""Bring something to a resource by its ARN: attempts with growing pauses, then the dead-letter queue.

Functions, queues, topics and log groups are reached in this process, which is what makes an event arrive in
milliseconds; a state machine, and whatever a role is named for, is called over the API with that role's
credentials, so that its policy is checked as for any other caller.
"""

import functools
import json
import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from localcloud import cloud, identity, logs
from localcloud.events import lineage, ticker

_logger = logging.getLogger(__name__)

# EventBridge's defaults (its guide, "Retrying event delivery"); it does not publish its first pause.
MAX_ATTEMPTS = 185
MAX_AGE_SECONDS = 24 * 3600
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 60.0
_TOO_MANY_REQUESTS = 429

_lock = threading.Lock()
_pending = 0


class UndeliverableError(Exception):
    """The target is not there or refuses: another attempt would end the same."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(kw_only=True)
class Parcel:
    """One event on its way to one target."""

    target_arn: str
    body: str
    event: str  # what the dead-letter queue gets: the event itself, whatever was made of it
    rule_arn: str = ""
    role_arn: str = ""
    message_group_id: str = ""
    retry_policy: Mapping[str, Any] = field(default_factory=dict)
    dead_letter_arn: str = ""
    depth: int = 0
    first_tried: float | None = None
    attempts: int = 0


def dispatch(parcel: Parcel) -> None:
    """Deliver in the background."""
    global _pending  # noqa: PLW0603  a count that drain looks at
    with _lock:
        _pending += 1
    cloud.current().submit(_deliver, parcel)


def notify(arn: str, message: Any) -> None:
    """Bring a service's own notification to a function, queue or topic, in the background."""
    body = json.dumps(message)
    dispatch(Parcel(target_arn=arn, body=body, event=body, depth=lineage.depth()))


def idle() -> bool:
    """No delivery runs or is queued. A retry that waits does not count: only the clock brings it."""
    return _pending == 0


def _deliver(parcel: Parcel) -> None:
    global _pending  # noqa: PLW0603
    try:
        with lineage.at(parcel.depth):
            _attempt(parcel)
    except Exception:  # a broken dead-letter queue: the log is the only place left to say it
        _logger.exception("an event for %s was lost", parcel.target_arn)
    finally:
        with _lock:
            _pending -= 1


def _attempt(parcel: Parcel) -> None:
    now = cloud.current().clock.time()
    parcel.first_tried = parcel.first_tried or now
    parcel.attempts += 1
    try:
        if parcel.depth > lineage.LIMIT:
            raise UndeliverableError("RECURSION", "the event went round in a loop")  # noqa: TRY301
        send(parcel.target_arn, parcel.body, role_arn=parcel.role_arn, group_id=parcel.message_group_id)
    except UndeliverableError as error:
        _bury(parcel, error.code, str(error), "")
    except Exception as error:  # noqa: BLE001  whatever else the target says may pass with time
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (parcel.attempts - 1), LONGEST_PAUSE_SECONDS)
        age = now + pause - parcel.first_tried
        if parcel.attempts > parcel.retry_policy.get("MaximumRetryAttempts", MAX_ATTEMPTS):
            _bury(parcel, type(error).__name__, str(error), "MaximumRetryAttempts")
        elif age > parcel.retry_policy.get("MaximumEventAgeInSeconds", MAX_AGE_SECONDS):
            _bury(parcel, type(error).__name__, str(error), "MaximumEventAgeInSeconds")
        else:
            ticker.after(pause, lambda: dispatch(parcel))


def _bury(parcel: Parcel, code: str, message: str, exhausted: str) -> None:
    _logger.warning("no delivery to %s: %s", parcel.target_arn, message)
    if parcel.dead_letter_arn:
        attributes = {
            "RULE_ARN": parcel.rule_arn,
            "TARGET_ARN": parcel.target_arn,
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message[:1024],
            "RETRY_ATTEMPTS": str(parcel.attempts - 1),
            "EXHAUSTED_RETRY_CONDITION": exhausted,
        }
        send_dead_letter(parcel.dead_letter_arn, parcel.event, {k: v for k, v in attributes.items() if v})


def send(arn: str, body: str, *, role_arn: str = "", group_id: str = "") -> None:
    """One attempt to bring `body` to a resource.

    Raises:
        UndeliverableError: the resource does not exist, may not be called, or is of a kind we do not know.
    """
    service = arn.split(":")[2]
    try:
        if role_arn and service in _AS_ROLE:
            _AS_ROLE[service](arn, body, role_arn)
        elif service in _HERE:
            _HERE[service](arn, body, group_id)
        elif service == "states":
            _start_execution(arn, body, role_arn)
        else:
            raise UndeliverableError("UNSUPPORTED_TARGET", f"the local cloud cannot deliver to {arn}")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code.endswith(("DoesNotExist", "NotFoundException")) or code.startswith("AccessDenied"):
            raise UndeliverableError(code, str(error)) from error
        raise
    except ServiceException as error:
        raise UndeliverableError(error.code, error.message) from error
    except JsonRESTError as error:
        if error.code == _TOO_MANY_REQUESTS:
            raise
        raise UndeliverableError(error.error_type, error.message) from error


def send_dead_letter(queue_arn: str, body: str, attributes: Mapping[str, str]) -> None:
    """Put what could not be handled where its owner looks, with the reasons as message attributes."""
    if ":sns:" in queue_arn:
        values = {name: {"Type": "String", "Value": value} for name, value in attributes.items()}
        _backend(sns_backends, queue_arn).publish(message=body, arn=queue_arn, message_attributes=values)
        return
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    queue = queue_arn.rpartition(":")[2]
    _backend(sqs_backends, queue_arn).send_message(queue, body, message_attributes=typed)


def send_record(arn: str, record: dict[str, Any], *, detail_type: str) -> None:
    """Send an invocation record to a Lambda destination; on an event bus it becomes an event."""
    if ":event-bus/" not in arn:
        return send(arn, json.dumps(record))
    from localcloud.events import router

    event = router.make_event("lambda", detail_type, record, [arn, record["requestContext"]["functionArn"]])
    return router.publish(event, bus=arn.rpartition("/")[2])


def _backend(backends: Any, arn: str) -> Any:
    _, _, _, region, account, *_ = arn.split(":")
    return backends[account][region]


def _invoke(arn: str, body: str, group_id: str) -> None:
    function = _backend(lambda_backends, arn).get_function(arn)
    function.invoke(body, {"X-Amz-Invocation-Type": "Event"}, {})


def _publish(arn: str, body: str, group_id: str) -> None:
    _backend(sns_backends, arn).publish(message=body, arn=arn)


def _send_message(arn: str, body: str, group_id: str) -> None:
    trace = {"DataType": "String", "StringValue": lineage.trace_id(lineage.depth())}
    _backend(sqs_backends, arn).send_message(
        arn.rpartition(":")[2],
        body,
        group_id=group_id or None,
        system_attributes={lineage.MESSAGE_ATTRIBUTE: trace},
    )


def _write_log(arn: str, body: str, group_id: str) -> None:
    group = arn.split(":log-group:")[1].removesuffix(":*")
    logs.write(group, str(uuid.uuid4()), [(int(cloud.current().clock.time() * 1000), body)])


def _put_on(arn: str, body: str, group_id: str) -> None:
    from localcloud.events import router  # the router delivers through this module

    if ":event-bus/" not in arn:
        return router.archive(json.loads(body))
    return router.publish(json.loads(body), bus=arn.rpartition("/")[2])


def _start_execution(arn: str, body: str, role_arn: str) -> None:
    _client("stepfunctions", role_arn).start_execution(stateMachineArn=arn, input=body)


def _invoke_as(arn: str, body: str, role_arn: str) -> None:
    _client("lambda", role_arn).invoke(FunctionName=arn, InvocationType="Event", Payload=body)


def _publish_as(arn: str, body: str, role_arn: str) -> None:
    _client("sns", role_arn).publish(TopicArn=arn, Message=body)


_HERE = {
    "lambda": _invoke,
    "sns": _publish,
    "sqs": _send_message,
    "logs": _write_log,
    "events": _put_on,
}
_AS_ROLE = {"states": _start_execution, "lambda": _invoke_as, "sns": _publish_as}


def _client(service: str, role_arn: str) -> Any:
    here = cloud.current()
    return _client_as(service, role_arn, here.url, here.region) if role_arn else here.client(service)


@functools.lru_cache(maxsize=128)
def _client_as(service: str, role_arn: str, url: str, region: str) -> Any:
    keys = identity.credentials(role_arn)
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        config=Config(retries={"max_attempts": 0}, max_pool_connections=64),
    )
