"""Event invocations: nobody waits, a failure is tried twice more, and what fails for good goes elsewhere."""

import contextlib
import json
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud import cloud
from localcloud.events import delivery, lineage, ticker
from localcloud.lambda_.errors import TooManyRequestsError
from localcloud.lambda_.worker import Outcome

if TYPE_CHECKING:
    from localcloud.lambda_.models import LocalFunction

_logger = logging.getLogger(__name__)

# Lambda waits a minute before the second attempt and two before the third; here on the cloud's clock.
RETRY_SECONDS = (60.0, 120.0)
THROTTLE_SECONDS = 1.0
MAX_AGE_SECONDS = 6 * 3600
# Lambda's queue hands events to at most this many workers here; the rest wait their turn.
AT_ONCE = 32

_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lambda-event")
_lock = threading.Lock()
_pending = 0


@dataclass(kw_only=True)
class _Event:
    function: "LocalFunction"
    payload: bytes
    depth: int
    request_id: str
    accepted: float
    attempts: int = 0


def submit(function: "LocalFunction", payload: bytes, depth: int) -> None:
    accepted = cloud.current().clock.time()
    _enqueue(
        _Event(
            function=function, payload=payload, depth=depth, request_id=str(uuid.uuid4()), accepted=accepted
        )
    )


def idle() -> bool:
    """Nothing runs or is queued. A retry that waits for its time does not count: only the clock brings it."""
    return _pending == 0


def _enqueue(event: _Event) -> None:
    global _pending  # noqa: PLW0603  a count that drain looks at
    with _lock:
        _pending += 1
    _pool.submit(_attempt, event)


def _attempt(event: _Event) -> None:
    global _pending  # noqa: PLW0603
    try:
        if not cloud.current().closing.is_set():
            with lineage.at(event.depth):
                _run(event)
    except Exception:  # the caller has gone: the log is the only place left to say it
        _logger.exception("an event for %s was lost", event.function.function_name)
    finally:
        with _lock:
            _pending -= 1


def _run(event: _Event) -> None:
    config = event.function.invoke_config
    age = cloud.current().clock.time() - event.accepted
    max_age = config.get("MaximumEventAgeInSeconds", MAX_AGE_SECONDS)
    outcome = None
    pause = THROTTLE_SECONDS
    if event.depth >= lineage.LIMIT:
        _logger.warning("%s is part of a loop: its event is not run", event.function.function_name)
        return _give_up(event, "RecursiveInvocationException", None)
    with contextlib.suppress(TooManyRequestsError):  # that does not count as an attempt
        outcome = event.function.run(event.payload, request_id=event.request_id)
    if outcome is not None:
        event.attempts += 1
        if not outcome.failed:
            return _send_on(event, "OnSuccess", "Success", outcome)
        if event.attempts > min(config.get("MaximumRetryAttempts", 2), len(RETRY_SECONDS)):
            return _give_up(event, "RetriesExhausted", outcome)
        pause = RETRY_SECONDS[event.attempts - 1]
    if age + pause >= max_age:
        return _give_up(event, "EventAgeExceeded", outcome)
    return ticker.after(pause, lambda: _enqueue(event))


def _give_up(event: _Event, condition: str, outcome: Outcome | None) -> None:
    _send_on(event, "OnFailure", condition, outcome)
    if queue := event.function.dead_letter_config.get("TargetArn"):
        error = json.loads(outcome.result) if outcome else {"errorMessage": condition}
        delivery.send_dead_letter(
            queue,
            event.payload.decode(),
            {
                "RequestID": event.request_id,
                "ErrorCode": "200" if outcome else "429",
                "ErrorMessage": str(error.get("errorMessage", ""))[:1024],
            },
        )


def _send_on(event: _Event, side: str, condition: str, outcome: Outcome | None) -> None:
    """Send what a destination gets (Lambda's guide, "Retaining records of asynchronous invocations")."""
    destinations = event.function.invoke_config.get("DestinationConfig") or {}
    target = (destinations.get(side) or {}).get("Destination")
    if not target:
        return
    function = event.function
    arn = function.function_arn
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": cloud.current().clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": arn if arn.count(":") > 6 else f"{arn}:$LATEST",  # noqa: PLR2004  an ARN has 7 parts
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload),
    }
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": str(function.version)}
        if outcome.failed:
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = json.loads(outcome.result or b"null")
    delivery.send_record(target, record, detail_type=f"Lambda Function Invocation Result - {side[2:]}")
