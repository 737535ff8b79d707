"""The local cloud as a process; the other verbs find it through `.tidegate/local.json`."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tidegate_cli.assembly import CHECKOUT, Assembly, state_folder
from tidegate_cli.failure import CommandError

LOG = "localcloud.log"
UPDATE_SECONDS = 600
PATIENCE_SECONDS = 600  # real ones, for what runs at one moment of a clock that is moved


@dataclass(frozen=True)
class LocalCloud:
    url: str
    pid: int
    prefix: str
    resources: int
    seconds: float  # to start and deploy


def running() -> LocalCloud | None:
    """The cloud that `tidegate up` keeps on this checkout, if it still listens.

    The record of one that was killed stays behind, and its pid may be another process's by now.
    """
    try:
        found = LocalCloud(**json.loads(_record().read_text()))
        os.kill(found.pid, 0)
        socket.create_connection(_address(found.url), timeout=5).close()
    except (OSError, ValueError, TypeError):
        return None
    return found


def port_of(cloud: LocalCloud) -> int:
    return _address(cloud.url)[1]


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def update(cloud: LocalCloud, assembly: Assembly) -> dict[str, Any]:
    """Bring what runs to `assembly`; what comes back counts the resources and names those that changed.

    Raises:
        CommandError: a resource cannot be brought to its template; its stack runs on as it was.
    """
    folder = str(assembly.folder.resolve())
    is_done, answer = _control(cloud.url, "POST", "deploy", {"assembly": folder}, seconds=UPDATE_SECONDS)
    if is_done:
        return answer
    hint = answer.get("hint") or "mend it and type `tidegate up` again"
    raise CommandError(
        answer["error"], cause=answer.get("cause", ""), hint=f"{hint}; the pipeline runs on as it was"
    )


def settle(cloud: LocalCloud, seconds: float) -> None:
    """Give what still runs in the background so much time to end."""
    with contextlib.suppress(CommandError):
        _control(cloud.url, "POST", "drain", {"timeout": seconds}, seconds=UPDATE_SECONDS)


def time_of(url: str) -> datetime:
    """The time of the cloud at `url`."""
    _, answer = _control(url, "GET", "health", {}, seconds=UPDATE_SECONDS)
    return datetime.fromisoformat(answer["time"])


def let_pass(url: str, seconds: float, *, stop_at: str = "") -> dict[str, Any]:
    """Let time pass for the cloud at `url`, timer by timer: how many `stops`, and `what` the last was for.

    Args:
        stop_at: the room whose next timer is the last.

    Raises:
        CommandError: what runs at one moment did not end.
    """
    body = {"seconds": seconds, "timeout": PATIENCE_SECONDS, "stop_at": stop_at}
    is_done, answer = _control(url, "POST", "clock/run", body, seconds=None)
    if not is_done:
        raise CommandError(
            "time stands still", cause=answer["error"], hint="`tidegate status` tells what runs; try again"
        )
    return {name: answer[name] for name in ("stops", "what")}


def _control(
    url: str, verb: str, path: str, body: dict[str, Any], *, seconds: float | None
) -> tuple[bool, dict[str, Any]]:
    """Whether the cloud did as it was asked, and its answer; within `seconds`, or however long it takes.

    Raises:
        CommandError: there is no answer.
    """
    connection = http.client.HTTPConnection(*_address(url), timeout=seconds)
    try:
        connection.request(verb, f"/_localcloud/{path}", json.dumps(body))
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as cause:
        raise CommandError(
            "the running pipeline does not answer", cause=str(cause), hint="stop it, and start it anew"
        ) from cause
    finally:
        connection.close()
    return response.status == http.HTTPStatus.OK, answer


@dataclass(frozen=True)
class Started:
    """A local cloud of this process."""

    cloud: LocalCloud
    process: "subprocess.Popen[str]"

    def wait(self) -> None:
        """Until the cloud ends.

        Raises:
            CommandError: it ended by itself, which it never should.
        """
        code = self.process.wait()
        raise CommandError(
            "the local cloud ended by itself",
            cause=f"exit code {code}",
            hint=f"its log: {(state_folder() / LOG).relative_to(CHECKOUT)}",
        )


@contextlib.contextmanager
def start(assembly: Assembly, prefix: str, port: int = 0, *, warm_up: bool = False) -> Iterator[Started]:
    """Start a local cloud and deploy `assembly` into it; everything it started ends with the block.

    With `warm_up` its functions are started beside, before anybody calls them: for who will use most of them.

    Raises:
        CommandError: the port is taken, or a resource cannot be deployed.
    """
    (state_folder() / LOG).unlink(missing_ok=True)  # another cloud of this checkout may still write to it
    log = (state_folder() / LOG).open("w")
    argv = [sys.executable, "-m", "localcloud", "serve", "--json", "--port", str(port)]
    argv += ["--assembly", str(assembly.folder), "--parent-pid", str(os.getpid())]
    argv += ["--keep", str(state_folder())]  # MLflow's runs: `tidegate ui` shows them afterwards too
    argv += ["--warm-up"] if warm_up else []
    process = subprocess.Popen(
        argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
    )
    try:
        yield Started(_wait_until_deployed(process, prefix, Path(log.name)), process)
    finally:
        _stop(process)
        log.close()


@contextlib.contextmanager
def advertised(cloud: LocalCloud) -> Iterator[None]:
    """Let the other verbs find this cloud while the block runs."""
    _record().write_text(json.dumps(asdict(cloud)))
    try:
        yield
    finally:
        _record().unlink(missing_ok=True)


def _record() -> Path:
    return state_folder() / "local.json"


def _wait_until_deployed(process: "subprocess.Popen[str]", prefix: str, log: Path) -> LocalCloud:
    out: IO[str] | None = process.stdout
    url, pid = "", process.pid
    for line in out or ():
        event = _event(line)
        if event.get("event") == "listening":
            url, pid = event["url"], event["pid"]
        elif event.get("event") == "deployed":
            threading.Thread(target=_drain, args=(out,), daemon=True).start()
            return LocalCloud(url, pid, prefix, event["resources"], event["seconds"])
        elif event.get("event") == "error":
            raise CommandError(event["what"], cause=event.get("cause", ""), hint=event.get("hint", ""))
    tail = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise CommandError(
        "the local cloud did not start",
        cause=tail[-1] if tail else f"it exited with {process.wait()}",
        hint=f"its whole log: {log.relative_to(CHECKOUT)}",
    )


def _event(line: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        data = json.loads(line)
        if isinstance(data, dict):
            return data
    return {}


def _drain(out: IO[str] | None) -> None:
    """Keep reading, or the pipe fills up and the cloud stops with it."""
    for _ in out or ():
        pass


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
