"""One instance of a variant: a server process, restarted when it ends by itself, until it is retired.

A process that hangs without exiting is not restarted.
"""

import math
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from localcloud import cloud
from localcloud.sagemaker.connections import Connections, Reply, free_port
from localcloud.sagemaker.containers import Container, ImageError
from localcloud.sagemaker.inference_models import Served

STARTS = 2  # a server that exits before it is healthy is tried again once: it may have lost its port
PING_EVERY_SECONDS = 0.05
GRACE_SECONDS = 30.0  # between SIGTERM and SIGKILL
DRAIN_SECONDS = 60.0  # the longest an invocation may take
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_SECONDS = 60.0  # after so long a life a crash counts as the first

Say = Callable[[list[str], str], None]  # lines of the log, and the end of the stream's name


class UnhealthyError(Exception):
    """The server never answered its ping; `str()` is the last lines it printed."""


class Instance:
    """Serves one model from `root`, which it shares with the variant's other instances."""

    def __init__(self, served: Served, root: Path, say: Say) -> None:
        self._served = served
        self._root = root
        self._say = say
        self._container: Container | None = None
        self._connections: Connections | None = None
        self._healthy = False
        self._running = 0
        self._idle = threading.Condition()
        self._retired = threading.Event()

    @property
    def is_up(self) -> bool:
        """Whether its process runs and has said 200 to a ping."""
        return self._healthy and self._container is not None and not self._container.exited

    def start(self, deadline: float) -> None:
        """Return when the server is healthy; after an error the caller retires the instance.

        Raises:
            UnhealthyError: it exits, or is not healthy by `deadline` of the cloud's clock.
            ImageError: its image cannot be run.
        """
        for _ in range(STARTS):
            container = self._launch()
            if self._becomes_healthy(container, deadline):
                threading.Thread(target=self._keep_alive, name="instance", daemon=True).start()
                return
            if not container.exited:
                break
        raise UnhealthyError(container.tail)

    def enter(self) -> bool:
        """Count a request in; False once the instance is retired."""
        with self._idle:
            if self._retired.is_set():
                return False
            self._running += 1
            return True

    def leave(self) -> None:
        with self._idle:
            self._running -= 1
            if not self._running:
                self._idle.notify_all()

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises connections.NoAnswerError. Call between `enter` and `leave`."""
        if self._connections is None:
            raise RuntimeError("an instance answers after its start")
        return self._connections.post("/invocations", body, headers)

    def retire(self) -> None:
        """Take no more requests, let those under way finish, and end the process."""
        with self._idle:
            self._retired.set()
            self._idle.wait_for(lambda: not self._running, DRAIN_SECONDS)
        if self._container:
            self._container.end(GRACE_SECONDS)
        if self._connections:
            self._connections.close()

    def _launch(self) -> Container:
        port = free_port()
        stream = f"i-{uuid.uuid4().hex[:17]}"
        self._container = container = Container(
            self._served.image,
            root=self._root,
            role_arn=self._served.role_arn,
            environment={
                **self._served.environment,
                "SAGEMAKER_BIND_TO_PORT": str(port),
                # a container has a network of its own, a process has not: ask it to stay on this machine
                "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
            },
            hear=lambda lines: self._say(lines, stream),
            arguments=("serve",),
        )
        self._connections = Connections(port)
        return container

    def _becomes_healthy(self, container: Container, deadline: float) -> bool:
        clock, connections = cloud.current().clock, self._connections
        while connections and clock.time() < deadline and not self._retired.is_set():
            if connections.ping():
                self._healthy = True
                return True
            if container.wait(PING_EVERY_SECONDS):
                return False
        return False

    def _keep_alive(self) -> None:
        """Start the process again when it has ended by itself, each time after a longer pause."""
        clock, crashes = cloud.current().clock, 0
        while container := self._container:
            began = clock.time()
            container.wait()
            self._healthy = False
            if self._retired.is_set() or cloud.current().closing.is_set():
                return
            crashes = 0 if clock.time() - began > STEADY_SECONDS else crashes
            pause = RESTART_SECONDS[min(crashes, len(RESTART_SECONDS) - 1)]
            crashes += 1
            line = f"The container exited with code {container.code}; it starts again in {pause:.0f} s."
            self._say([line], "service")
            if clock.wait(pause, self._retired):
                return
            with self._idle:  # not between the end and the removal of its folder
                if self._retired.is_set():
                    return
                try:
                    container = self._launch()
                except ImageError as error:
                    self._say([str(error)], "service")
                    continue
            self._becomes_healthy(container, math.inf)
