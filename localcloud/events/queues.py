"""moto's SQS made safe for threads, and on the cloud's clock.

moto rebuilds a queue's list of messages at every deletion, so a message that is sent at that moment is lost;
it hands one message to two consumers that receive at once; and a long poll of a FIFO queue whose groups are
all in flight spins. Here the lock that moto takes to add a message guards the rest as well, and a long poll
sleeps on its condition.
"""

import threading
from datetime import datetime
from typing import Any

import moto.sqs.urls
from moto.core.utils import unix_time
from moto.sqs.models import Message, Queue, SQSBackend

from localcloud import _moto_seams, cloud

# Nobody tells when a message becomes visible again, or that the clock has jumped.
_LOOK_UP_SECONDS = 0.2


class LocalQueues(SQSBackend):
    """moto's backend, one consumer of a queue at a time."""

    _url_module = moto.sqs.urls

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: float,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        clock = cloud.current().clock
        until = clock.time() + (wait_seconds_timeout or 0)
        changed = self._lock(queue_name)
        with changed:
            while True:
                found = super().receive_message(
                    queue_name, count, 0, visibility_timeout, message_attribute_names
                )
                left = until - clock.time()
                if found or left <= 0:
                    return found
                changed.wait(min(left, _LOOK_UP_SECONDS))

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        changed = self._lock(queue_name)
        with changed:
            super().delete_message(queue_name, receipt_handle)
            changed.notify_all()  # the next message of a FIFO group may go

    def change_message_visibility(self, queue_name: str, *arguments: Any, **options: Any) -> None:
        changed = self._lock(queue_name)
        with changed:
            super().change_message_visibility(queue_name, *arguments, **options)
            changed.notify_all()

    def purge_queue(self, queue_name: str) -> None:
        with self._lock(queue_name):
            super().purge_queue(queue_name)

    def by_arn(self, arn: str) -> Queue:
        return self.get_queue(arn.rpartition(":")[2])

    def _lock(self, queue_name: str) -> threading.Condition:
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
