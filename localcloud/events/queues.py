"""moto's SQS made safe for threads, and on the cloud's clock.

moto rebuilds a queue's list of messages at every deletion, so a message that is sent at that moment is lost,
and it hands one message to two consumers that receive at once. Both are kept apart here by the lock that
moto itself takes when it adds a message. Waiting in a long poll releases that lock.
"""

from datetime import datetime
from typing import Any

import moto.sqs.urls
from moto.core.utils import unix_time
from moto.sqs.models import Message, Queue, SQSBackend

from localcloud import _moto_seams, cloud


class LocalQueues(SQSBackend):
    """moto's backend, one consumer of a queue at a time."""

    _url_module = moto.sqs.urls

    def receive_message(self, queue_name: str, *arguments: Any, **options: Any) -> list[Message]:
        with self._lock(queue_name):
            return super().receive_message(queue_name, *arguments, **options)

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        with self._lock(queue_name):
            super().delete_message(queue_name, receipt_handle)

    def change_message_visibility(self, queue_name: str, *arguments: Any, **options: Any) -> None:
        with self._lock(queue_name):
            super().change_message_visibility(queue_name, *arguments, **options)

    def purge_queue(self, queue_name: str) -> None:
        with self._lock(queue_name):
            super().purge_queue(queue_name)

    def by_arn(self, arn: str) -> Queue:
        return self.get_queue(arn.rpartition(":")[2])

    def _lock(self, queue_name: str) -> Any:
        return self.get_queue(queue_name)._messages_lock


def install() -> None:
    _moto_seams.replace("moto.sqs.models", "sqs_backends.backend", LocalQueues)
    # so that visibility timeouts and delays pass when the clock is advanced
    _moto_seams.replace("moto.sqs.models", "unix_time", _unix_time)
    _moto_seams.replace("moto.sqs.models", "unix_time_millis", _unix_time_millis)


def _unix_time(dt: datetime | None = None) -> float:
    return cloud.current().clock.time() if dt is None else unix_time(dt)


def _unix_time_millis(dt: datetime | None = None) -> float:
    return _unix_time(dt) * 1000
