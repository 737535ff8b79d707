"""The deployment machine with everything it calls: templates deployed, functions run, endpoints served.

Only the model is the test's: a server that answers one half, or wrongly, or not at all.
"""

import html
import json
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
import schemathesis_run
import signed_archive
from sagemaker_cloud import DOCKERFILE, unique
from serving_account import plan

from localcloud import cloud, images, server
from localcloud.assembly import Assembly, ImageAsset, Stack
from tidegate.aws import feature_sets
from tidegate.aws.state import State, ViewState
from tidegate_cli import rollout_rows, rollout_words, rollouts
from tidegate_cli.commands import rollback
from tidegate_cli.failure import CommandError
from tidegate_cli.narration import Narrator
from tidegate_cli.place import DUMMY, Place

pytestmark = pytest.mark.slow

GOLDEN = [{"instance": {"golden": True}, "answer": {"probability": 0.5}}] * 3
SERVER = """
import http.server, json, os, pathlib, sys
behaviour = (pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model/behaviour").read_text()
if behaviour == "broken":
    sys.exit("the model cannot be loaded")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        asked_by = self.headers.get("X-Amzn-SageMaker-Inference-Id", "user").partition("-")[0]
        if behaviour == "failing" and asked_by != "golden":
            return self.answer(500, b"division by zero")
        if behaviour == "late" and asked_by == "user":
            return self.answer(500, b"fails those only who are no test")
        predictions = [{"probability": 0.7 if behaviour == "wrong" else 0.5} for _ in instances]
        self.answer(200, json.dumps({"predictions": predictions, "model": behaviour}).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def aws(assembly, tmp_path_factory):
    """The deployed example, its endpoint not there yet, and an image for the test's models."""
    with server.start(assembly=assembly) as running:
        client = running.cloud.client
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", [])
        }
        _computed(client, outputs)
        place = Place(
            name="test", prefix="flights-dev", session=boto3.Session(**DUMMY), url=running.cloud.url
        )
        yield SimpleNamespace(
            place=place, client=client, image=image(tmp_path_factory.mktemp("image")), **outputs
        )


def _computed(client, outputs):
    """The deployed features as their machine would leave them."""
    features = plan().features
    feature_sets.put(client("s3"), outputs["LakeBucket"], features)
    state, now = State(client("dynamodb"), outputs["StateTable"]), datetime.now(UTC).isoformat()
    counts = {
        "computed_from": 0,
        "computed_to": 1,
        "revision": 1,
        "entities": 1,
        "online": 1,
        "coverage": 1.0,
    }
    for view in features.views:
        state.record_view(view.version, ViewState(**counts, recorded_at=now, needed_at=now))


def image(folder):
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "entry.py").write_text(SERVER)
    tag = unique("tag")
    asset = ImageAsset(
        id=tag,
        folder=folder,
        dockerfile="Dockerfile",
        target="",
        arguments={},
        destinations=(("images", tag),),
    )
    stack = Stack(id=tag, name=tag, template_file=folder / "none.json", images=(asset,))
    images.register(Assembly(folder, (stack,)))
    return f"{cloud.ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/images:{tag}"


def artefact(aws, behaviour):
    """Signed by the pipeline's key, as a training job's."""
    kms, files = aws.client("kms"), {"behaviour": behaviour.encode()}
    key = kms.describe_key(KeyId="alias/flights-dev-models")["KeyMetadata"]["Arn"]
    manifest = signed_archive.manifest_of(files, feature_hash=plan().features.hash)
    signature = signed_archive.sign(kms, key, manifest)
    return signed_archive.pack({**files, "manifest.json": manifest, "manifest.sig.json": signature})


@pytest.fixture
def approve(aws):
    """Approve a package of that behaviour, which starts a rollout; its ARN."""

    def register(behaviour):
        run = unique("run")
        s3 = aws.client("s3")
        key = f"models/{run}/output/model.tar.gz"
        s3.put_object(Bucket=aws.LakeBucket, Key=key, Body=artefact(aws, behaviour))
        golden = json.dumps({"rows": GOLDEN}).encode()
        s3.put_object(Bucket=aws.LakeBucket, Key=f"evaluations/{run}/golden.json", Body=golden)
        container = {"Image": aws.image, "ModelDataUrl": f"s3://{aws.LakeBucket}/{key}"}
        return aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=aws.ModelPackageGroup,
            ModelApprovalStatus="Approved",
            SkipModelValidation="All",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"run": run, "feature_set_hash": plan().features.hash},
        )["ModelPackageArn"]

    return register


