"""Log lines of workers and jobs, in CloudWatch Logs under the group and stream names that AWS gives them."""

import contextlib
from collections.abc import Iterable
from datetime import datetime

from moto.logs.exceptions import ResourceAlreadyExistsException
from moto.logs.models import logs_backends

from localcloud import _moto_seams, cloud


def install() -> None:
    """Let CloudWatch Logs read the cloud's clock: it drops lines that are two hours ahead of its own."""
    _moto_seams.replace("moto.logs.models", "utcnow", _utcnow)


def write(group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
    """Append (epoch milliseconds, text) lines; group and stream are made when they are not there."""
    events = [{"timestamp": when, "message": text} for when, text in lines]
    if not events:
        return
    here = cloud.current()
    backend = logs_backends[here.account][here.region]
    if group not in backend.groups:
        with contextlib.suppress(ResourceAlreadyExistsException):  # by somebody else, at this moment
            backend.create_log_group(group, {})
    if stream not in backend.groups[group].streams:
        with contextlib.suppress(ResourceAlreadyExistsException):
            backend.create_log_stream(group, stream)
    backend.put_log_events(group, stream, events)


def _utcnow() -> datetime:
    return cloud.current().clock.now().replace(tzinfo=None)
