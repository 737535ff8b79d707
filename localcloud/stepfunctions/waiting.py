"""Waits of a state machine on the cloud's clock: Wait states, timeouts, heartbeats, pauses before retries."""

import datetime as dt
import threading
import types
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.eval.environment import Environment

from localcloud import _moto_seams, cloud
from localcloud.stepfunctions.expressions import query_failure
from localcloud.stepfunctions.shapes import timestamp

_ASL = "moto.stepfunctions.parser.asl"
_WAIT = f"{_ASL}.component.state.wait.wait_function"


def install() -> None:
    _moto_seams.replace(
        f"{_ASL}.component.program.program", "threading", types.SimpleNamespace(Thread=ClockThread)
    )
    _moto_seams.replace(
        f"{_ASL}.component.state.exec.execute_state", "threading", types.SimpleNamespace(Event=ClockEvent)
    )
    _moto_seams.replace(f"{_ASL}.eval.callback.callback", "Event", ClockEvent)
    _moto_seams.replace(
        f"{_ASL}.component.common.retry.retrier_decl", "time", types.SimpleNamespace(sleep=_sleep)
    )
    _moto_seams.replace(f"{_WAIT}.wait_function", "WaitFunction._wait_interval", _wait_state)
    _moto_seams.replace(
        f"{_WAIT}.timestamp",
        "Timestamp._create_failure_event",
        _timestamp_failure(Timestamp._create_failure_event),
    )
    datetimes = types.SimpleNamespace(datetime=ClockDatetime, timezone=dt.timezone)
    for module in (f"{_ASL}.component.state.state", f"{_WAIT}.timestamp"):
        _moto_seams.replace(module, "datetime", datetimes)


class ClockEvent:
    """threading.Event whose timeouts pass on the cloud's clock, so that an advance of it ends them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._flag = False

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        with self._changed:
            self._flag = True
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        return cloud.current().clock.wait_for(self._changed, lambda: self._flag, timeout)


class ClockThread(threading.Thread):
    """A thread whose `join(timeout)` passes on the cloud's clock: moto times an execution by joining it."""

    def __init__(self, target: Callable[..., Any], args: tuple[Any, ...], daemon: bool) -> None:
        super().__init__(target=target, args=args, daemon=daemon)
        self._ended = ClockEvent()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._ended.set()

    def join(self, timeout: float | None = None) -> None:
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        return not self._ended.is_set()


class ClockDatetime(dt.datetime):
    """datetime.datetime whose now is the cloud's, in the form in which Step Functions writes instants."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "ClockDatetime":
        now = cls.fromtimestamp(cloud.current().clock.time(), dt.UTC)
        return now if tz else now.replace(tzinfo=None)

    def isoformat(self, *_: Any) -> str:
        return timestamp(dt.datetime.fromtimestamp(self.timestamp(), dt.UTC))


class _Halted:
    """Set once the execution runs no more: what `Clock.wait` looks at to give up early."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def is_set(self) -> bool:
        return not self._env.is_running()


def _wait_state(self: Any, env: Environment, wait_seconds: float) -> None:
    execution = env.states.context_object.context_object_data["Execution"]["Id"]
    cloud.current().clock.sleep(wait_seconds, _Halted(env), who=execution)


def _sleep(seconds: float) -> None:
    cloud.current().clock.sleep(seconds)


def _timestamp_failure(stock: Callable[..., FailureEvent]) -> Callable[..., FailureEvent]:
    """What a Timestamp that is none raises: in a JSONata state an error that a Catch can name."""

    def failure(self: Timestamp, env: Environment, timestamp_str: str) -> FailureEvent:
        if not isinstance(self.string, StringJSONata):
            return stock(self, env, timestamp_str)
        cause = "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string"
        return query_failure(env, f"{cause}: {timestamp_str}").failure_event

    return failure
