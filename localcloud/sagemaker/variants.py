"""A production variant: one model on as many instances as its count says, which take requests in turn.

The first four instances are processes; a higher count is a number only.
"""

import contextlib
import itertools
import shutil
import tarfile
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud import cloud, logs
from localcloud.sagemaker import s3, uris
from localcloud.sagemaker.containers import ImageError
from localcloud.sagemaker.inference_models import Served
from localcloud.sagemaker.instances import Instance, UnhealthyError
from localcloud.sagemaker.resources import Resource

LOG_GROUP = "/aws/sagemaker/Endpoints"
STARTUP_SECONDS = 240
PROCESSES = 4  # at most, of one variant: a laptop has few cores


class VariantError(Exception):
    """The variant could not start; `str()` is the endpoint's FailureReason."""


class Variant:
    """One variant of one endpoint, serving one model."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], model: Resource, served: Served) -> None:
        self.name: str = config["VariantName"]
        self.served = served
        self.model = model
        self.count = 1  # of instances, those that are numbers only included
        self.instance_type: str | None = config.get("InstanceType")
        self._endpoint = endpoint
        self._startup = config.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS)
        here = cloud.current()
        self._root = here.folder / "sagemaker/endpoint" / endpoint / f"{self.name}-{uuid.uuid4().hex[:8]}"
        self._data_version: str | None = None
        self._instances: tuple[Instance, ...] = ()  # replaced whole, as requests read it without a lock
        self._turns = itertools.count()
        self._resizing = threading.Lock()
        self._retired = False

    def start(self, count: int) -> None:
        """Return when every instance is healthy; after an error the caller retires the variant.

        Raises:
            VariantError: it has no model data, exits, or is not healthy within its limit.
        """
        try:
            self._fetch()
        except (s3.DataError, ClientError, tarfile.TarError) as error:
            raise VariantError(str(error)) from error
        self.resize(count)

    def resize(self, count: int) -> None:
        """Have `count` instances: new ones are healthy before they take part, spare ones are drained.

        Raises:
            VariantError: a new one does not become healthy; those that serve go on.
        """
        wanted = max(1, min(count, PROCESSES))
        with self._resizing:
            if self._retired:
                return
            new = [Instance(self.served, self._root, self._say) for _ in range(wanted - len(self._instances))]
            deadline = cloud.current().clock.time() + self._startup
            starts = [cloud.current().submit(instance.start, deadline) for instance in new]
            errors = [error for start in starts if (error := start.exception())]
            if errors:
                _retire(new)
                raise self._failure(errors[0])
            kept = sorted(self._instances, key=lambda each: not each.is_up)  # of spare ones the broken go
            spare = kept[wanted:]
            self._instances = (*kept[:wanted], *new)
            self.count = max(count, 1)
            _retire(spare)

    def serves_still(self, config: Mapping[str, Any], model: Resource, served: Served) -> bool:
        """Whether a new fleet would run exactly this: the same model, and the same bytes of its data."""
        return (
            self.model is model
            and self.served == served
            and self.instance_type == config.get("InstanceType")
            and not self._retired
            and self._data_version == _version(served)
        )

    def admit(self) -> Instance | None:
        """The instance whose turn it is, the request counted in; None once the variant is retired.

        One whose process is down is passed over while another is up, as a load balancer does.
        """
        while not self._retired:
            instances = self._instances
            first = next(self._turns)
            turns = [instances[(first + step) % len(instances)] for step in range(len(instances))]
            for instance in sorted(turns, key=lambda each: not each.is_up):
                if instance.enter():
                    return instance
        return None

    def retire(self) -> None:
        """Take no more requests, let those under way finish, and end the processes."""
        self._retired = True
        with self._resizing:
            _retire(self._instances)
        shutil.rmtree(self._root, ignore_errors=True)

    def say(self, lines: list[str], stream: str = "") -> None:
        """Write to the endpoint's log."""
        self._say(lines, stream or "service")

    def _say(self, lines: list[str], stream: str) -> None:
        when = int(cloud.current().clock.time() * 1000)
        events = [(when, line) for line in lines]
        logs.write(f"{LOG_GROUP}/{self._endpoint}", f"{self.name}/{stream}", events)

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, UnhealthyError):
            return VariantError(
                f"The primary container for production variant {self.name} did not pass the ping health "
                f"check. Please check CloudWatch logs for this endpoint. Last lines:\n{error}"
            )
        return VariantError(str(error)) if isinstance(error, ImageError) else error

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


def _retire(instances: list[Instance] | tuple[Instance, ...]) -> None:
    for retirement in [cloud.current().submit(instance.retire) for instance in instances]:
        retirement.result()


def _version(served: Served) -> str | None:
    """Which bytes the model data has now."""
    if served.data_url is None:
        return None
    bucket, key = uris.split(served.data_url)
    with contextlib.suppress(ClientError):
        return str(s3.client(served.role_arn).head_object(Bucket=bucket, Key=key)["ETag"])
    return None
