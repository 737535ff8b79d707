"""Jobs under exactly the environment that SageMaker documents: the image's variables, and the service's."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from serving_account import FLIGHTS
from test_training_jobs import SCORE, Jobs, labelled, plan_document

from localcloud import server
from localcloud.dockerfile import parse
from tidegate.aws import signatures

REPOSITORY = FLIGHTS.parents[1]
IMAGE = parse((REPOSITORY / "training_jobs" / "Dockerfile").read_text()).environment


class Containers(Jobs):
    """Processes in a working directory as in the image, without a path to this checkout."""

    def __init__(self, folder, tmp_path_factory, document):
        super().__init__(folder, tmp_path_factory)
        for package in ("functions", "tidegate", "training_jobs"):
            (folder / package).symlink_to(REPOSITORY / package)
        (folder / "pipeline").mkdir()
        (folder / "pipeline" / "plan.json").write_text(json.dumps(document))
        shutil.copy(FLIGHTS / "features.py", folder / "pipeline")
        self.given = {}  # of the request's Environment, and of the service
        self.new_root = self._new_root(tmp_path_factory)

    def _new_root(self, tmp_path_factory):
        def make():
            self.last_root = tmp_path_factory.mktemp("ml")
            return self.last_root

        return make

    def environment(self, root, **more):
        return {
            "PATH": os.environ["PATH"],
            **IMAGE,
            "TRAINING_JOB_NAME": "train-1",
            "TRAINING_JOB_ARN": "arn:aws:sagemaker:us-east-1:123456789012:training-job/train-1",
            "SAGEMAKER_BASE_DIR": str(root),  # in a container it is /opt/ml
            **self.given,
            **more,
        }


@pytest.fixture(scope="module")
def cloud():
    with server.start(names=("kms",)) as running:
        yield running.cloud


@pytest.fixture(scope="module")
def key(cloud):
    made = cloud.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return made["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def containers(tmp_path_factory, cloud, key):
    found = Containers(tmp_path_factory.mktemp("task"), tmp_path_factory, plan_document())
    # SageMaker gives credentials by an address of its own; a test gives them by name
    found.given = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "SIGNING_KEY_ARN": key,
    }
    return found


@pytest.fixture(scope="module")
def signed(containers):
    """The model folder of a final run."""
    root, done = containers.train(purpose="final", run="run-1")
    assert done.code == 0, done.err
    assert len(SCORE.findall(done.out)) == 1 and done.failure is None
    assert {path.name for path in root.iterdir()} == {"input", "model"}  # nothing is left of the packing
    return root / "model"


def test_the_chosen_model_is_signed_by_the_key_that_the_request_names(signed, cloud, key):
    manifest = json.loads((signed / "manifest.json").read_text())
    files = {path.name for path in signed.iterdir()}
    assert files == {*manifest["sha256"], "manifest.sig.json"}
    digest = hashlib.sha256((signed / "manifest.json").read_bytes()).digest()
    signatures.verify(cloud.client("kms"), key, digest, (signed / "manifest.sig.json").read_bytes())


def read_only(folder):
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)


def tree(folder):
    return sorted((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in [folder, *folder.rglob("*")])


def test_serving_takes_the_verified_manifest_only_and_never_writes_into_the_models_folder(
    containers, signed, tmp_path
):
    model = shutil.copytree(signed, tmp_path / "model")
    read_only(model)
    digest = hashlib.sha256((signed / "manifest.json").read_bytes()).hexdigest()
    with containers.serve(model, MANIFEST_SHA256=digest) as served:
        folder = containers.last_root / "model"
        before = tree(folder)
        assert served.ask("GET", "/ping") == (200, None)
        assert served.invoke({"instances": [{}]})[0] == 400
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(timeout=30)  # SageMaker's grace
        assert tree(folder) == before


def test_an_artefact_that_was_replaced_after_the_rollout_verified_it_is_never_healthy(containers, signed):
    with containers.serve(signed, MANIFEST_SHA256="0" * 64) as served:
        assert served.ask("GET", "/ping")[0] == 503
        served.process.send_signal(signal.SIGTERM)
        _, err = served.process.communicate(timeout=30)
    assert "the artefact is not the one that was verified" in err and "0000000000000000" in err


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """The same containers with a fit that takes hours."""
    document = plan_document()
    document["config"]["training"]["parameters"] = {"max_iter": 10_000_000}
    return Containers(tmp_path_factory.mktemp("task"), tmp_path_factory, document)


@pytest.mark.parametrize(("library", "seconds"), [("numpy", 0), ("_hist_gradient_boosting", 0.3)])
def test_a_training_job_that_is_told_to_stop_does_so_in_time_and_leaves_no_half_model(
    endless, library, seconds
):
    """Whether it fits already, or is importing still."""
    root = endless.new_root()
    channel, config = root / "input" / "data" / "train", root / "input" / "config"
    channel.mkdir(parents=True)
    config.mkdir(parents=True)
    pq.write_table(labelled(600), channel / "part-0.parquet")
    (config / "hyperparameters.json").write_text(json.dumps({"purpose": "final"}))
    process = subprocess.Popen(
        endless.argv("train"), cwd=endless.folder, env=endless.environment(root), stderr=subprocess.PIPE
    )
    try:
        wait_for(process, library)
        time.sleep(seconds)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)  # SageMaker's grace
    finally:
        process.kill()
    assert time.monotonic() - told < 60
    assert process.returncode == 143
    # nothing is said, but for what Python itself says of an exit that a destructor swallowed
    assert not err or err.startswith(b"Exception ignored in")
    assert not (root / "model").exists() and not (root / "output" / "failure").exists()


def test_an_exit_that_is_swallowed_is_asked_for_again():
    code = """
import os, signal, time
from training_jobs import entry

class Swallowing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

entry.ASK_AGAIN_SECONDS = 0.1
signal.signal(signal.SIGTERM, entry._stop)
Swallowing()
print("goes on", flush=True)
time.sleep(600)
"""
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (143, "goes on\n")
    assert done.stderr.startswith("Exception ignored in") and done.stderr.endswith("SystemExit: 143\n")


def wait_for(process, library, seconds=60):
    """Until the process has loaded something of `library`; the estimator's code comes last."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if library in Path(f"/proc/{process.pid}/maps").read_text():
            return
        time.sleep(0.02)
    pytest.fail(f"{library} was not loaded")
