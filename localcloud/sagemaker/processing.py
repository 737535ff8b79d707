"""Processing jobs: S3 inputs and outputs around one process.

Limits, each refused by name where a request asks for it: one instance, File inputs from S3, no dataset
definitions, no feature store outputs.

Source:
    SageMaker guide, "How to build your own processing container"; members are botocore's shapes.
"""

import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud.sagemaker import jobs, s3, uris
from localcloud.sagemaker.containers import local
from localcloud.sagemaker.jobs import Job, JobError
from localcloud.sagemaker.resources import now

NAMESPACE = "/aws/sagemaker/ProcessingJobs"
MESSAGE_BYTES = 1024
# members that processingjobconfig.json always has, null where the request leaves them out
CONFIG = (
    "ProcessingJobArn",
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
)


class ProcessingJob(Job):
    """One run of a container over data: an evaluation, a report, a feature computation."""

    kind = "Processing"
    title = "Processing"

    def run(self) -> None:
        for source in self.answer.get("ProcessingInputs", []):
            self._fetch(source["S3Input"])
        self._write_config()
        outputs = [output["S3Output"] for output in self._outputs()]
        for output in outputs:
            self._folder(output).mkdir(parents=True, exist_ok=True)
        role = self.answer["RoleArn"]
        continuous = [
            s3.Mirror(self._folder(output), output["S3Uri"], role, deletes=False)
            for output in outputs
            if output["S3UploadMode"] == "Continuous"
        ]
        if self.stop_asked.is_set():
            self.finish("Stopped")
            return
        self.update(ProcessingStartTime=now())
        app = self.answer["AppSpecification"]
        container, in_time = self.follow(
            app["ImageUri"],
            log_group=NAMESPACE,
            environment=self.answer.get("Environment", {}),
            entrypoint=app.get("ContainerEntrypoint"),
            arguments=app.get("ContainerArguments"),
            mirrors=continuous,
        )
        message = self._message()
        if self.stop_asked.is_set():
            self.finish("Stopped", ExitMessage=message)
            return
        if not in_time:
            reason = "Processing job runtime exceeded MaxRuntimeInSeconds provided"
            self.finish("Stopped", ExitMessage=message, FailureReason=reason)
            return
        self.update(ExitMessage=message)
        if container.code:
            raise jobs.failure(message or container.tail, container.code)
        for output in outputs:
            if output["S3UploadMode"] == "EndOfJob":
                self._upload(output)
        self.finish("Completed")

    def _outputs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.answer.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return found

    def _folder(self, output: Mapping[str, Any]) -> Path:
        return local(output["LocalPath"], self.root)

    def _fetch(self, source: Mapping[str, Any]) -> None:
        folder = self._folder(source)
        s3.download(source, folder, self.answer["RoleArn"])
        if source.get("S3CompressionType") == "Gzip":
            for path in folder.rglob("*.gz"):
                path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
                path.unlink()

    def _upload(self, output: Mapping[str, Any]) -> None:
        folder = self._folder(output)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                uri = uris.join(output["S3Uri"], path.relative_to(folder).as_posix())
                s3.put_file(path, uri, self.answer["RoleArn"])

    def _write_config(self) -> None:
        folder = self.root / "config"
        folder.mkdir(parents=True)
        request = {name: self.answer.get(name) for name in CONFIG}
        (folder / "processingjobconfig.json").write_text(json.dumps(request, default=datetime.isoformat))
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (folder / "resourceconfig.json").write_text(json.dumps(hosts))
        (self.root / "output").mkdir(exist_ok=True)

    def _message(self) -> str | None:
        path = self.root / "output/message"
        if not path.is_file():
            return None
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise JobError("ClientError: the exit message of the container is not UTF-8") from error
        return text.encode()[:MESSAGE_BYTES].decode(errors="ignore") or None


def check(request: Mapping[str, Any]) -> None:
    """Refuse what this machine cannot do, by name."""
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise ValidationError(
            "The local cloud runs a processing job on one instance: InstanceCount must be 1."
        )
    for source in request.get("ProcessingInputs", []):
        where, wanted = f"input '{source['InputName']}'", source.get("S3Input")
        if wanted is None:
            raise ValidationError(f"The local cloud reads S3Input only, not {where}.")
        if wanted.get("S3InputMode", "File") != "File":
            raise ValidationError(f"The local cloud has File inputs only, {where} asks for Pipe.")
        _check_path(wanted.get("LocalPath", ""), where)
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        where = f"output '{output['OutputName']}'"
        if "S3Output" not in output:
            raise ValidationError(f"The local cloud writes S3Output only, not {where}.")
        _check_path(output["S3Output"].get("LocalPath", ""), where)


def _check_path(path: str, where: str) -> None:
    if not path.startswith("/opt/ml/processing/"):
        raise ValidationError(f"LocalPath of {where} must begin with /opt/ml/processing/, got '{path}'.")


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    check(request)
    job = ProcessingJob(backend.arn("processing-job", request["ProcessingJobName"]), request)
    jobs.register(backend.processing_jobs, job)
    job.start()
    return {"ProcessingJobArn": job.arn}
