"""Event source mappings from queues to functions: a thread for each mapping receives, others run the batches.

As Lambda does: batches by size and window, filters, partial failures, up to so many batches at once; a
message of a failed batch stays hidden until its visibility timeout is over, and the queue's redrive policy
moves it to the dead-letter queue. A long poll sleeps on the queue's own condition, so a message is picked up
when it is sent.
"""

import base64
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import EventSourceMapping, lambda_backends
from moto.sqs.models import Message, sqs_backends

from localcloud import cloud
from localcloud.events import lineage
from localcloud.events.patterns import InvalidPatternError, compile_pattern
from localcloud.lambda_.errors import InvalidParameterValueError, ResourceConflictError, TooManyRequestsError

if TYPE_CHECKING:
    from localcloud.events.queues import LocalQueues
    from localcloud.lambda_.models import LocalFunction, LocalLambda

_logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # a message ends it at once; so does the removal of a mapping, this much later
MAX_BATCH_BYTES = 6 * 1024 * 1024
# Lambda begins with five batches at once and adds more while a queue is long; five is plenty for a laptop.
AT_ONCE = 5
_LOOK_UP_SECONDS = 0.1

_busy = 0
_lock = threading.Lock()


def check(backend: "LocalLambda", spec: dict[str, Any]) -> None:
    """Refuse what Lambda refuses and moto accepts.

    Raises:
        LambdaError: the queue feeds this function already, or a filter is no event pattern.
    """
    for filter_ in (spec.get("FilterCriteria") or {}).get("Filters", ()):
        try:
            compile_pattern(filter_.get("Pattern", ""))
        except InvalidPatternError as error:
            raise InvalidParameterValueError("Invalid filter pattern definition.") from error
    function = backend.get_function(spec["FunctionName"])
    for mapping in backend.list_event_source_mappings(spec["EventSourceArn"], ""):
        if mapping.function_arn == function.function_arn:
            raise ResourceConflictError(spec["EventSourceArn"], function.function_name, mapping.uuid)


def start(backend: "LocalLambda", mapping: EventSourceMapping) -> None:
    queues: LocalQueues = sqs_backends[mapping.account_id][mapping.region]  # type: ignore[assignment]
    # moto's own mapping runs the function inside SendMessage
    queues.by_arn(mapping.event_source_arn).lambda_event_source_mappings.pop(mapping.function_arn, None)
    poller = _Poller(backend, mapping, queues)
    threading.Thread(target=poller.run, name=f"mapping-{mapping.uuid[:8]}", daemon=True).start()


def idle() -> bool:
    """No batch runs. A message that waits for its visibility timeout does not count."""
    return _busy == 0


def next_due(now: float) -> float | None:
    """When the next message of a queue that feeds a function becomes visible."""
    return min((due for due in _dues() if due > now), default=None)


def rests() -> bool:
    """No batch runs, and none is about to."""
    now = cloud.current().clock.time()
    return all(due > now for due in _dues()) and idle()  # what left its queue meanwhile is in a batch


def _dues() -> list[float]:
    """When each message of the queues that feed functions may be received, in epoch seconds."""
    here = cloud.current()
    backend: Any = lambda_backends[here.account][here.region]
    queues = sqs_backends[here.account][here.region].queues
    mappings = [each for each in backend.list_event_source_mappings("", "") if each.enabled]
    names = {mapping.event_source_arn.rpartition(":")[2] for mapping in mappings} & set(queues)
    dues = []
    for name in names:
        with queues[name]._messages_lock:  # none is on its way from the queue to a batch
            messages = list(queues[name]._messages)
        dues += [max(message.visible_at, message.delayed_until) / 1000 for message in messages]
    return dues