@pytest.fixture
def deployed(aws, approve):
    """Approve a package and follow the rollout it starts: how it ended."""

    def roll_out(behaviour):
        began = time.time()
        arn = approve(behaviour)
        return ended(aws, aws.DeploymentMachine, began) | {"package_arn": arn}

    return roll_out


def ended(aws, machine, began, seconds=90):
    """The one execution since `began`, once it has ended."""
    client, until = aws.client("stepfunctions"), time.monotonic() + seconds
    while time.monotonic() < until:
        executions = client.list_executions(stateMachineArn=machine)["executions"]
        since = [each["executionArn"] for each in executions if each["startDate"].timestamp() >= began]
        for arn in since:
            if (found := client.describe_execution(executionArn=arn))["status"] != "RUNNING":
                return found
        time.sleep(0.1)
    raise AssertionError(f"not ended within {seconds} s: {[path(client, arn)[-12:] for arn in since]}")


def path(client, execution_arn):
    """The states it entered."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    events = [event for page in pages for event in page["events"]]
    return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


class Users:
    """Ask all the time; count who was answered."""

    def __init__(self, aws):
        self.runtime, self.endpoint = aws.client("sagemaker-runtime"), aws.EndpointName
        self.answered = self.failed = 0
        self.stop = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def ask(self):
        body = json.dumps({"instances": [{"hour": 8}]})
        while not self.stop.wait(0.02):
            try:
                self.runtime.invoke_endpoint(
                    EndpointName=self.endpoint, ContentType="application/json", Body=body
                )
                self.answered += 1
            except self.runtime.exceptions.ModelError:
                self.failed += 1


def champion(aws):
    item = (
        aws.client("dynamodb").get_item(TableName=aws.StateTable, Key={"id": {"S": "champion"}}).get("Item")
    )
    return item and {name: next(iter(value.values())) for name, value in item.items()}


def lock(aws):
    key = {"id": {"S": "lock#deployment"}}
    return aws.client("dynamodb").get_item(TableName=aws.StateTable, Key=key).get("Item")


def split(aws):
    """How entities are dealt to the variants, as predict reads it."""
    key = {"id": {"S": "split"}}
    return aws.client("dynamodb").get_item(TableName=aws.StateTable, Key=key).get("Item")


def shares(aws):
    """Weights of the variants in service."""
    described = aws.client("sagemaker").describe_endpoint(EndpointName=aws.EndpointName)
    assert described["EndpointStatus"] == "InService"
    return {each["VariantName"]: each["CurrentWeight"] for each in described["ProductionVariants"]}


def scaled(aws):
    """The variants that follow their load: all that are in service."""
    client = aws.client("application-autoscaling")
    targets = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    policies = client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    found = {each["ResourceId"]: (each["MinCapacity"], each["MaxCapacity"]) for each in targets}
    assert sorted(each["ResourceId"] for each in policies) == sorted(found)
    return {name.rpartition("/")[2]: limits for name, limits in found.items()}


def test_a_rollout_ends_with_one_champion_and_all_traffic_whatever_the_candidate(aws, deployed):
    if champion(aws) is not None:  # of another test
        torn_down(aws)
    wrong = deployed("wrong")
    assert (wrong["status"], wrong["error"]) == ("FAILED", "CandidateUnhealthyError"), wrong.get("cause")
    assert "3 of 3 answers differ" in wrong["cause"]
    assert champion(aws) is None and lock(aws) is None
    endpoints = aws.client("sagemaker").list_endpoints
    assert {e["EndpointStatus"] for e in endpoints()["Endpoints"]} <= {"Deleting"}
    while endpoints()["Endpoints"]:
        time.sleep(0.1)

    first = deployed("good")
    assert first["status"] == "SUCCEEDED", first.get("cause")
    assert json.loads(first["output"])["outcome"] == "promoted"
    assert champion(aws)["model_package_arn"] == first["package_arn"]
    assert shares(aws) == {"variant-a": 1}

    with Users(aws) as users:
        for behaviour, error in (("wrong", "CandidateUnhealthyError"), ("broken", "EndpointNotReady")):
            began = time.monotonic()
            refused = deployed(behaviour)
            assert (refused["status"], refused["error"]) == ("FAILED", error), refused.get("cause")
            assert time.monotonic() - began < 45
            assert champion(aws)["model_package_arn"] == first["package_arn"]
            assert shares(aws) == {"variant-a": 1} and lock(aws) is None
            assert scaled(aws) == {"variant-a": (1, 3)}
        assert users.failed == 0  # no request met a candidate that failed before its first share

        failing = deployed("failing")
        found = (failing["status"], failing["error"])
        assert found == ("FAILED", "CandidateUnhealthyError"), failing.get("cause")
        assert "failed on copied traffic" in failing["cause"]
        assert users.failed == 0  # copies met it first

        late = deployed("late")
        assert (late["status"], late["error"]) == ("FAILED", "CandidateUnfit"), late.get("cause")
        assert champion(aws)["model_package_arn"] == first["package_arn"]
        assert shares(aws) == {"variant-a": 1} and lock(aws) is None
        assert scaled(aws) == {"variant-a": (1, 3)}
        assert split(aws) is None  # nobody is dealt to a candidate that was taken back
        assert 0 < users.failed < users.answered / 2
        page = until(lambda: report(aws, late["executionArn"]))
        assert "was rolled back" in page and late["cause"].split(";")[0] in page

        failed = users.failed
        second = deployed("good")
        assert second["status"] == "SUCCEEDED", second.get("cause")
        assert champion(aws)["model_package_arn"] == second["package_arn"]
        assert shares(aws) == {"variant-b": 1} and lock(aws) is None
        assert scaled(aws) == {"variant-b": (1, 3)}
        assert users.failed == failed
        assert (split(aws)["candidate"]["S"], float(split(aws)["weight"]["N"])) == ("variant-b", 1)


def until(look, seconds=60):
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing after {seconds} s"
        time.sleep(0.05)
    return found


def test_a_machine_that_is_killed_in_the_middle_of_a_shift_is_undone(aws, deployed, approve):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    serving, states, began = champion(aws)["variant"], aws.client("stepfunctions"), time.time()
    with Users(aws) as users:
        approve("good")
        until(lambda: lock(aws) and any(0 < weight < 1 for weight in weights(aws).values()))
        [running] = states.list_executions(stateMachineArn=aws.DeploymentMachine, statusFilter="RUNNING")[
            "executions"
        ]
        assert rollouts.last(aws.place).step == 0
        states.stop_execution(executionArn=running["executionArn"])
        restored = ended(aws, aws.RestorationMachine, began)
        assert restored["status"] == "SUCCEEDED", restored.get("cause")
        assert json.loads(restored["output"]) == {
            "outcome": "restored",
            "rollout": running["name"],
            "champion_variant": serving,
            "removed": ["variant-a" if serving == "variant-b" else "variant-b"],
        }
        assert shares(aws) == {serving: 1} and lock(aws) is None  # nobody pays for the candidate's instances
        assert scaled(aws) == {serving: (1, 3)}
        assert users.failed == 0
    assert champion(aws)["variant"] == serving
    until(lambda: f"{serving} has all traffic, variant-" in told_of(aws, "rollout"))

    # the same event again, as EventBridge may deliver it
    began = time.time()
    again = json.dumps({"rollout": running["name"]})
    states.start_execution(stateMachineArn=aws.RestorationMachine, input=again)
    assert json.loads(ended(aws, aws.RestorationMachine, began)["output"])["outcome"] == "nothing to restore"
    with Users(aws):  # and the next rollout finds its place
        assert deployed("good")["status"] == "SUCCEEDED"


def test_a_machine_that_is_killed_while_its_candidate_joins_is_undone_once_it_has(aws, deployed, approve):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    serving, states, began = champion(aws)["variant"], aws.client("stepfunctions"), time.time()
    with Users(aws) as users:
        approve("good")
        until(lambda: status(aws) == "Updating")
        [running] = states.list_executions(stateMachineArn=aws.DeploymentMachine, statusFilter="RUNNING")[
            "executions"
        ]
        states.stop_execution(executionArn=running["executionArn"])
        restored = ended(aws, aws.RestorationMachine, began)
        assert restored["status"] == "SUCCEEDED", restored.get("cause")
        assert shares(aws) == {serving: 1} and lock(aws) is None
        assert scaled(aws) == {serving: (1, 3)}
        assert users.failed == 0
    assert "WaitForEndpoint" in path(states, restored["executionArn"])


def test_a_first_rollout_that_is_killed_leaves_no_endpoint_that_nobody_vouches_for(aws, approve):
    torn_down(aws)
    states, began = aws.client("stepfunctions"), time.time()
    approve("good")
    until(lambda: aws.client("sagemaker").list_endpoints()["Endpoints"])
    [running] = states.list_executions(stateMachineArn=aws.DeploymentMachine, statusFilter="RUNNING")[
        "executions"
    ]
    states.stop_execution(executionArn=running["executionArn"])
    restored = ended(aws, aws.RestorationMachine, began)
    assert restored["status"] == "SUCCEEDED", restored.get("cause")
    assert json.loads(restored["output"])["removed"] == ["the endpoint"]
    assert aws.client("sagemaker").list_endpoints()["Endpoints"] == [] and lock(aws) is None


def told_of(aws, cause):
    """The evidence on record of the newest incident of a cause."""
    key = {"id": {"S": f"incident#{cause}"}}
    found = aws.client("dynamodb").get_item(TableName=aws.StateTable, Key=key).get("Item")
    return "" if found is None else "\n".join(json.loads(found["record"]["S"])["evidence"])


def test_a_person_holds_a_rollout_approves_it_and_takes_it_back_while_the_old_champion_is_warm(
    aws, deployed, approve
):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    states, before = aws.client("stepfunctions"), champion(aws)
    definition = states.describe_state_machine(stateMachineArn=aws.DeploymentMachine)["definition"]
    asking = definition.replace("'none' = 'manual'", "'manual' = 'manual'")
    warm = json.loads(asking)
    warm["States"]["KeepChampionWarm"]["Seconds"] = 60
    states.update_state_machine(stateMachineArn=aws.DeploymentMachine, definition=json.dumps(warm))
    try:
        with Users(aws) as users:
            rollouts.put_state(aws.place, {"id": rollouts.HOLD, "reason": "a sale"})
            approve("good")
            until(lambda: (rollouts.last(aws.place).reason or "").startswith("held: a sale"))
            assert rollouts.delete_state(aws.place, rollouts.HOLD)
            until(lambda: rollouts.last(aws.place).awaits_approval)
            assert 0 < max(shares(aws).values()) < 1
            waiting = rollouts.last(aws.place)
            assert "a person is waited for" in "\n".join(rollout_words.told(waiting))
            until(lambda: approved(aws, waiting))
            until(lambda: champion(aws)["variant"] != before["variant"])
            back = rollback._warm(aws.place, Narrator(quiet=True))
            assert (back["version"], back["how"]) == (int(before["model_version"]), "it was still warm")
            assert {name for name, weight in shares(aws).items() if weight} == {before["variant"]}
            assert users.failed == 0
        assert champion(aws)["model_package_arn"] == before["model_package_arn"]
        until(lambda: lock(aws) is None)
        assert shares(aws) == {before["variant"]: 1}
    finally:
        states.update_state_machine(stateMachineArn=aws.DeploymentMachine, definition=definition)


def approved(aws, waiting):
    try:
        rollouts.approve(aws.place, waiting, by="test")
    except CommandError:  # the token is not kept yet
        return False
    return True


def status(aws):
    return aws.client("sagemaker").describe_endpoint(EndpointName=aws.EndpointName)["EndpointStatus"]


def weights(aws):
    described = aws.client("sagemaker").describe_endpoint(EndpointName=aws.EndpointName)
    return {each["VariantName"]: each["CurrentWeight"] for each in described["ProductionVariants"]}


def test_a_new_instance_type_and_new_schedules_come_with_the_next_rollout_and_its_page_is_kept(aws, deployed):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    states = aws.client("stepfunctions")
    definition = states.describe_state_machine(stateMachineArn=aws.DeploymentMachine)["definition"]
    assert "ml.c7i.large" in definition
    changed = json.loads(definition.replace("ml.c7i.large", "ml.c7i.2xlarge"))
    night = {"name": "night", "at": "cron(0 22 * * ? *)", "timezone": "Etc/UTC", "minimum": 1, "maximum": 2}
    scaling = changed["States"]["ScaleVariants"]["ItemProcessor"]["States"]["ScaleSchedules"]
    assert scaling["Items"] == "{% [] %}"
    scaling["Items"] = f"{{% {json.dumps([night])} %}}"
    states.update_state_machine(stateMachineArn=aws.DeploymentMachine, definition=json.dumps(changed))
    try:
        with Users(aws) as users:
            found = deployed("good")
            assert found["status"] == "SUCCEEDED", found.get("cause")
            assert users.failed == 0
    finally:
        states.update_state_machine(stateMachineArn=aws.DeploymentMachine, definition=definition)
    sagemaker = aws.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=aws.EndpointName)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    assert {each["InstanceType"] for each in config["ProductionVariants"]} == {"ml.c7i.2xlarge"}
    [variant] = shares(aws)
    actions = aws.client("application-autoscaling").describe_scheduled_actions(ServiceNamespace="sagemaker")
    told = [
        (each["ResourceId"].rpartition("/")[2], each["Schedule"], each["ScalableTargetAction"])
        for each in actions["ScheduledActions"]
    ]
    assert told == [(variant, "cron(0 22 * * ? *)", {"MinCapacity": 1, "MaxCapacity": 2})]
    assert "was promoted" in until(lambda: report(aws, found["executionArn"]))
    version = found["package_arn"].rpartition("/")[2]
    assert rollouts.named(aws.place, version).arn == found["executionArn"]
    with pytest.raises(CommandError, match="never rolled out here"):
        rollouts.named(aws.place, "9999")
    name = found["executionArn"].rpartition(":")[2]
    [row] = [each for each in rollout_rows.listed(aws.place, 100) if each.id == name]
    assert (row.version, row.outcome, row.step, row.steps) == (version, "promoted", row.steps, row.steps)


def report(aws, execution_arn):
    """The page of a rollout, once it is there."""
    key = f"rollouts/{execution_arn.rpartition(':')[2]}/report.html"
    s3 = aws.client("s3")
    if "Contents" not in s3.list_objects_v2(Bucket=aws.LakeBucket, Prefix=key):
        return None
    return html.unescape(s3.get_object(Bucket=aws.LakeBucket, Key=key)["Body"].read().decode())


def test_schemathesis_finds_nothing_in_the_api_as_it_is_deployed(aws, deployed, tmp_path):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    place = "Credential=local/20261127/us-east-1/execute-api/aws4_request"
    signed = f"Authorization: AWS4-HMAC-SHA256 {place}, SignedHeaders=host, Signature=0"
    url = aws.ApiUrl.rstrip("/")
    # here an API lies below a path, which schemathesis does not read off the document's relative server
    options = ("--url", url, "--header", signed)
    schemathesis_run.finds_nothing(f"{url}/openapi.json", tmp_path, *options)


def test_teardown_removes_what_rollouts_made_and_nothing_of_others(aws, deployed):
    if champion(aws) is None:
        assert deployed("good")["status"] == "SUCCEEDED"
    sagemaker = aws.client("sagemaker")
    role = sagemaker.describe_model(ModelName=champion(aws)["model_name"])["ExecutionRoleArn"]
    sagemaker.create_model(
        ModelName="our-flights-dev-v1", ExecutionRoleArn=role, PrimaryContainer={"Image": aws.image}
    )
    found = torn_down(aws)

    assert found["status"] == "SUCCEEDED", found.get("cause")
    assert json.loads(found["output"])["models"] >= 1
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert scaled(aws) == {}
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert [model["ModelName"] for model in sagemaker.list_models()["Models"]] == ["our-flights-dev-v1"]
    assert champion(aws) is None
    sagemaker.delete_model(ModelName="our-flights-dev-v1")

    # with nothing there it is no failure
    assert json.loads(torn_down(aws)["output"]) == {"configs": 0, "models": 0}


def torn_down(aws):
    """How the teardown ended."""
    began = time.time()
    aws.client("stepfunctions").start_execution(stateMachineArn=aws.TeardownMachine, input="{}")
    return ended(aws, aws.TeardownMachine, began)
