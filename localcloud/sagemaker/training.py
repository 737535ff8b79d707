"""Training jobs: the container's file contract around a process, from input channels to model.tar.gz.

Limits, each refused by name where a request asks for it: one instance, File and FastFile input (FastFile is
copied like File), S3 as the only source. Spot capacity is never interrupted. VPC, encryption, network
isolation and retries are kept and have no effect.

Source:
    SageMaker guide, "How Amazon SageMaker provides training information" and "How Amazon SageMaker
    processes training output"; the tuning events and describe members are botocore's shapes.
"""

import contextlib
import json
import math
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud.sagemaker import jobs, s3, signals, uris
from localcloud.sagemaker.containers import local
from localcloud.sagemaker.jobs import Job
from localcloud.sagemaker.metrics import MetricScan
from localcloud.sagemaker.resources import now

NAMESPACE = "/aws/sagemaker/TrainingJobs"  # of its logs and of its metrics
CHECKPOINTS = "/opt/ml/checkpoints"
GZIP_LEVEL = 6

# what DescribeTrainingJob says of each secondary status
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}

OnMetric = Callable[["TrainingJob", str, float], bool]  # whether the value counts


class TrainingJob(Job):
    """One fit of a model."""

    kind = "Training"
    title = "Training"

    def __init__(
        self, arn: str, request: Mapping[str, Any], *, on_metric: OnMetric | None = None, **more: Any
    ) -> None:
        """`more` are members of the answer that a tuning job knows; `on_metric` hears each value."""
        super().__init__(arn, request)
        self._on_metric = on_metric
        algorithm = dict(self.answer["AlgorithmSpecification"])
        self._scan = MetricScan(algorithm.get("MetricDefinitions", []))
        algorithm["EnableSageMakerMetricsTimeSeries"] = bool(algorithm.get("MetricDefinitions"))
        flags = (
            "EnableNetworkIsolation",
            "EnableInterContainerTrafficEncryption",
            "EnableManagedSpotTraining",
        )
        self.update(
            AlgorithmSpecification=algorithm,
            **{flag: self.answer.get(flag, False) for flag in flags},
            **more,
        )
        self.enter("Starting")

    def enter(self, secondary: str, **changes: Any) -> None:
        """The next stage of the job: it closes the one before it in SecondaryStatusTransitions."""
        with self._lock:
            moment = now()
            passed = [dict(each) for each in self.answer.get("SecondaryStatusTransitions", [])]
            if passed:
                passed[-1]["EndTime"] = moment
            step = {"Status": secondary, "StartTime": moment, "StatusMessage": MESSAGES[secondary]}
            if secondary in {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded"}:
                step["EndTime"] = moment
            self.update(SecondaryStatus=secondary, SecondaryStatusTransitions=[*passed, step], **changes)

    def stopping(self) -> None:
        self.enter("Stopping", TrainingJobStatus="Stopping")

    def finish(self, status: str, **changes: Any) -> None:
        secondary = changes.pop("SecondaryStatus", status)
        if began := self.answer.get("TrainingStartTime"):
            seconds = math.ceil((now() - began).total_seconds())
            changes |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": max(1, seconds)}
        self.enter(secondary, TrainingJobStatus=status, TrainingEndTime=now(), **changes)
        self.announce()

    def run(self) -> None:
        self._advance("Downloading", TrainingStartTime=now())
        self._fill()
        mirrors = self._restore_checkpoints()
        if self.stop_asked.is_set():
            self.finish("Stopped")
            return
        self._advance("Training")
        algorithm = self.answer["AlgorithmSpecification"]
        entrypoint, arguments = algorithm.get("ContainerEntrypoint"), algorithm.get("ContainerArguments")
        container, in_time = self.follow(
            algorithm["TrainingImage"],
            log_group=NAMESPACE,
            environment={
                **self.answer.get("Environment", {}),
                "TRAINING_JOB_NAME": self.name,
                "TRAINING_JOB_ARN": self.arn,
            },
            entrypoint=entrypoint,
            arguments=arguments if entrypoint or arguments else ("train",),
            hear=self._read_metrics,
            mirrors=mirrors,
        )
        self._upload_output()
        if container.code and in_time and not self.stop_asked.is_set():
            text = jobs.read_text(self.root / "output/failure")
            raise jobs.failure(container.tail if text is None else text, container.code)
        if not self.stop_asked.is_set():
            self._advance("Uploading")
        artifacts = self._upload_model()
        if self.stop_asked.is_set():
            self.finish("Stopped", ModelArtifacts=artifacts)
        elif not in_time:
            self.finish("Stopped", SecondaryStatus="MaxRuntimeExceeded", ModelArtifacts=artifacts)
        else:
            self.finish("Completed", ModelArtifacts=artifacts)

    def _advance(self, secondary: str, **changes: Any) -> None:
        with self._lock:
            if self.stop_asked.is_set():
                return
            self.enter(secondary, **changes)
        self.announce()

    def _fill(self) -> None:
        for folder in ("input/config", "input/data", "model", "output/data", "code"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        channels = self.answer.get("InputDataConfig", [])
        for name, content in _config_files(self.answer, channels).items():
            (self.root / "input/config" / name).write_text(json.dumps(content))
        for channel in channels:
            folder = self.root / "input/data" / channel["ChannelName"]
            s3.download(channel["DataSource"]["S3DataSource"], folder, self.answer["RoleArn"])

    def _restore_checkpoints(self) -> list[s3.Mirror]:
        """Fetch what an earlier run of the job kept; changes go back to S3 while it runs."""
        config, role = self.answer.get("CheckpointConfig"), self.answer["RoleArn"]
        if not config:
            return []
        folder = local(config.get("LocalPath", CHECKPOINTS), self.root)
        source = {"S3Uri": config["S3Uri"].rstrip("/") + "/", "S3DataType": "S3Prefix"}
        with contextlib.suppress(s3.DataError):  # the first run finds none
            s3.download(source, folder, role)
        return [s3.Mirror(folder, config["S3Uri"], role, deletes=True)]

    def _read_metrics(self, lines: list[str]) -> None:
        for line in lines:
            for name, value in self._scan.values(line):
                if self._on_metric and not self._on_metric(self, name, value):
                    continue
                found = {"MetricName": name, "Value": value, "Timestamp": now()}
                with self._lock:
                    others = [
                        m for m in self.answer.get("FinalMetricDataList", []) if m["MetricName"] != name
                    ]
                    self.update(FinalMetricDataList=[*others, found])
                signals.metric(NAMESPACE, name, {"TrainingJobName": self.name}, value)

    def _upload_model(self) -> dict[str, str]:
        base = uris.join(self.answer["OutputDataConfig"]["S3OutputPath"], self.name, "output")
        role, folder = self.answer["RoleArn"], self.root / "model"
        if self.answer["OutputDataConfig"].get("CompressionType") == "NONE":
            uri = f"{base}/model/"
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                s3.put_file(path, uri + path.relative_to(folder).as_posix(), role)
            return {"S3ModelArtifacts": uri}
        uri = f"{base}/model.tar.gz"
        s3.put_file(pack(folder, self.root / "model.tar.gz"), uri, role)
        return {"S3ModelArtifacts": uri}

    def _upload_output(self) -> None:
        folder = self.root / "output/data"
        if folder.is_dir() and any(folder.iterdir()):
            base = uris.join(self.answer["OutputDataConfig"]["S3OutputPath"], self.name, "output")
            archive = pack(folder, self.root / "output.tar.gz")
            s3.put_file(archive, f"{base}/output.tar.gz", self.answer["RoleArn"])


def check(request: Mapping[str, Any]) -> None:
    """Refuse what this machine cannot do, by name; run the rest as AWS would."""
    resources = request.get("ResourceConfig", {})
    if resources.get("InstanceCount", 1) != 1 or "InstanceGroups" in resources:
        raise ValidationError("The local cloud runs a training job on one instance: InstanceCount must be 1.")
    for channel in request.get("InputDataConfig", []):
        where = f"channel '{channel['ChannelName']}'"
        mode = channel.get("InputMode") or request["AlgorithmSpecification"].get("TrainingInputMode", "File")
        if mode not in {"File", "FastFile"}:
            raise ValidationError(
                f"The local cloud has File and FastFile input only, {where} asks for {mode}."
            )
        source = channel["DataSource"].get("S3DataSource")
        if source is None or source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
            raise ValidationError(f"The local cloud reads S3Prefix and ManifestFile only, not {where}.")
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise ValidationError(
            "The local cloud runs containers only: AlgorithmSpecification needs TrainingImage."
        )
    path = request.get("CheckpointConfig", {}).get("LocalPath", CHECKPOINTS)
    if not path.startswith("/opt/ml/"):
        raise ValidationError(f"The local cloud keeps checkpoints under /opt/ml only, not in {path}.")
    try:
        MetricScan(request["AlgorithmSpecification"].get("MetricDefinitions", []))
    except ValueError as error:
        raise ValidationError(str(error)) from error


def pack(folder: Path, archive: Path) -> Path:
    """A gzipped tar of what is in the folder, its names relative to it."""
    with tarfile.open(archive, "w:gz", compresslevel=GZIP_LEVEL) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


def _config_files(answer: Mapping[str, Any], channels: list[dict[str, Any]]) -> dict[str, Any]:
    kept = ("ContentType", "CompressionType", "RecordWrapperType", "ShuffleConfig")
    mode = answer["AlgorithmSpecification"].get("TrainingInputMode", "File")
    described = {
        channel["ChannelName"]: {
            **{name: channel[name] for name in kept if name in channel},
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        for channel in channels
    }
    return {
        "hyperparameters.json": answer.get("HyperParameters", {}),
        "inputdataconfig.json": described,
        "resourceconfig.json": {
            "current_host": "algo-1",
            "current_instance_type": answer["ResourceConfig"].get("InstanceType"),
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "network_interface_name": "eth0",
        },
    }


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    check(request)
    job = TrainingJob(backend.arn("training-job", request["TrainingJobName"]), request)
    jobs.register(backend.training_jobs, job)
    job.start()
    return {"TrainingJobArn": job.arn}