class _Poller:
    def __init__(self, backend: "LocalLambda", mapping: EventSourceMapping, queues: "LocalQueues") -> None:
        self._backend = backend
        self._mapping = mapping
        self._queues = queues
        self._queue_name = mapping.event_source_arn.rpartition(":")[2]
        self._running = 0
        self._finished = threading.Condition()

    def run(self) -> None:
        closing = cloud.current().closing
        while not closing.is_set() and self._exists():
            if not self._mapping.enabled:
                closing.wait(_LOOK_UP_SECONDS)
                continue
            with self._finished:
                if self._running >= self._at_once():
                    self._finished.wait(_LOOK_UP_SECONDS)
                    continue
            try:
                batch = self._collect()
            except Exception:
                _logger.exception("the mapping from %s could not receive", self._queue_name)
                closing.wait(1.0)
                continue
            if batch:
                threading.Thread(target=self._work, args=(batch,), name="batch", daemon=True).start()

    def _exists(self) -> bool:
        known = self._backend.get_event_source_mapping(self._mapping.uuid)
        return known is self._mapping and self._queue_name in self._queues.queues

    def _at_once(self) -> int:
        """How many batches may run together; none while there is no function."""
        limit: int = (self._mapping.scaling_config or {}).get("MaximumConcurrency") or AT_ONCE
        try:
            reserved = self._backend.get_function(self._mapping.function_arn).gate.limit
        except UnknownFunctionException:
            return 0
        return limit if reserved is None else min(limit, max(1, reserved))

    def _collect(self) -> list[Message]:
        """A batch: what is there, or with a window what comes until it is full or the window is over."""
        size = self._mapping.batch_size
        with self._queues.get_queue(self._queue_name)._messages_lock:
            batch = self._receive(POLL_SECONDS, size)
            if not batch:
                return batch
            _count(1)
        if not (self._exists() and self._mapping.enabled and self._at_once()):
            for message in batch:  # removed or switched off while it waited: as if it had not looked
                self._queues.change_message_visibility(self._queue_name, message.receipt_handle, 0)
            _count(-1)
            return []
        with self._finished:
            self._running += 1
        clock = cloud.current().clock
        until = clock.time() + int(self._mapping.max_batch_window or 0)
        while len(batch) < size and (left := until - clock.time()) > 0:
            if sum(len(message.body) for message in batch) > MAX_BATCH_BYTES:
                break
            batch += self._receive(left, size - len(batch))
        return batch

    def _receive(self, wait_seconds: float, count: int) -> list[Message]:
        visibility = self._queues.get_queue(self._queue_name).visibility_timeout
        return self._queues.receive_message(self._queue_name, count, wait_seconds, visibility, ["All"])

    def _work(self, batch: list[Message]) -> None:
        try:
            self._process(batch)
        except Exception:
            _logger.exception("a batch from %s failed", self._queue_name)
        finally:
            _count(-1)
            with self._finished:
                self._running -= 1
                self._finished.notify()

    def _process(self, batch: list[Message]) -> None:
        records = {message.id: _record(message, self._mapping) for message in batch}
        wanted = {name: record for name, record in records.items() if self._passes_filters(record)}
        failed = self._failed(list(wanted.values()), max(map(_depth, batch))) if wanted else set()
        for message in batch:
            if message.id not in failed and self._queue_name in self._queues.queues:
                # what failed comes back after its visibility timeout, and in the end to the dead-letter queue
                self._queues.delete_message(self._queue_name, str(message.receipt_handle))

    def _passes_filters(self, record: dict[str, Any]) -> bool:
        filters = (self._mapping.filter_criteria or {}).get("Filters") or ()
        if not filters:
            return True
        body = _parsed(record["body"])
        seen = {**record, "body": record["body"] if body is None else body}
        return any(compile_pattern(each["Pattern"]).matches(seen) for each in filters)

    def _failed(self, records: list[dict[str, Any]], depth: int) -> set[str]:
        """The ids of the messages that stay in the queue."""
        everything = {record["messageId"] for record in records}
        function: LocalFunction = self._backend.get_function(self._mapping.function_arn)
        if depth > lineage.LIMIT:
            _logger.warning("%s is part of a loop: its batch is not run", function.function_name)
            return everything
        try:
            with lineage.at(depth):
                outcome = function.run(json.dumps({"Records": records}).encode())
        except TooManyRequestsError:
            return everything
        if outcome.failed:
            return everything
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or ()):
            return set()
        return _reported(outcome.result, everything)


def _reported(result: bytes, everything: set[str]) -> set[str]:
    """What a handler reports as failed; a report that Lambda cannot read means that all failed."""
    answer = _parsed(result.decode() or "null")
    if answer is None:
        return set() if result in {b"", b"null"} else everything
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if failures is None:
        return set() if isinstance(answer, dict) else everything
    if not isinstance(failures, list) or any(not isinstance(each, dict) for each in failures):
        return everything
    ids = {each.get("itemIdentifier") for each in failures}
    return ids if ids.issubset(everything) else everything


def _record(message: Message, mapping: EventSourceMapping) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "AWSTraceHeader": (message.system_attributes.get(lineage.MESSAGE_ATTRIBUTE) or {}).get("StringValue"),
        "SentTimestamp": str(message.sent_timestamp),
        "SequenceNumber": message.sequence_number,
        "MessageGroupId": message.group_id,
        "SenderId": message.sender_id,
        "MessageDeduplicationId": message.deduplication_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    carried = message.message_attributes
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": {name: _attribute(value) for name, value in carried.items()},
        "md5OfMessageAttributes": message.attribute_md5 if carried else None,
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.event_source_arn,
        "awsRegion": mapping.region,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("BinaryValue") is not None:
        content = {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
    else:
        content = {"stringValue": value.get("StringValue", "")}
    return {**content, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def _depth(message: Message) -> int:
    trace = message.system_attributes.get(lineage.MESSAGE_ATTRIBUTE) or {}
    return lineage.of_trace(trace.get("StringValue") or "")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _count(change: int) -> None:
    global _busy  # noqa: PLW0603  a count that drain looks at
    with _lock:
        _busy += change
