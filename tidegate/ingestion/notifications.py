"""What S3 tells about objects, whichever way it comes: directly, by EventBridge, through SNS or SQS.

Pure. Delivery is at least once and in any order; two notifications of one key are ordered by
`sequencer`, hexadecimal, the shorter padded with zeros on its right.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


class UnknownNotificationError(ValueError):
    """The payload is no notification of S3, however wrapped."""


@dataclass(frozen=True, kw_only=True)
class ObjectNotification:
    """What happened to one object. The key is as `get_object` wants it."""

    event: str  # S3's name without the prefix `s3:`, e.g. ObjectCreated:Put
    bucket: str
    key: str
    version_id: str  # empty where the bucket keeps no versions
    etag: str
    size_bytes: int
    sequencer: str
    occurred_at: str = ""  # ISO 8601 UTC, when S3 had the object; empty where the event does not say

    @property
    def is_created(self) -> bool:
        return self.event.startswith("ObjectCreated")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message of the payload. Either it was understood or `refusal` says why not."""

    message_id: str | None  # of SQS, to report a partial failure
    notifications: tuple[ObjectNotification, ...] = ()
    refusal: str | None = None


def is_later(sequencer: str, other: str) -> bool:
    """Whether the first event of two of one key came after the second, by S3's rule."""
    width = max(len(sequencer), len(other))
    return sequencer.upper().ljust(width, "0") > other.upper().ljust(width, "0")


def parse(payload: Any) -> tuple[Delivery, ...]:
    """The messages of what a function was invoked with.

    One message that is not understood does not spoil the others: it becomes a delivery with a refusal. S3's
    test message, sent when notifications are configured, is a delivery of nothing.

    Raises:
        UnknownNotificationError: the payload as a whole is something else.
    """
    records = payload.get("Records") if isinstance(payload, dict) else None
    sources = {_source(record) for record in records} if isinstance(records, list) and records else set()
    if sources == {"aws:sqs"}:
        return tuple(_message(record.get("messageId"), record.get("body")) for record in records or ())
    if sources == {"aws:sns"}:
        return tuple(_message(None, (record.get("Sns") or {}).get("Message")) for record in records or ())
    return (Delivery(message_id=None, notifications=tuple(_notifications(payload))),)


def _message(message_id: str | None, body: Any) -> Delivery:
    try:
        payload = json.loads(body)
        if isinstance(payload, dict) and payload.get("Type") == "Notification" and "Message" in payload:
            payload = json.loads(payload["Message"])  # SNS in front of SQS
        return Delivery(message_id=message_id, notifications=tuple(_notifications(payload)))
    except (TypeError, ValueError, RecursionError) as cause:
        return Delivery(message_id=message_id, refusal=str(cause))


def _notifications(payload: Any) -> Iterator[ObjectNotification]:
    if not isinstance(payload, dict):
        raise UnknownNotificationError(f"a notification is a JSON object, got {type(payload).__name__}")
    if payload.get("Event") == "s3:TestEvent":
        return
    if payload.get("source") == "aws.s3" and "detail" in payload:
        yield _from_eventbridge(payload)
        return
    records = payload.get("Records")
    if not isinstance(records, list) or not records or {_source(record) for record in records} != {"aws:s3"}:
        raise UnknownNotificationError(f"not a notification of S3; it has {sorted(map(str, payload))}"[:300])
    for record in records:
        yield _from_record(record)


def _source(record: Any) -> str | None:
    if not isinstance(record, dict):
        return None
    source = record.get("eventSource") or record.get("EventSource")
    return source if isinstance(source, str) else None


def _from_record(record: dict[str, Any]) -> ObjectNotification:
    try:
        found = record["s3"]["object"]
        return ObjectNotification(
            event=str(record["eventName"]).removeprefix("s3:"),
            bucket=_text(record["s3"]["bucket"]["name"]),
            key=unquote_plus(_text(found["key"])),  # S3 encodes it as a form does
            version_id=_text(found.get("versionId", "")),
            etag=_text(found.get("eTag", "")),
            size_bytes=int(found.get("size", 0)),
            sequencer=_text(found.get("sequencer", "")),
            occurred_at=_text(record.get("eventTime") or ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise UnknownNotificationError(f"an S3 record without {cause}") from cause


def _from_eventbridge(payload: dict[str, Any]) -> ObjectNotification:
    try:
        detail = payload["detail"]
        found = detail["object"]
        created = _text(payload["detail-type"]) == "Object Created"
        return ObjectNotification(
            event=f"ObjectCreated:{detail.get('reason', '')}" if created else payload["detail-type"],
            bucket=_text(detail["bucket"]["name"]),
            key=_text(found["key"]),  # not encoded here
            version_id=_text(found.get("version-id", "")),
            etag=_text(found.get("etag", "")),
            size_bytes=int(found.get("size", 0)),
            sequencer=_text(found.get("sequencer", "")),
            occurred_at=_text(payload.get("time") or ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise UnknownNotificationError(f"an EventBridge event of S3 without {cause}") from cause


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text where it has {type(value).__name__}")
    return value
