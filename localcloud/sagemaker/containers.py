"""A container as a process: the command of an image, run in its folder, its output heard line by line.

Everything AWS puts under /opt/ml lies under the folder named by SAGEMAKER_BASE_DIR, the variable of AWS's own
toolkits. There is no isolation: network settings, volumes and instance types of a request have no effect.
"""

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from localcloud import cloud, identity, images
from localcloud.sagemaker import mlflow_apps

ML = PurePosixPath("/opt/ml")
TAIL_LINES = 20
READ_SECONDS = 5.0  # for the last of the output, should something outlive SIGKILL and keep the pipe open

Hear = Callable[[list[str]], None]

_logger = logging.getLogger(__name__)


class ImageError(Exception):
    """The image cannot be found or its command cannot be started; `str()` is fit for FailureReason."""


def command(
    image: images.Image, entrypoint: Sequence[str] | None, arguments: Sequence[str] | None
) -> list[str]:
    """What runs: an entry point given replaces the image's and its CMD, arguments alone replace the CMD."""
    if entrypoint:
        return [*entrypoint, *(arguments or ())]
    return [*image.entrypoint, *(image.command if arguments is None else arguments)]


def local(path: str, root: Path) -> Path:
    """Where a path of the container lies on this machine."""
    return root / PurePosixPath(path).relative_to(ML)


class Container:
    """One started process. Like a container, it is over when its first process is."""

    def __init__(
        self,
        image_uri: str,
        *,
        root: Path,
        role_arn: str,
        environment: Mapping[str, str],
        hear: Hear,
        entrypoint: Sequence[str] | None = None,
        arguments: Sequence[str] | None = None,
    ) -> None:
        here = cloud.current()
        try:
            image = images.find(image_uri)
            scratch = root / "tmp"
            scratch.mkdir(parents=True, exist_ok=True)
            self._process = here.spawn(
                command(image, entrypoint, arguments),
                cwd=image.folder,
                environment={
                    **here.child_environment(),
                    **image.environment,
                    **mlflow_apps.resolved(environment),
                    **identity.credentials(role_arn),
                    "PYTHONPATH": here.python_path(image.folder),
                    "SAGEMAKER_BASE_DIR": str(root),
                    "TMPDIR": str(scratch),
                },
            )
        except (LookupError, ValueError, OSError) as error:
            raise ImageError(f"Cannot run the container of image {image_uri}: {error}") from error
        self._over = threading.Condition()
        self._is_over = False
        self._hear = hear
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = threading.Thread(target=self._read, name=f"output of {image_uri}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._await, name=f"exit of {image_uri}", daemon=True).start()

    @property
    def code(self) -> int:
        """Its exit code; a signal is reported as a shell and Docker do."""
        code = self._process.poll()
        return 0 if code is None else code if code >= 0 else 128 - code

    @property
    def tail(self) -> str:
        """The last lines it printed."""
        return "\n".join(self._tail)

    @property
    def exited(self) -> bool:
        return self._is_over

    def wait(self, seconds: float | None = None) -> bool:
        """Wait that long on the cloud's clock for it to exit; whether it did."""
        return cloud.current().clock.wait_for(self._over, lambda: self._is_over, seconds)

    def end(self, grace_seconds: float) -> None:
        """SIGTERM to its first process, SIGKILL to all of it when the grace is over."""
        if not self._is_over:
            self._process.send_signal(signal.SIGTERM)
        # The process lives in real time, so its grace does: a jump of the cloud's clock must not cut it.
        with self._over:
            if not self._over.wait_for(lambda: self._is_over, grace_seconds):
                cloud.signal_group(self._process, signal.SIGKILL)
                self._over.wait_for(lambda: self._is_over)

    def _await(self) -> None:
        self._process.wait()
        cloud.signal_group(self._process, signal.SIGKILL)  # what it left behind
        self._reader.join(READ_SECONDS)
        with self._over:
            self._is_over = True
            self._over.notify_all()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("a container's output must be a pipe")
        rest = b""
        while chunk := output.read1(1 << 16):  # type: ignore[attr-defined]
            *whole, rest = (rest + chunk).split(b"\n")
            self._say(whole)
        self._say([rest])

    def _say(self, raw: list[bytes]) -> None:
        lines = [text for line in raw if (text := line.decode("utf-8", "replace").rstrip())]
        if lines:
            self._tail.extend(lines)
            try:
                self._hear(lines)
            except Exception:  # an unheard line must not block the process that prints the next
                _logger.exception("output of a container was lost")
