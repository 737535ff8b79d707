"""`tidegate replay` on real training jobs: equal twice, and one changed byte of any input is named.

The job is the test's: it records what it was given as ours does, and its model's bytes follow from all of it.
"""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from registry_account import registry, typed  # noqa: F401
from sagemaker_cloud import unique

from localcloud import images

JOB = """
import hashlib, json, os, pathlib
from tidegate.training import training_inputs
from tidegate.feature_store.feature_hash import digest

root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
given = json.loads((root / "input/config/hyperparameters.json").read_text())
if given["depth"] == "0":
    raise SystemExit("no depth")
inputs = {"rows": training_inputs.files(root / "input/data/train"), "hyperparameters": given}
code = training_inputs.code(pathlib.Path(__file__).parent)
model = json.dumps([inputs, code], sort_keys=True).encode()
manifest = {"run": given["run"], "inputs": inputs, "code_sha256": code, "snapshot": "flights@7"}
manifest["sha256"] = {"model.skops": hashlib.sha256(model).hexdigest()}
manifest["sha256"]["manifest.json"] = digest(manifest)
(root / "model").mkdir(exist_ok=True)
(root / "model/model.skops").write_bytes(model)
(root / "model/manifest.json").write_text(json.dumps(manifest))
(root / "model/manifest.sig.json").write_bytes(os.urandom(64))  # a signature is never the same twice
"""
ROWS = b"rows"


@pytest.fixture
def trained(registry):
    """A model that a job of the registry's account trained, registered; its run, version and image."""

    def train(run, rows=ROWS, image=None):
        image = image or registry.image(JOB)
        uri = registry.put(f"training/{run}/train/part-0.parquet", rows).rpartition("part")[0]
        request = registry.training_request(
            image,
            HyperParameters={"run": run, "depth": "3"},
            InputDataConfig=[registry.channel("train", uri)],
        )
        registry.sagemaker.create_training_job(**request | {"TrainingJobName": f"train-{run}"})
        job = registry.ended("training", f"train-{run}")
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        model = job["ModelArtifacts"]["S3ModelArtifacts"]
        arn = registry.package(manifest_of(registry.get(model)), model, image=image)
        return run, arn.rpartition("/")[2], image

    return train


def manifest_of(body):
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return json.loads(archive.extractfile("manifest.json").read())


def repacked(body, change):
    """A model.tar.gz with other bytes in its model."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(body)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            content = old.extractfile(member).read()
            if member.name == "model.skops":
                content = change(content)
                member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return out.getvalue()


def jobs(registry, run):
    found = registry.sagemaker.list_training_jobs(NameContains=f"replay-{run}")["TrainingJobSummaries"]
    return [each["TrainingJobName"] for each in found]


def test_a_model_follows_from_its_record_twice_and_nothing_is_registered(registry, typed, trained):
    run, version, _ = trained(unique("run"))
    packages = typed("models", "list", "--json").json["models"]
    for _ in range(2):
        done = typed("replay", version, "--json")
        assert (done.code, done.json["equal"], done.json["inputs"]) == (0, True, [])
        [(one, other)] = done.json["files"].values()
        assert one == other and len(one) == 64
    assert len(jobs(registry, run)) == 2
    assert typed("models", "list", "--json").json["models"] == packages


def test_another_byte_of_the_rows_names_them_and_trains_nothing(registry, typed, trained):
    run, version, _ = trained(unique("run"))
    registry.put(f"training/{run}/train/part-0.parquet", b"rowz")
    done = typed("replay", version, "--json")
    assert (done.code, done.json["trained"]) == (1, False)
    before, after = (hashlib.sha256(rows).hexdigest()[:16] for rows in (ROWS, b"rowz"))
    assert done.json["inputs"] == [f"rows.part-0.parquet: {before}... -> {after}..."]
    assert jobs(registry, run) == []


def test_another_byte_of_the_artefact_names_its_file(registry, typed, trained):
    run, version, _ = trained(unique("run"))
    key = f"models/train-{run}/output/model.tar.gz"
    body = registry.get(registry.uri(key))
    registry.put(key, repacked(body, lambda content: content + b" "))
    done = typed("replay", version)
    assert done.code == 1
    assert "input     artefact.model.skops: other bytes than its manifest says" in done.out
    assert jobs(registry, run) == []


def test_another_artefact_in_its_place_is_not_the_one_that_was_registered(registry, typed, trained):
    run, version, image = trained(unique("run"))
    other, _, _ = trained(unique("run"), image=image)
    body = registry.get(registry.uri(f"models/train-{other}/output/model.tar.gz"))
    registry.put(f"models/train-{run}/output/model.tar.gz", body)
    inputs = typed("replay", version, "--json").json["inputs"]
    assert inputs[0].startswith("artefact: ") and inputs[1] == f"hyperparameters.run: {other} -> {run}"


def test_a_package_of_another_image_than_its_job_names_the_image(registry, typed, trained):
    run, _, image = trained(unique("run"))
    model = registry.uri(f"models/train-{run}/output/model.tar.gz")
    arn = registry.package(manifest_of(registry.get(model)), model, image=f"{image}-other")
    [told] = typed("replay", arn, "--json").json["inputs"]
    assert told.startswith("image: ")


def test_other_code_in_the_image_gives_another_model_and_is_named(registry, typed, trained):
    _, version, image = trained(unique("run"))
    script = Path(images.find(image).folder) / "entry.py"
    script.write_text(script.read_text() + "\n# one byte more would do\n")
    done = typed("replay", version, "--json")
    assert (done.code, done.json["trained"]) == (1, True)
    [told] = done.json["inputs"]
    assert told.startswith("code_sha256: ")
    [(one, other)] = done.json["files"].values()
    assert one != other
    assert "model.skops      differs" in typed("replay", version).out


def test_rows_that_are_gone_are_asked_of_the_deployed_pipeline(registry, typed, trained):
    run, version, _ = trained(unique("run"))
    registry.client("s3").delete_object(Bucket=registry.bucket, Key=f"training/{run}/train/part-0.parquet")
    done = typed("replay", version)
    assert done.code == 2 and "gone from s3://" in done.err
    assert "flights-dev-Pipeline" in done.err  # which this account does not have
    assert jobs(registry, run) == []


def test_a_model_of_which_no_job_is_known_cannot_be_replayed(registry, typed):
    arn = registry.register()
    done = typed("replay", arn)
    assert done.code == 2 and "error: the training job of version" in done.err
