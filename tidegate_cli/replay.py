"""A model trained once more from its record alone, and held against the one that was registered.

What was recorded is checked first: an input that is not what it was is named, and nothing is trained. The job
is the recorded one under another name, with its output beside; nothing is registered.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate_cli import rebuilt_rows, registered
from tidegate_cli.failure import CommandError
from tidegate_cli.narration import Narrator
from tidegate_cli.place import Place
from tidegate_cli.registered import Registered

if TYPE_CHECKING:
    from tidegate.aws.model_package import Contents

OUTPUT = "models/replays/"  # of the lake
# of the recorded job; not its checkpoints: a replay starts from nothing
REPEATED = (
    *("AlgorithmSpecification", "HyperParameters", "InputDataConfig", "ResourceConfig", "RoleArn"),
    *("StoppingCondition", "Environment", "VpcConfig", "EnableNetworkIsolation"),
    *("EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining"),
)
# members of the manifest that a model follows from; the others follow from the model
INPUTS = (
    *("inputs", "feature_hash", "snapshot", "code_version", "code_sha256"),
    *("estimator", "parameters", "seed", "machine", "python", "libraries"),
)
MANIFEST = "manifest.json"
ENDED = ("Completed", "Failed", "Stopped")
POLL_SECONDS = 0.5
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that is known of how a model was trained."""

    found: Registered
    contents: "Contents"
    job: Mapping[str, Any]  # DescribeTrainingJob's answer

    @property
    def channel(self) -> str:
        """Where the rows lie."""
        [channel] = [each for each in self.job["InputDataConfig"] if each["ChannelName"] == "train"]
        return str(channel["DataSource"]["S3DataSource"]["S3Uri"])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a replayed model differs from the registered one."""

    files: Mapping[str, tuple[str | None, str | None]]  # sha256 of each file, registered and replayed
    inputs: tuple[str, ...]  # that were not the same, by name

    @property
    def differing(self) -> tuple[str, ...]:
        return tuple(name for name, (one, other) in self.files.items() if one != other)

    @property
    def equal(self) -> bool:
        return not self.differing and not self.inputs


def record_of(place: Place, found: Registered) -> Record:
    """Gather the record.

    Raises:
        CommandError: a part of it is gone, or it is of a release that kept none.
    """
    contents = registered.contents(place, found.model_uri)
    if "inputs" not in contents.manifest:
        raise CommandError(
            f"version {found.version} cannot be replayed",
            cause="its manifest does not say what it was trained on: it is of an older release",
        )
    arn = found.metadata.get("training_job", "")
    try:
        job = place.client("sagemaker").describe_training_job(TrainingJobName=arn.rpartition("/")[2])
    except ClientError as cause:
        raise CommandError(
            f"the training job of version {found.version} is gone", cause=str(cause)
        ) from cause
    return Record(found=found, contents=contents, job=job)


def changed_inputs(place: Place, record: Record, narrator: Narrator) -> list[str]:
    """Names of recorded inputs that are not what they were; empty when a replay can begin.

    Raises:
        CommandError: the rows are gone, and cannot be made again.
    """
    from tidegate.training.training_inputs import differences

    manifest, found = record.contents.manifest, record.found
    names = [f"artefact.{name}: other bytes than its manifest says" for name in record.contents.changed]
    told = found.metadata.get("artefact_sha256", "")
    names += differences(told, manifest["sha256"].get(MANIFEST), "artefact")
    names += differences(found.image, record.job["AlgorithmSpecification"]["TrainingImage"], "image")
    given = {name: value for name, value in record.job["HyperParameters"].items() if name[0] != "_"}
    names += differences(manifest["inputs"]["hyperparameters"], given, "hyperparameters")
    names += differences(manifest["inputs"]["rows"], _rows(place, record, narrator), "rows")
    return names


def train(place: Place, record: Record, narrator: Narrator) -> str:
    """Run the recorded job again; the URI of the model it makes.

    Raises:
        CommandError: it cannot be started, or does not complete.
    """
    sagemaker = place.client("sagemaker")
    name = f"replay-{record.found.run}-{secrets.token_hex(3)}"
    request = {member: record.job[member] for member in REPEATED if member in record.job}
    output = {"S3OutputPath": f"s3://{place.outputs['LakeBucket']}/{OUTPUT}"}
    try:
        sagemaker.create_training_job(TrainingJobName=name, OutputDataConfig=output, **request)
    except ClientError as cause:
        hint = "is its image still there? older ones may be removed by an update"
        raise CommandError("the replay could not be started", cause=str(cause), hint=hint) from cause
    narrator.say("replay", name)
    began = time.monotonic()
    while (job := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] not in ENDED:
        narrator.waiting(f"{name}  {job['SecondaryStatus']}, {time.monotonic() - began:.0f} s")
        time.sleep(POLL_SECONDS)
    if job["TrainingJobStatus"] != "Completed":
        reason = job.get("FailureReason") or job["SecondaryStatus"]
        raise CommandError(f"the job `{name}` ended {job['TrainingJobStatus']}", cause=reason)
    return str(job["ModelArtifacts"]["S3ModelArtifacts"])


def compare(original: "Contents", replayed: "Contents") -> Comparison:
    """Files by their bytes, inputs by what either manifest says.

    The manifest itself is not among the files: what it measures, such as times, is no part of the model.
    """
    from tidegate.training.training_inputs import differences

    names = sorted({*original.sha256, *replayed.sha256})
    before, after = (
        {name: each.manifest[name] for name in INPUTS if name in each.manifest}
        for each in (original, replayed)
    )
    return Comparison(
        files={name: (original.sha256.get(name), replayed.sha256.get(name)) for name in names},
        inputs=tuple(differences(before, after)),
    )


def _rows(place: Place, record: Record, narrator: Narrator) -> dict[str, str]:
    """sha256 of every file of the channel, by its path in it; made again where there is none."""
    found = dict(_digests(place, record.channel))
    if not found:
        metadata = record.found.metadata
        narrator.say("rows", f"gone from {record.channel}; made again of `{metadata.get('train_tag', '')}`")
        rebuilt_rows.rebuild(place, metadata)
        found = dict(_digests(place, record.channel))
    return found


def _digests(place: Place, uri: str) -> Iterator[tuple[str, str]]:
    s3 = place.client("s3")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            total = hashlib.sha256()
            for piece in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].iter_chunks(PIECE_BYTES):
                total.update(piece)
            yield item["Key"].removeprefix(prefix).lstrip("/"), total.hexdigest()
