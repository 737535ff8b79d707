"""AWS's own `sagemaker-training` toolkit, in an environment of its own, reads the jobs of the local cloud."""

import json
import shutil
import subprocess

import pytest
from sagemaker_cloud import SageMakerCloud, untarred
from serving_account import FLIGHTS

pytestmark = pytest.mark.slow  # installing it takes a compiler and half a minute, once

HOME = FLIGHTS.parents[1] / ".tidegate" / "sagemaker-training"
VERSION = "5.1.4"
READ = """
import json, pathlib
from sagemaker_training import environment
found = environment.Environment()
told = {
    "hyperparameters": found.hyperparameters,
    "channels": sorted(found.channel_input_dirs),
    "rows": pathlib.Path(found.channel_input_dirs["train"], "part.csv").read_text(),
    "modes": {name: given["TrainingInputMode"] for name, given in found.input_data_config.items()},
    "hosts": found.hosts,
    "current_host": found.current_host,
    "instance": found.current_instance_type,
    "group": found.current_instance_group,
    "network": found.network_interface_name,
    "job": found.job_name,
    "is_master": found.is_master,
}
pathlib.Path(found.model_dir, "told.json").write_text(json.dumps(told))
pathlib.Path(found.output_data_dir, "more.txt").write_text("more")
"""


@pytest.fixture(scope="module")
def toolkit():
    """The toolkit's Python; made on demand and kept, as it needs other versions than ours."""
    python = HOME / "bin" / "python"
    wanted = f"sagemaker-training=={VERSION}"
    if not python.exists() or not _is_there(python):
        if shutil.which("uv") is None:
            pytest.skip("uv is not here to install sagemaker-training")
        for argv in (
            ["uv", "venv", "--quiet", "--clear", "--python", "3.11", str(HOME)],
            ["uv", "pip", "install", "--quiet", "--python", str(python), wanted],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{wanted} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return python


def _is_there(python):
    return subprocess.run([python, "-c", "import sagemaker_training"], check=False).returncode == 0


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


def test_the_toolkit_finds_everything_where_it_looks_for_it(aws, toolkit):
    aws.put("rows/part.csv", b"1\n2\n")
    job = aws.train(
        f"import os; os.execv({str(toolkit)!r}, [{str(toolkit)!r}, '-c', {READ!r}])",
        HyperParameters={
            "max_depth": "6",
            "learning_rate": "0.1",
            "purpose": "final",
            "_tuning_objective_metric": "validation:score",
        },
        InputDataConfig=[aws.channel("train", aws.uri("rows/"))],
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    told = json.loads(untarred(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"]))["told.json"])
    assert told == {
        "hyperparameters": {"max_depth": 6, "learning_rate": 0.1, "purpose": "final"},
        "channels": ["train"],
        "rows": "1\n2\n",
        "modes": {"train": "File"},
        "hosts": ["algo-1"],
        "current_host": "algo-1",
        "instance": "ml.m5.xlarge",
        "group": "homogeneousCluster",
        "network": "eth0",
        "job": job["TrainingJobName"],
        "is_master": True,
    }
