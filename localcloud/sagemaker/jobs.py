"""What training, processing and tuning jobs share: status, stop, limit, logs and an end."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError

from localcloud import cloud, logs
from localcloud.sagemaker import signals
from localcloud.sagemaker.containers import Container, ImageError
from localcloud.sagemaker.resources import Resource, now, without_tags
from localcloud.sagemaker.s3 import DataError, Mirror

GRACE_SECONDS = 120.0  # between SIGTERM and SIGKILL, as the guide of training containers says
SYNC_SECONDS = 5.0  # between two copies of a folder that is kept in S3
REASON_LIMIT = 1024
DEFAULT_LIMIT_SECONDS = 86400

_logger = logging.getLogger(__name__)


class JobError(Exception):
    """The job fails by its own doing; `str()` is the FailureReason."""


class Job(Resource):
    """One job, from InProgress to Completed, Failed or Stopped, on a thread of its own."""

    kind: ClassVar[str]  # as in TrainingJob
    title: ClassVar[str]  # as in the detail type of its events
    times_as_text: ClassVar[bool] = True  # in its events

    def __init__(self, arn: str, request: Mapping[str, Any]) -> None:
        self.name: str = request[f"{self.kind}JobName"]
        self.stop_asked = threading.Event()
        self.ended = threading.Event()
        self.root = cloud.current().folder / "sagemaker" / arn.rpartition(":")[2]
        self._container: Container | None = None
        self._on_end: list[Callable[[Job], None]] = []
        answer = {
            **without_tags(request),
            f"{self.kind}JobArn": arn,
            f"{self.kind}JobStatus": "InProgress",
        }
        super().__init__(arn, answer, request.get("Tags"))
        self.update()

    @property
    def status(self) -> str:
        return str(self.answer[f"{self.kind}JobStatus"])

    def run(self) -> None:
        """Do the work and call `finish`. A JobError, DataError or ImageError fails the job."""
        raise NotImplementedError

    def start(self, on_end: Callable[["Job"], None] | None = None) -> None:
        if on_end:
            self._on_end.append(on_end)
        self.announce()
        threading.Thread(target=self._live, name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Ask it to end: its container gets SIGTERM, and SIGKILL 120 s later."""
        with self._lock:
            if self.status not in {"InProgress", "Stopping"}:
                kind = self.title.lower()
                raise ValidationError(
                    f"The request was rejected because the {kind} job is in status {self.status}."
                )
            if self.stop_asked.is_set():
                return
            self.stopping()
            self.stop_asked.set()
            container = self._container
        self.announce()
        if container:
            cloud.current().submit(container.end, GRACE_SECONDS)

    def stopping(self) -> None:
        self.update(**{f"{self.kind}JobStatus": "Stopping"})

    def finish(self, status: str, **changes: Any) -> None:
        """The last word on the job."""
        self.update(**{f"{self.kind}JobStatus": status, f"{self.kind}EndTime": now(), **changes})
        cloud.current().endings.tell()
        self.announce()

    def fail(self, reason: str) -> None:
        self.finish("Failed", FailureReason=reason[:REASON_LIMIT])

    def announce(self) -> None:
        signals.event(
            f"SageMaker {self.title} Job State Change",
            self.answer,
            arn=self.arn,
            tags=self.tags,
            times_as_text=self.times_as_text,
        )

    def follow(
        self,
        image_uri: str,
        *,
        log_group: str,
        environment: Mapping[str, str],
        entrypoint: Sequence[str] | None,
        arguments: Sequence[str] | None,
        hear: Callable[[list[str]], None] = lambda _: None,
        mirrors: Sequence[Mirror] = (),
    ) -> tuple[Container, bool]:
        """Run the job's container to its end; the container, and whether it ended within its limit.

        `mirrors` are kept in S3 meanwhile, and once more after the end.
        """
        stream = f"{self.name}/algo-1-{int(cloud.current().clock.time())}"

        def listen(lines: list[str]) -> None:
            when = int(cloud.current().clock.time() * 1000)
            logs.write(log_group, stream, [(when, line) for line in lines])
            hear(lines)

        with self._lock:
            self._container = container = Container(
                image_uri,
                root=self.root,
                role_arn=self.answer["RoleArn"],
                environment=environment,
                hear=listen,
                entrypoint=entrypoint,
                arguments=arguments,
            )
            stopped_before = self.stop_asked.is_set()
        if stopped_before:
            container.end(GRACE_SECONDS)
        limit = self.answer.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_LIMIT_SECONDS)
        while not container.wait(min(limit, SYNC_SECONDS) if mirrors else limit):
            for mirror in mirrors:
                mirror.push()
            limit -= SYNC_SECONDS if mirrors else limit
            if limit <= 0:
                break
        in_time = container.exited
        container.end(GRACE_SECONDS)
        for mirror in mirrors:
            mirror.push()
        return container, in_time

    def _live(self) -> None:
        started = time.perf_counter()
        try:
            self.run()
        except JobError as error:
            self.fail(str(error))
        except (DataError, ImageError) as error:
            self.fail(f"ClientError: {error}")
        except Exception as error:
            if not cloud.current().closing.is_set():
                _logger.exception("%s broke after %.1f s", self.name, time.perf_counter() - started)
                self.fail(f"InternalServerError: {error!r}")
        finally:
            shutil.rmtree(self.root, ignore_errors=True)
            self.ended.set()
            for tell in self._on_end:
                tell(self)


def failure(text: str, code: int) -> JobError:
    """The container's own failure, in the form that SageMaker gives it."""
    suffix = f", exit code: {code}"
    room = REASON_LIMIT - len("AlgorithmError: ") - len(suffix)
    return JobError(f"AlgorithmError: {text[:room].strip()}{suffix}")


def register(jobs: dict[str, Any], job: Job) -> None:
    """Keep the job under its name, which no other job of its kind may ever take."""
    if taken := jobs.get(job.name):
        raise ResourceInUseException(
            f"{job.title} job names must be unique within an AWS account and region, "
            f"and a {job.title.lower()} job with this name already exists ({taken.arn})"
        )
    jobs[job.name] = job


def find(jobs: Mapping[str, Any], name: str) -> Any:
    if job := jobs.get(name):
        return job
    raise ValidationError("Requested resource not found.")


def read_text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
