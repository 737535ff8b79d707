"""What control functions load: never the data stack, not even by way of something else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.plan import Plan
from tidegate.settings.config import PipelineConfig

REPOSITORY = Path(__file__).parents[2]
FLIGHTS = REPOSITORY / "examples" / "flights"
CONTROL = [
    "receive_drop",
    "quarantine_drop",
    "acquire_training_lock",
    "free_training_lock",
    "select_trial",
    "preflight_candidate",
    "check_candidate",
    "judge_rollout",
    "report_rollout",
    "plan_window",
    "decide_retraining",
    "record_incident",
    "predict",
    "feedback",
    "describe_api",
]
HEAVY = [
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "sklearn",
    "scipy",
    "pydantic",
    "yaml",
    "pyiceberg",
    "awswrangler",
]
NAMES = [
    *("DROPS_BUCKET", "LAKE_BUCKET", "LEDGER_TABLE", "ONLINE_TABLE", "STATE_TABLE", "GLUE_DATABASE"),
    *("INGESTION_MACHINE", "ENDPOINT_NAME", "MODEL_PACKAGE_GROUP", "PREFIX", "IMAGE_URI"),
    *("TRAINING_MACHINE", "STATE_MACHINES", "ALERT_TOPIC"),
]
SCRIPT = """
import importlib, json, sys, time
began = time.process_time()
importlib.import_module(sys.argv[1])
seconds = time.process_time() - began
print(json.dumps({"seconds": seconds, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """What the template gives a function, and nothing of this process's own but the path."""
    folder = tmp_path_factory.mktemp("pipeline")
    plan = Plan(
        config=PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="test",
    )
    (folder / "plan.json").write_text(json.dumps(plan.to_json()))
    for name in ("openapi.json", "api.html"):
        (folder / name).write_text("")
    return {
        **{name: name.lower().replace("_", "-") for name in NAMES},
        "SIGNING_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/k",
        "PATH": os.environ["PATH"],
        "PIPELINE_DIR": str(folder),
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PYTHONPATH": str(REPOSITORY),
    }


def imported(module, environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CONTROL)
def test_a_control_function_never_reaches_the_data_stack(name, environment):
    found = imported(f"functions.{name}", environment)
    assert not set(HEAVY) & set(found["loaded"])
    assert ("boto3" in found["loaded"]) == (name != "describe_api")  # which calls nobody
    print(f"functions.{name}: {found['seconds'] * 1000:.0f} ms CPU to import")  # noqa: T201  a number, no limit


def test_the_list_would_be_noticed_on_a_data_function(environment):
    assert "pyarrow" in imported("functions.validate_shard", environment)["loaded"]


def test_a_trial_starts_without_what_only_the_chosen_configuration_needs(environment):
    loaded = imported("training_jobs.train", environment)["loaded"]
    assert "pyarrow" in loaded
    assert not {"duckdb", "skops", "pandas", "sklearn"} & set(loaded)
