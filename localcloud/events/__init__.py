"""Event delivery on this machine: EventBridge, Scheduler, S3 notifications and queues that feed functions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localcloud import _moto_seams, logs

if TYPE_CHECKING:
    from localcloud.events.scheduler import Scheduler

_scheduler: "Scheduler | None" = None


def install() -> None:
    """Put our backends and routes in the place of moto's; call before the first request of the process."""
    global _scheduler  # noqa: PLW0603  the scheduler of the cloud that is current
    from localcloud.events import queues, router, s3, ticker
    from localcloud.events.models import LocalEvents
    from localcloud.events.scheduler import TICK_SECONDS, Scheduler

    _moto_seams.replace("moto.events.models", "events_backends.backend", LocalEvents)
    _moto_seams.replace("moto.events.models", "Rule.send_to_targets", router.route)
    _moto_seams.replace("moto.s3.notifications", "send_event", s3.send_event)
    queues.install()
    logs.install()
    ticker.start()
    _scheduler = Scheduler()
    ticker.every(TICK_SECONDS, _scheduler.tick)


def emit(source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()) -> None:
    """Publish a service's own event (aws.sagemaker, aws.cloudwatch, aws.states) on the default bus."""
    from localcloud.events import router

    router.publish(router.make_event(source, detail_type, dict(detail), resources))


def idle() -> bool:
    """Nothing is being delivered and no batch runs: only a new request or the clock can start something."""
    from localcloud.events import delivery, sqs_to_lambda

    return delivery.idle() and sqs_to_lambda.idle()


def rests() -> bool:
    """Nothing is being delivered, and no queue holds a message that a function may have now."""
    from localcloud.events import delivery, sqs_to_lambda

    return delivery.idle() and sqs_to_lambda.rests()


def next_due(now: float) -> float | None:
    """The next schedule, retry or message that waits for its time."""
    from localcloud.events import sqs_to_lambda, ticker

    scheduled = None if _scheduler is None else _scheduler.next_due()
    dues = (scheduled, ticker.next_due(), sqs_to_lambda.next_due(now))
    return min((due for due in dues if due is not None), default=None)
