"""The local cloud's own small plane under /_localcloud/: health, clock, drain, requests, grants, deploy."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud import timers
from localcloud.cloud import Cloud
from localcloud.errors import CloudError
from localcloud.front.connection import Environ
from localcloud.front.guard import Guard
from localcloud.front.record import Record
from localcloud.rooms import idle_probes

LOOK_SECONDS = 0.02
QUIET_LOOKS = 3  # work may be between two rooms for a moment: quiet counts when it lasts
DRAIN_SECONDS = 60.0


class Control:
    """Answers /_localcloud/NAME; every answer is one JSON object."""

    def __init__(self, cloud: Cloud, guard: Guard, record: Record) -> None:
        self._cloud = cloud
        self._guard = guard
        self._record = record
        self._answers: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
            ("GET", "health"): self._health,
            ("GET", "grants"): lambda _: {"roles": self._guard.report()},
            ("GET", "requests"): lambda _: dict(self._record.to_json()),
            ("POST", "clock/advance"): self._advance,
            ("POST", "clock/next"): self._next,
            ("POST", "clock/run"): self._run,
            ("POST", "drain"): self._drain,
            ("POST", "deploy"): self._deploy,
        }

    def answer(self, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        name = environ["PATH_INFO"].removeprefix("/_localcloud/").strip("/")
        found = self._answers.get((environ["REQUEST_METHOD"], name))
        try:
            request = json.loads(environ["wsgi.input"].read() or b"{}")
            status, body = (200, found(request)) if found else (404, {"error": f"no {name} here"})
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            status, body = 400, {"error": f"{type(problem).__name__}: {problem}"}
        except timers.BusyError as busy:
            status, body = 409, {"error": str(busy)}
        except CloudError as refusal:
            status, body = 409, {"error": refusal.what, "cause": refusal.cause, "hint": refusal.hint}
        return status, [("Content-Type", "application/json")], json.dumps(body).encode()

    def _health(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "status": "ok",
            "url": self._cloud.url,
            "account": self._cloud.account,
            "region": self._cloud.region,
            "time": self._cloud.clock.now().isoformat(),
        }

    def _advance(self, request: dict[str, Any]) -> dict[str, Any]:
        self._cloud.clock.advance(float(request["seconds"]))
        return {"time": self._cloud.clock.now().isoformat()}

    def _next(self, request: dict[str, Any]) -> dict[str, Any]:
        """Once everything rests, move the clock to the next timer, at most `most` seconds away."""
        most, patience = float(request["most"]), float(request.get("timeout", DRAIN_SECONDS))
        stop = timers.next_stop(self._cloud, most, patience)
        return {"time": self._cloud.clock.now().isoformat(), "what": stop.what}

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Let `seconds` pass, from timer to timer, or until one of the room `stop_at`.

        What runs at each has `timeout` real seconds to end.
        """
        patience, room = float(request.get("timeout", DRAIN_SECONDS)), str(request.get("stop_at", ""))
        stops, what = timers.run(self._cloud, float(request["seconds"]), patience, room)
        return {"time": self._cloud.clock.now().isoformat(), "stops": stops, "what": what}

    def _deploy(self, request: dict[str, Any]) -> dict[str, Any]:
        """Bring what is deployed to the assembly of this folder; the answer says what changed."""
        from localcloud.deploy import deploy_assembly

        return deploy_assembly(Path(request["assembly"]), rollback=True).to_json()

    def _drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait in real time until every room is idle; says who was not when the time is up."""
        until = time.monotonic() + float(request.get("timeout", DRAIN_SECONDS))
        quiet = 0
        while True:
            busy = [name for name, idle in idle_probes() if not idle()]
            quiet = 0 if busy else quiet + 1
            if quiet == QUIET_LOOKS or time.monotonic() > until or self._cloud.closing.is_set():
                return {"idle": not busy, "busy": busy}
            time.sleep(LOOK_SECONDS)
