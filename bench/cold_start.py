"""What a cold start of each function costs: CPU and memory of its imports, beside a bare one.

    python -m bench.cold_start            measure
    python -m bench.cold_start --check    and exit 1 when a figure is missed

A bare function imports boto3 and powertools' Logger and makes one client. Each is measured in new processes,
alternating with the bare one; the least CPU of several counts, for other work on the machine only adds.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.packaging import CHECKOUT
from infra.pipeline import CONFIG_FILE, compile_pipeline, write_plan

TIMES = 5
PREDICT_MS = 300  # CPU of predict's imports at most
RATIO = 2.0  # of a control function's imports to a bare function's
BARE = "import boto3; from aws_lambda_powertools import Logger; Logger(); boto3.client('dynamodb')"
HEAVY = {
    *("numpy", "pandas", "pyarrow", "duckdb", "sklearn", "scipy"),
    *("pydantic", "yaml", "pyiceberg", "awswrangler"),
}
CONTROL = (
    *("predict", "feedback", "describe_api"),
    *("receive_drop", "quarantine_drop"),
    *("acquire_training_lock", "free_training_lock", "select_trial"),
    *("preflight_candidate", "check_candidate", "judge_rollout", "report_rollout"),
    *("plan_window", "decide_retraining", "record_incident"),
)
SCRIPT = """
import json, resource, sys, time
began = time.process_time()
exec(sys.argv[1])
spent = time.process_time() - began
try:  # of this program alone: getrusage on Linux tells what the process was before it became this one, too
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    kibibytes = int(lines["VmHWM"].split()[0])
except OSError:
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # macOS counts bytes
top = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([spent * 1000, kibibytes / 1024, len(sys.modules), top]))
"""
VARIABLES = (
    *("DROPS_BUCKET", "LAKE_BUCKET", "LEDGER_TABLE", "ONLINE_TABLE", "STATE_TABLE", "GLUE_DATABASE"),
    *("INGESTION_MACHINE", "ENDPOINT_NAME", "MODEL_PACKAGE_GROUP", "PREFIX", "IMAGE_URI"),
    *("TRAINING_MACHINE", "STATE_MACHINES", "ALERT_TOPIC"),
)


def main() -> int:
    """Print the table; 1 when `--check` is given and a figure is missed."""
    with tempfile.TemporaryDirectory() as folder:
        environment = variables(Path(folder) / "pipeline")
        found = {name: _least(f"import functions.{name}", environment) for name in CONTROL}
    missed = []
    print(f"{CONFIG_FILE} of flights; least of {TIMES} runs\n")
    print(f"{'function':22} {'CPU ms':>7} {'bare ms':>8} {'ratio':>6} {'MB':>6} {'modules':>8}")
    for name, (spent, bare, memory, modules, top) in found.items():
        print(f"{name:22} {spent:7.0f} {bare:8.0f} {spent / bare:6.2f} {memory:6.0f} {modules:8}")
        if heavy := sorted(HEAVY & set(top)):
            missed.append(f"{name} imports {', '.join(heavy)}")
        if spent > RATIO * bare:
            missed.append(f"{name} takes {spent / bare:.2f} times a bare function, at most {RATIO}")
    if found["predict"][0] > PREDICT_MS:
        missed.append(f"predict takes {found['predict'][0]:.0f} ms CPU, at most {PREDICT_MS}")
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed and "--check" in sys.argv[1:] else 0


def _least(statement: str, environment: dict[str, str]) -> tuple[float, float, float, int, list[str]]:
    """CPU ms, that of a bare function, MB of memory, modules loaded, and the names of top-level ones."""
    runs = [(once(statement, environment), once(BARE, environment)) for _ in range(TIMES)]
    spent, memory, modules, top = min(one for one, _ in runs)
    return spent, min(bare[0] for _, bare in runs), memory, modules, top


def once(statement: str, environment: dict[str, str]) -> tuple[float, float, int, list[str]]:
    """CPU ms, MB of memory, modules and names of top-level ones of a process that runs the statement."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, statement],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    spent, memory, modules, top = json.loads(done.stdout.splitlines()[-1])
    return spent, memory, modules, top


def variables(pipeline: Path) -> dict[str, str]:
    """What the template gives a function, and nothing of this process's own but the path.

    The example's plan is written into the folder `pipeline`, which is not there yet.
    """
    flights = CHECKOUT / "examples" / "flights"
    write_plan(compile_pipeline(flights, "dev", code_version="bench"), flights, pipeline)
    return {
        **{name: name.lower().replace("_", "-") for name in VARIABLES},
        "SIGNING_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/k",
        "PATH": os.environ["PATH"],
        "PIPELINE_DIR": str(pipeline),
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


if __name__ == "__main__":
    sys.exit(main())
