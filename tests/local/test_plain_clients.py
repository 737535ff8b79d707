"""What speaks AWS's API works against the running pipeline, with an endpoint and any credentials."""

import json
import shutil
import statistics
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from dropping import put, settled

from tidegate_cli import ledger

START_SECONDS = 3.0  # asserted generously; the aim on an idle machine is 1
BOTO3 = """
import json, sys, boto3
outputs, answers = json.loads(sys.argv[1]), {}
s3 = boto3.client("s3")
s3.put_object(Bucket=outputs["DropsBucket"], Key="elsewhere/note.txt", Body=b"hello")
note = s3.get_object(Bucket=outputs["DropsBucket"], Key="elsewhere/note.txt")
answers["body"] = note["Body"].read().decode()
states = boto3.client("stepfunctions")
answers["executions"] = len(states.list_executions(stateMachineArn=outputs["IngestionMachine"])["executions"])
group = outputs["ModelPackageGroup"]
sagemaker = boto3.client("sagemaker")
answers["packages"] = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
answers["alarms"] = [a["AlarmName"] for a in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]]
answers["account"] = boto3.client("sts").get_caller_identity()["Account"]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def accepted(pipeline, flights, some_flights):
    """A recorded drop, so that there is something to list."""
    version = put(pipeline, "drops/flights/plain.csv", flights.to_csv(some_flights(6)))
    return settled(pipeline, {version})[version]


def aws(environment, *words):
    """Run the aws command and return what it printed as JSON."""
    if shutil.which("aws") is None:
        pytest.skip("the aws command is not installed")
    done = subprocess.run(
        ["aws", *words, "--output", "json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout


def test_boto3_needs_an_endpoint_and_any_credentials(pipeline, accepted, clients_environment):
    argv = [sys.executable, "-c", BOTO3, json.dumps(pipeline.outputs)]
    done = subprocess.run(argv, env=clients_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers["body"] == "hello"
    assert answers["executions"] >= 1
    assert answers["packages"] == []  # 300 rows train nothing
    assert f"{pipeline.prefix}-model-monitor-drift" in answers["alarms"]
    assert answers["account"] == "123456789012"


def test_an_object_outside_of_drops_is_no_drop(pipeline, accepted, clients_environment):
    key, version = put(pipeline, "elsewhere/beside.csv", b"a,b\n")
    later = put(pipeline, "drops/flights/later.csv", b"")
    settled(pipeline, {later})
    assert (key, version) not in {(row["key"], row["version_id"]) for row in ledger.entries(pipeline)}


def test_the_aws_command_works(pipeline, accepted, clients_environment, tmp_path):
    (tmp_path / "two words.csv").write_text("")
    target = f"s3://{pipeline.outputs['DropsBucket']}/drops/flights/"
    aws(clients_environment, "s3", "cp", str(tmp_path / "two words.csv"), target)
    listed = aws(clients_environment, "stepfunctions", "list-executions", "--state-machine-arn",
                 pipeline.outputs["IngestionMachine"])  # fmt: skip
    assert accepted["drop_id"] in " ".join(execution["name"] for execution in listed["executions"])
    group = pipeline.outputs["ModelPackageGroup"]
    packages = aws(
        clients_environment, "sagemaker", "list-model-packages", "--model-package-group-name", group
    )
    assert packages["ModelPackageSummaryList"] == []
    alarms = aws(clients_environment, "cloudwatch", "describe-alarms")["MetricAlarms"]
    assert {alarm["StateValue"] for alarm in alarms} <= {"OK", "INSUFFICIENT_DATA", "ALARM"}


def test_ingestion_starts_soon_after_an_object_is_put(pipeline, accepted):
    seconds = [started_after(pipeline, number) for number in range(5)]
    print("put_object to the start of ingestion:", ", ".join(f"{value:.2f}" for value in seconds), "s")  # noqa: T201  a figure to read with -s
    assert statistics.median(seconds) <= START_SECONDS


def started_after(place, number):
    """Seconds from before the put to the start of ingestion; what is ingested then has no row to validate."""
    before = datetime.now(UTC)
    version = put(place, f"drops/flights/soon-{number}.csv", f"no,header,{number}\n".encode())
    row = settled(place, {version})[version]
    described = place.client("stepfunctions").describe_execution(executionArn=row["execution_arn"])
    return (described["startDate"] - before).total_seconds()
