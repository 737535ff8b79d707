"""What S3 tells of its objects: to EventBridge, and directly to functions, queues and topics.

Everything is handed to the background: PutObject never waits for a listener. Field names and their order
are those of "Event message structure" and "EventBridge event message structure" in S3's guide. Creation of
a delete marker is not announced, because moto does not tell.
"""

import itertools
import secrets
import time
from typing import Any
from urllib.parse import quote_plus

from flask import has_request_context, request
from moto.s3.notifications import S3NotificationEvent as Happened
from moto.s3.notifications import _detail_type

from localcloud import cloud
from localcloud.events import delivery, router

_REASONS = {
    Happened.OBJECT_CREATED_PUT_EVENT: "PutObject",
    Happened.OBJECT_CREATED_POST_EVENT: "POST Object",
    Happened.OBJECT_CREATED_COPY_EVENT: "CopyObject",
    Happened.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT: "CompleteMultipartUpload",
    Happened.OBJECT_REMOVED_DELETE_EVENT: "DeleteObject",
}
_TAGGED = (Happened.OBJECT_TAGGING_PUT_EVENT, Happened.OBJECT_TAGGING_DELETE_EVENT)
_CONTENT = ("ObjectCreated", "ObjectRestore")  # events that give the object's size
_ORDERED = ("ObjectCreated", "ObjectRemoved")  # events that change the key, and so carry a sequencer
_PRINCIPAL = "AIDAJDPLRKLG7UEXAMPLE"

_sequence = itertools.count(1)


def send_event(account_id: str, event_name: Happened, bucket: Any, key: Any) -> None:
    """Stands for moto's function of this name, which every change of an object calls."""
    configuration = bucket.notification_configuration
    if configuration is None or _is_echo(event_name, key):
        return
    fact = _Fact(event_name, bucket, key)
    if configuration.event_bridge is not None:
        router.publish(fact.event())
    for listener in (*configuration.cloud_function, *configuration.queue, *configuration.topic):
        if listener.matches(event_name, key.name):
            delivery.notify(listener.arn, fact.notification(listener.id))


def _is_echo(event_name: Happened, key: Any) -> bool:
    """Whether moto announces a step of its own: the put inside a multipart upload, the tags inside a put."""
    if event_name == Happened.OBJECT_CREATED_PUT_EVENT:
        return getattr(key, "multipart", None) is not None
    return event_name in _TAGGED and has_request_context() and "tagging" not in request.args


class _Fact:
    """One change of one object, told in two ways."""

    def __init__(self, event_name: Happened, bucket: Any, key: Any) -> None:
        self.name = event_name
        self.kind, _, self.action = event_name.value.removeprefix("s3:").partition(":")
        self.bucket = bucket
        self.key = key
        self.etag = key.etag.strip('"')
        self.version_id = key.version_id if bucket.is_versioned else None
        self.request_id = secrets.token_hex(8).upper()
        # grows with every change, as AWS promises for changes of one key; hexadecimal like theirs
        self.sequencer = f"00{time.time_ns() // 1000:014X}{next(_sequence):08X}"
        self.address = (request.remote_addr or "") if has_request_context() else ""

    def event(self) -> router.Event:
        described: dict[str, Any] = {"key": self.key.name}
        if self.kind in _CONTENT:
            described["size"] = self.key.size
        described["etag"] = self.etag
        if self.version_id is not None:
            described["version-id"] = self.version_id
        if self.kind in _ORDERED:
            described["sequencer"] = self.sequencer
        detail = {
            "version": "0",
            "bucket": {"name": self.bucket.name},
            "object": described,
            "request-id": self.request_id,
            "requester": cloud.current().account,
            "source-ip-address": self.address,
        }
        if reason := _REASONS.get(self.name):
            detail["reason"] = reason
        if self.kind == "ObjectRemoved":
            detail["deletion-type"] = "Permanently Deleted"
        if self.kind == "ObjectRestore":
            detail["source-storage-class"] = self.key.storage_class
        return router.make_event("aws.s3", _detail_type(self.name), detail, [self.bucket.arn])

    def notification(self, configuration_id: str) -> dict[str, Any]:
        described: dict[str, Any] = {"key": quote_plus(self.key.name, safe="/")}
        if self.kind in _CONTENT:
            described["size"] = self.key.size
        if self.kind != "ObjectRemoved":
            described["eTag"] = self.etag
        if self.version_id is not None:
            described["versionId"] = self.version_id
        if self.kind in _ORDERED:
            described["sequencer"] = self.sequencer
        now = cloud.current().clock.now()
        record = {
            "eventVersion": "2.3" if self.kind == "ObjectTagging" else "2.1",
            "eventSource": "aws:s3",
            "awsRegion": cloud.current().region,
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "eventName": self.name.value.removeprefix("s3:"),
            "userIdentity": {"principalId": f"AWS:{_PRINCIPAL}"},
            "requestParameters": {"sourceIPAddress": self.address},
            "responseElements": {
                "x-amz-request-id": self.request_id,
                "x-amz-id-2": secrets.token_urlsafe(48),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {
                    "name": self.bucket.name,
                    "ownerIdentity": {"principalId": _PRINCIPAL},
                    "arn": self.bucket.arn,
                },
                "object": described,
            },
        }
        return {"Records": [record]}
