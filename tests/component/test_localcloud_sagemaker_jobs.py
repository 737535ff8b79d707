"""Training and processing jobs run as processes with the container's file contract."""

import json

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, unique, untarred, wait_for

READ_ALL = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
config = {path.name: json.loads(path.read_text()) for path in (root / "input/config").iterdir()}
data = root / "input/data"
files = {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()}
names = ("GREETING", "COLOUR", "TRAINING_JOB_NAME", "AWS_ACCESS_KEY_ID")
environment = {name: os.environ.get(name) for name in names}
seen = {"argv": sys.argv[1:], "config": config, "files": files, "environment": environment}
(root / "model/seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


def seen(aws, job):
    return json.loads(untarred(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"]))["seen.json"])


# --- Training


def test_a_training_container_finds_its_files_where_sagemaker_puts_them(aws):
    uri = aws.put("in/day/1.csv", b"1,2") and aws.put("in/day/deep/2.csv", b"3") and aws.uri("in/day")
    aws.put("in/day-after.csv", b"4")
    job = aws.train(
        READ_ALL,
        HyperParameters={"depth": "6"},
        InputDataConfig=[{**aws.channel("train", uri + "/"), "ContentType": "text/csv"}],
        Environment={"COLOUR": "blue"},
    )
    found = seen(aws, job)
    assert found["argv"] == ["train"]
    assert found["files"] == {"train/1.csv": "1,2", "train/deep/2.csv": "3"}
    assert found["config"]["hyperparameters.json"] == {"depth": "6"}
    assert found["config"]["inputdataconfig.json"]["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert found["config"]["resourceconfig.json"]["hosts"] == ["algo-1"]
    environment = found["environment"]
    assert (environment["GREETING"], environment["COLOUR"]) == ("hello", "blue")
    assert environment["TRAINING_JOB_NAME"] == job["TrainingJobName"]
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")


def test_a_completed_job_tells_its_stages_artifacts_and_times(aws):
    job = aws.train("print('done')")
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == aws.uri(
        f"models/{job['TrainingJobName']}/output/model.tar.gz"
    )
    assert job["TrainingJobArn"].endswith(f":training-job/{job['TrainingJobName']}")
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    assert aws.logs("/aws/sagemaker/TrainingJobs", f"{job['TrainingJobName']}/algo-1-") == ["done"]


def test_every_stage_of_a_job_is_an_event_with_times_in_milliseconds(aws):
    job = aws.train("print('done')", Tags=[{"Key": "team", "Value": "risk"}])
    events = aws.events("TrainingJobName", job["TrainingJobName"])
    stages = {event["detail"]["SecondaryStatus"] for event in events}
    assert stages == {"Starting", "Downloading", "Training", "Uploading", "Completed"}
    last = next(event for event in events if event["detail"]["TrainingJobStatus"] == "Completed")
    assert last["detail-type"] == "SageMaker Training Job State Change"
    assert last["resources"] == [job["TrainingJobArn"]]
    assert last["detail"]["Tags"] == {"team": "risk"}
    assert last["detail"]["CreationTime"] == str(int(job["CreationTime"].timestamp() * 1000))


def test_the_last_match_of_a_metric_is_final_and_each_match_is_a_datapoint(aws):
    script = "for v in ('0.5', '-1e-2', 'nan', '0.75'): print('[metric] auc=' + v + ';')"
    definitions = [{"Name": "validation:auc", "Regex": r"\[metric\] auc=([-+0-9.e]+|nan);"}]
    job = aws.train(script, algorithm={"MetricDefinitions": definitions})
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("validation:auc", 0.75)
    query = {
        "Namespace": "/aws/sagemaker/TrainingJobs",
        "MetricName": "validation:auc",
        "Dimensions": [{"Name": "TrainingJobName", "Value": job["TrainingJobName"]}],
    }
    found = aws.client("cloudwatch").get_metric_statistics(
        **query,
        StartTime=job["CreationTime"].timestamp() - 120,
        EndTime=job["CreationTime"].timestamp() + 300,
        Period=600,
        Statistics=["SampleCount", "Minimum", "Maximum"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in found) == 3
    assert (min(point["Minimum"] for point in found), max(point["Maximum"] for point in found)) == (
        -0.01,
        0.75,
    )


def test_the_failure_file_is_the_reason(aws):
    script = """
import os, pathlib, sys
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "output/failure").write_text("column `income` is missing")
sys.exit(3)
"""
    job = aws.train(script)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: column `income` is missing, exit code: 3"
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts")


def test_without_a_failure_file_the_last_lines_are_the_reason(aws):
    job = aws.train("raise ValueError('no rows')")
    assert job["FailureReason"].startswith("AlgorithmError: Traceback")
    assert job["FailureReason"].endswith("ValueError: no rows, exit code: 1")


def test_output_data_is_packed_beside_the_model_even_when_the_job_fails(aws):
    script = """
import os, pathlib, sys
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "output/data/report.txt").write_text("so far")
sys.exit(1)
"""
    job = aws.train(script)
    assert untarred(aws.get(aws.uri(f"models/{job['TrainingJobName']}/output/output.tar.gz"))) == {
        "report.txt": "so far"
    }


def test_a_job_over_its_limit_gets_sigterm_and_its_model_is_kept(aws):
    script = """
import os, pathlib, signal, sys, time
model = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "model/model.txt")
def save(*_):
    model.write_text("saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready")
time.sleep(60)
"""
    job = aws.train(script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert untarred(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model.txt": "saved"}


def test_a_job_can_be_stopped_once_it_runs_and_not_after(aws):
    request = aws.training_request(aws.image("import time\nprint('up')\ntime.sleep(60)"))
    name = request["TrainingJobName"]
    aws.sagemaker.create_training_job(**request)
    describe = aws.sagemaker.describe_training_job
    wait_for(lambda: describe(TrainingJobName=name)["SecondaryStatus"] == "Training")
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    job = aws.ended("training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "Stopping" in {step["Status"] for step in job["SecondaryStatusTransitions"]}
    with pytest.raises(ClientError, match="is in status Stopped"):
        aws.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_name_is_taken_for_ever(aws):
    job = aws.train("pass")
    request = aws.training_request(aws.image("pass"), TrainingJobName=job["TrainingJobName"])
    with pytest.raises(ClientError, match="must be unique") as refused:
        aws.sagemaker.create_training_job(**request)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


def test_checkpoints_come_back_to_the_next_job_and_deletions_too(aws):
    script = """
import os, pathlib
folder = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "checkpoints")
(folder / "epochs").write_text((folder / "epochs").read_text() + "+" if (folder / "epochs").exists() else "1")
(folder / "old").unlink(missing_ok=True)
"""
    place = unique("checkpoints")
    aws.put(f"{place}/old", b"gone")
    for _ in range(2):
        aws.train(script, CheckpointConfig={"S3Uri": aws.uri(place)})
    assert aws.get(aws.uri(f"{place}/epochs")) == b"1+"
    assert aws.keys(place) == [f"{place}/epochs"]


def test_a_manifest_names_the_objects_of_a_channel(aws):
    aws.put("m/a.csv", b"a")
    aws.put("m/b/c.csv", b"c")
    aws.put("m/left-out.csv", b"x")
    manifest = aws.put(
        "m/list.manifest", json.dumps([{"prefix": aws.uri("m/")}, "a.csv", "b/c.csv"]).encode()
    )
    job = aws.train(READ_ALL, InputDataConfig=[aws.channel("train", manifest, S3DataType="ManifestFile")])
    assert seen(aws, job)["files"] == {"train/a.csv": "a", "train/b/c.csv": "c"}


def test_entry_point_and_arguments_of_the_request_replace_the_images(aws):
    arguments = {"ContainerArguments": ["fit", "--fast"]}
    assert seen(aws, aws.train(READ_ALL, algorithm=arguments))["argv"] == ["fit", "--fast"]
    both = {"ContainerEntrypoint": ["python", "-u", "entry.py"], **arguments}
    assert seen(aws, aws.train(READ_ALL, algorithm=both))["argv"] == ["fit", "--fast"]
    entrypoint = {"ContainerEntrypoint": ["python", "entry.py"]}
    assert seen(aws, aws.train(READ_ALL, algorithm=entrypoint))["argv"] == []


def test_an_empty_channel_fails_the_job_in_sagemakers_words(aws):
    job = aws.train("pass", InputDataConfig=[aws.channel("train", aws.uri("nothing/here/"))])
    assert job["FailureReason"].startswith(
        "ClientError: Data download failed:No S3 objects found under S3 URL"
    )


def test_a_role_that_may_not_read_fails_the_job(aws):
    uri = aws.put("secret/1.csv", b"1")
    job = aws.train("pass", RoleArn=aws.new_role("s3:PutObject"), InputDataConfig=[aws.channel("train", uri)])
    assert job["TrainingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]


def test_an_unknown_image_fails_the_job_and_says_so(aws):
    request = aws.training_request("123456789012.dkr.ecr.us-east-1.amazonaws.com/images:none")
    aws.sagemaker.create_training_job(**request)
    job = aws.ended("training", request["TrainingJobName"])
    assert job["FailureReason"].startswith("ClientError: Cannot run the container of image")


@pytest.mark.parametrize(
    "changes, word",
    [
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
            "one instance",
        ),
        ({"algorithm": {"TrainingInputMode": "Pipe"}, "InputDataConfig": "pipe"}, "asks for Pipe"),
        ({"algorithm": {"MetricDefinitions": [{"Name": "m", "Regex": "m=.*"}]}}, "no capture group"),
    ],
    ids=["two instances", "pipe", "metric without a group"],
)
def test_what_this_machine_cannot_do_is_refused_by_name(aws, changes, word):
    if changes.get("InputDataConfig") == "pipe":
        changes = {**changes, "InputDataConfig": [aws.channel("train", aws.uri("x"))]}
    request = aws.training_request(
        "any", **{name: dict(v) if name == "algorithm" else v for name, v in changes.items()}
    )
    with pytest.raises(ClientError, match=word):
        aws.sagemaker.create_training_job(**request)


def test_training_jobs_are_listed_by_filter_order_and_page(aws):
    word = unique("listed")
    names = [aws.train("pass", TrainingJobName=f"{word}-{letter}")["TrainingJobName"] for letter in "bac"]
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=word, SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
    )
    listed = [[line["TrainingJobName"] for line in page["TrainingJobSummaries"]] for page in pages]
    assert listed == [sorted(names, reverse=True)[:2], sorted(names, reverse=True)[2:]]
    assert not aws.sagemaker.list_training_jobs(NameContains=word, StatusEquals="Failed")[
        "TrainingJobSummaries"
    ]


def test_tags_of_a_job_are_found_by_its_arn(aws):
    job = aws.train("pass", Tags=[{"Key": "team", "Value": "risk"}])
    aws.sagemaker.add_tags(ResourceArn=job["TrainingJobArn"], Tags=[{"Key": "cost", "Value": "low"}])
    tags = aws.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "risk", "cost": "low"}


# --- Processing

PROCESS = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
config = json.loads((root / "config/processingjobconfig.json").read_text())
source = root / "processing/input/test"
rows = sum(len(path.read_text().splitlines()) for path in source.rglob("*.csv"))
out = root / "processing/output/evaluation"
(out / "deep").mkdir()
(out / "evaluation.json").write_text(json.dumps({"rows": rows, "argv": sys.argv[1:]}))
(out / "deep/config.json").write_text(json.dumps(config))
(root / "output/message").write_text(f"{rows} rows")
sys.exit(int(os.environ.get("EXIT", "0")))
"""


def process(aws, script, mode="EndOfJob", app=None, local="/opt/ml/processing/output/evaluation", **changes):
    """The name of a processing job that runs `script`."""
    name = unique("process")
    source = {"S3Uri": aws.uri("rows/"), "LocalPath": "/opt/ml/processing/input/test"}
    output = {"S3Uri": aws.uri(f"out/{name}"), "LocalPath": local}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    aws.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=aws.role,
        AppSpecification={"ImageUri": aws.image(script), **(app or {})},
        ProcessingInputs=[
            {"InputName": "test", "S3Input": {**source, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
        ],
        ProcessingOutputConfig={
            "Outputs": [{"OutputName": "evaluation", "S3Output": {**output, "S3UploadMode": mode}}]
        },
        ProcessingResources={"ClusterConfig": cluster},
        **changes,
    )
    return name


@pytest.fixture
def rows(aws):
    aws.put("rows/1.csv", b"1\n2\n")
    aws.put("rows/deep/2.csv", b"3\n")


def test_a_processing_job_reads_inputs_and_writes_outputs(aws, rows):
    app = {"ContainerEntrypoint": ["python", "entry.py"], "ContainerArguments": ["evaluate"]}
    name = process(aws, PROCESS, app=app)
    job = aws.ended("processing", name)
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "3 rows")
    assert json.loads(aws.get(aws.uri(f"out/{name}/evaluation.json"))) == {"rows": 3, "argv": ["evaluate"]}
    config = json.loads(aws.get(aws.uri(f"out/{name}/deep/config.json")))
    assert config["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert config["ProcessingInputs"][0]["S3Input"]["LocalPath"] == "/opt/ml/processing/input/test"
    assert config["NetworkConfig"] is None
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"]


def test_a_failed_processing_job_gives_its_message_and_uploads_nothing(aws, rows):
    name = process(aws, PROCESS, Environment={"EXIT": "2"})
    job = aws.ended("processing", name)
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Failed", "3 rows")
    assert job["FailureReason"] == "AlgorithmError: 3 rows, exit code: 2"
    assert aws.keys(f"out/{name}") == []


def test_continuous_outputs_arrive_though_the_job_fails(aws, rows):
    name = process(aws, PROCESS, mode="Continuous", Environment={"EXIT": "2"})
    aws.ended("processing", name)
    assert aws.keys(f"out/{name}") == [f"out/{name}/deep/config.json", f"out/{name}/evaluation.json"]


def test_a_processing_job_is_stopped_by_request_and_by_limit(aws, rows):
    sleep = "import time\ntime.sleep(60)"
    name = process(aws, sleep)
    wait_for(lambda: "ProcessingStartTime" in aws.sagemaker.describe_processing_job(ProcessingJobName=name))
    aws.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert aws.ended("processing", name)["ProcessingJobStatus"] == "Stopped"
    late = process(aws, sleep, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert aws.ended("processing", late)["ProcessingJobStatus"] == "Stopped"


def test_a_message_that_is_not_utf_8_fails_the_job(aws, rows):
    script = """
import os, pathlib
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "output/message").write_bytes(b"\\xff\\xfe")
"""
    job = aws.ended("processing", process(aws, script))
    assert (job["ProcessingJobStatus"], "not UTF-8" in job["FailureReason"]) == ("Failed", True)


def test_a_processing_path_outside_of_its_folder_is_refused(aws):
    with pytest.raises(ClientError, match="must begin with /opt/ml/processing/"):
        process(aws, "pass", local="/opt/ml/model")


def test_an_unknown_job_is_not_found(aws):
    for describe, member in (
        (aws.sagemaker.describe_training_job, "TrainingJobName"),
        (aws.sagemaker.describe_processing_job, "ProcessingJobName"),
    ):
        with pytest.raises(ClientError, match="Requested resource not found"):
            describe(**{member: "nobody"})
