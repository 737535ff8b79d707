"""The local cloud as a server: one process, one port on 127.0.0.1, until it is closed."""

import contextlib
import errno
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localcloud import _moto_seams, answers, cloud, environment, rooms
from localcloud.cloud import REGION, Cloud
from localcloud.errors import CloudError
from localcloud.front.application import Front
from localcloud.front.connection import Server

PARENT_LOOK_SECONDS = 0.5


class Running:
    """A local cloud that listens; a context manager that closes it."""

    def __init__(self, port: int, names: tuple[str, ...], kept: Path | None) -> None:
        self._server = _listen(port)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.dropped, self._environment = environment.enter(self.url, REGION)
        self.cloud = Cloud(self.url, Path(tempfile.mkdtemp(prefix="localcloud-")), kept)
        self._closing = threading.Lock()
        self._serving = False
        cloud.install(self.cloud)
        try:
            _moto_seams.verify()
            rooms.install(names)
            answers.install()
            self.front = Front(self.cloud)
            self._server.application = self.front
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="server", daemon=True).start()
        self._serving = True

    def deploy(self, assembly: Path) -> Any:
        """Deploy a CDK cloud assembly; what comes back is localcloud.deploy's Deployment."""
        from localcloud.deploy import deploy_assembly

        return deploy_assembly(assembly)

    def close(self) -> None:
        """End everything this cloud started: rooms and children first, while they can still reach it."""
        if not self._closing.acquire(blocking=False):
            return
        self.cloud.close()
        if self._serving:
            self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.cloud.folder, ignore_errors=True)
        environment.leave(self._environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def start(
    port: int = 0,
    assembly: Path | None = None,
    names: tuple[str, ...] = rooms.ROOMS,
    kept: Path | None = None,
) -> Running:
    """Start a local cloud in this process, with `assembly` deployed into it where one is given.

    `kept` is a folder for what is to outlive it: the runs that MLflow Apps were told of.

    Raises:
        CloudError: the port is taken, or the assembly cannot be deployed.
    """
    running = Running(port, names, kept)
    if assembly is not None:
        try:
            running.deploy(assembly)
        except BaseException:
            running.close()
            raise
    return running


def end_with(pid: int) -> None:
    """Terminate this process, in order, once that one is gone; returns at once."""

    def watch() -> None:
        while _alive(pid):
            time.sleep(PARENT_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _alive(pid: int) -> bool:
    with contextlib.suppress(PermissionError):  # there, but another user's
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def _listen(port: int) -> Server:
    try:
        return Server(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CloudError(
                f"port {port} is taken",
                cause=f"another process listens on 127.0.0.1:{port}",
                hint="choose another --port, or 0 for any free one",
            ) from error
        raise CloudError(f"cannot listen on 127.0.0.1:{port}", cause=str(error)) from error
    except OverflowError as error:
        raise CloudError(f"{port} is not a port", hint="choose one from 0 to 65535") from error
