"""What every part of the local cloud shares: where it listens, its clock, its threads and its children."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config

from localcloud.clock import Clock
from localcloud.endings import Endings
from localcloud.host import sitecustomize as host

ACCOUNT = "123456789012"
REGION = "us-east-1"
STOP_SECONDS = 5.0

_current: "Cloud | None" = None


class Cloud:
    """One running local cloud. moto builds its backends itself, so parts find this through `current()`."""

    def __init__(self, url: str, folder: Path, kept: Path | None = None) -> None:
        self.url = url
        self.folder = folder  # scratch: unpacked code, job roots, logs of workers; removed at close
        self.kept = kept or folder  # what outlives this cloud, where it was given a folder for that
        self.account = ACCOUNT
        self.region = REGION
        self.clock_file = folder / "clock"
        self.clock = Clock(self.clock_file)
        self.closing = threading.Event()
        self.endings = Endings()
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="cloud")
        self._children: set[subprocess.Popen[Any]] = set()
        self._closers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._followed: host.CloudTime | None = None

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    @functools.cache  # noqa: B019  one Cloud lives as long as its process
    def client(self, service: str) -> Any:
        """A boto3 client on this cloud, acting as the person at the keyboard."""
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  a dummy: nothing here checks it
            config=Config(
                retries={"max_attempts": 0}, max_pool_connections=64, s3={"addressing_style": "path"}
            ),
        )

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._pool.submit(work, *arguments)

    def on_close(self, closer: Callable[[], None]) -> None:
        self._closers.append(closer)

    def child_environment(self) -> dict[str, str]:
        """What any process started here begins with: this cloud's address, and no way to real AWS."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.folder),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "TMPDIR": str(self.folder),
            "TZ": "UTC",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": self.url,  # its plug-in ignores AWS_ENDPOINT_URL
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PYTHONUNBUFFERED": "1",
            host.CLOCK_FILE: str(self.clock_file),
        }

    def python_path(self, *folders: Path) -> str:
        """What a process started here imports from: its host's folder first, then its own."""
        return os.pathsep.join(map(str, (Path(host.__file__).parent, *folders)))

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        environment: dict[str, str],
        stdout: int | IO[Any] | None = subprocess.PIPE,
        stderr: int | IO[Any] | None = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own; it ends with this cloud at the latest."""
        if not environment.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
            raise RuntimeError("refused: a worker without this cloud's AWS_ENDPOINT_URL could reach real AWS")
        with self._lock:
            if self.closing.is_set():
                raise RuntimeError("the local cloud is closing")
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self._children = {c for c in self._children if c.poll() is None} | {child}
        return child

    def follow_clock(self) -> None:
        """Let moto, and all else in this process, read this cloud's clock."""
        if self._followed is None:
            self._followed = host.follow(self.clock_file)

    def leave_clock(self) -> None:
        followed, self._followed = self._followed, None
        if followed is not None:
            host.leave(followed)

    def close(self) -> None:
        """End everything this cloud started: closers first, then SIGTERM, then SIGKILL to what is left."""
        with self._lock:
            if self.closing.is_set():
                return
            self.closing.set()
        self.endings.tell()
        for closer in reversed(self._closers):
            with contextlib.suppress(Exception):  # one part that cannot close must not keep the rest alive
                closer()
        children = [child for child in self._children if child.poll() is None]
        for child in children:
            signal_group(child, signal.SIGTERM)
        for child in children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                signal_group(child, signal.SIGKILL)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.leave_clock()


def signal_group(child: "subprocess.Popen[Any]", number: int) -> None:
    """Signal a child and all it started; it leads a process group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def current() -> Cloud:
    if _current is None:
        raise RuntimeError("no local cloud runs in this process")
    return _current


def install(cloud: Cloud) -> None:
    """Make it the cloud of this process, which then reads its clock, until it closes or another comes."""
    global _current  # noqa: PLW0603  moto constructs its backends without arguments of ours
    if _current is not None:
        _current.leave_clock()
    _current = cloud
    cloud.follow_clock()
