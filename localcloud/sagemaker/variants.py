"""A production variant: its model's container as a server process, kept alive until it is retired.

One process stands for all instances of the variant; the instance count is only a number. A process that hangs
without exiting is not restarted.
"""

import contextlib
import shutil
import tarfile
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud import cloud, logs
from localcloud.sagemaker import s3, uris
from localcloud.sagemaker.connections import Connections, Reply, free_port
from localcloud.sagemaker.containers import Container, ImageError
from localcloud.sagemaker.inference_models import Served
from localcloud.sagemaker.resources import Resource

LOG_GROUP = "/aws/sagemaker/Endpoints"
STARTUP_SECONDS = 240
STARTS = 2  # a server that exits before it is healthy is tried again once: it may have lost its port
PING_EVERY_SECONDS = 0.05
GRACE_SECONDS = 30.0  # between SIGTERM and SIGKILL
DRAIN_SECONDS = 60.0  # the longest an invocation may take
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_SECONDS = 60.0  # after so long a life a crash counts as the first


class VariantError(Exception):
    """The variant could not start; `str()` is the endpoint's FailureReason."""


class Variant:
    """One variant of one endpoint, serving one model."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], model: Resource, served: Served) -> None:
        self.name: str = config["VariantName"]
        self.served = served
        self.model = model
        self._endpoint = endpoint
        self._startup = config.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        here = cloud.current()
        self._root = here.folder / "sagemaker/endpoint" / endpoint / f"{self.name}-{uuid.uuid4().hex[:8]}"
        self._data_version: str | None = None
        self._container: Container | None = None
        self._connections: Connections | None = None
        self._running = 0
        self._idle = threading.Condition()
        self._retired = threading.Event()

    def start(self) -> None:
        """Return when the server is healthy; after an error the caller retires the variant.

        Raises:
            VariantError: it has no model data, exits, or is not healthy within its limit.
        """
        clock = cloud.current().clock
        deadline = clock.time() + self._startup
        try:
            self._fetch()
            for _ in range(STARTS):
                container = self._launch()
                if self._becomes_healthy(container, deadline):
                    threading.Thread(target=self._keep_alive, name=f"{self._endpoint}", daemon=True).start()
                    return
                if not container.exited:
                    break
        except (ImageError, s3.DataError, ClientError, tarfile.TarError) as error:
            raise VariantError(str(error)) from error
        raise VariantError(
            f"The primary container for production variant {self.name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. Last lines:\n{container.tail}"
        )

    def serves_still(self, model: Resource, served: Served) -> bool:
        """Whether a new fleet would run exactly this: the same model, and the same bytes of its data."""
        return (
            self.model is model
            and self.served == served
            and not self._retired.is_set()
            and self._data_version == _version(served)
        )

    def enter(self) -> bool:
        """Count a request in; False once the variant is retired."""
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
            raise RuntimeError("a variant answers after its start")
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
        shutil.rmtree(self._root, ignore_errors=True)

    def say(self, lines: list[str], stream: str = "") -> None:
        """Write to the endpoint's log."""
        when = int(cloud.current().clock.time() * 1000)
        stream = stream or f"{self.name}/service"
        logs.write(f"{LOG_GROUP}/{self._endpoint}", stream, [(when, line) for line in lines])

    def _launch(self) -> Container:
        port = free_port()
        stream = f"{self.name}/i-{uuid.uuid4().hex[:17]}"
        self._container = container = Container(
            self.served.image,
            root=self._root,
            role_arn=self.served.role_arn,
            environment={
                **self.served.environment,
                "SAGEMAKER_BIND_TO_PORT": str(port),
                # a container has a network of its own, a process has not: ask it to stay on this machine
                "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
            },
            hear=lambda lines: self.say(lines, stream),
            arguments=("serve",),
        )
        self._connections = Connections(port)
        return container

    def _becomes_healthy(self, container: Container, deadline: float) -> bool:
        clock, connections = cloud.current().clock, self._connections
        while connections and clock.time() < deadline:
            if connections.ping():
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
            if self._retired.is_set() or cloud.current().closing.is_set():
                return
            crashes = 0 if clock.time() - began > STEADY_SECONDS else crashes
            pause = RESTART_SECONDS[min(crashes, len(RESTART_SECONDS) - 1)]
            crashes += 1
            self.say([f"The container exited with code {container.code}; it starts again in {pause:.0f} s."])
            if clock.wait(pause, self._retired):
                return
            with self._idle:  # not between the end and the removal of its folder
                if self._retired.is_set():
                    return
                try:
                    self._launch()
                except ImageError as error:
                    self.say([str(error)])

    def _fetch(self) -> None:
        folder = self._root / "model"
        folder.mkdir(parents=True)
        served = self.served
        self._data_version = _version(served)
        if served.data_prefix:
            s3.download({"S3Uri": served.data_prefix, "S3DataType": "S3Prefix"}, folder, served.role_arn)
        if served.data_url:
            archive = s3.download_file(served.data_url, self._root / "model.tar.gz", served.role_arn)
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            archive.unlink()


def _version(served: Served) -> str | None:
    """Which bytes the model data has now."""
    if served.data_url is None:
        return None
    bucket, key = uris.split(served.data_url)
    with contextlib.suppress(ClientError):
        return str(s3.client(served.role_arn).head_object(Bucket=bucket, Key=key)["ETag"])
    return None
