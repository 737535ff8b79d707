"""Endpoints answer by weighted variants, change without dropping requests, capture, measure and recover."""

import io
import json
import os
import tarfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, tarred, unique, wait_for

from localcloud import sagemaker
from localcloud.sagemaker.runtime import invoke

# answers what it was asked, with the colour of its model; some bodies make it misbehave
SERVER = """
import http.server, json, os, pathlib, sys, time
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
assert sys.argv[1:] == ["serve"]
colour = (root / "model/colour").read_text() if (root / "model/colour").exists() else "none"
if colour == "broken":
    sys.exit("the model cannot be loaded")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_GET(self):
        self.answer(200 if colour != "sick" else 500, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body == b"crash":
            os._exit(1)
        if body.startswith(b"sleep"):
            time.sleep(float(body[5:]))
        if body == b"bad":
            return self.answer(400, b"no such column")
        if body == b"error":
            return self.answer(500, b"division by zero")
        heard = {name.lower(): value for name, value in self.headers.items()}
        seen = {"colour": colour, "limit": os.environ.get("LIMIT"), "heard": heard, "bytes": len(body)}
        seen["pid"] = os.getpid()
        self.answer(200, json.dumps(seen).encode(), **{"X-Amzn-SageMaker-Custom-Attributes": "from=model"})

    def answer(self, status, body, **headers):
        self.send_response(status)
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

print("serving", colour)
address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


@pytest.fixture(scope="module")
def image(aws):
    return aws.image(SERVER)


@pytest.fixture
def model(aws, image):
    """Make a model of that colour; its name."""

    def make(colour, **environment):
        name = unique("model")
        url = aws.put(f"{name}/model.tar.gz", tarred(colour=colour))
        container = {"Image": image, "ModelDataUrl": url, "Environment": environment}
        aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=aws.role, PrimaryContainer=container)
        return name

    return make


@pytest.fixture
def config(aws):
    """Make an endpoint configuration of {variant: (model, weight)}; its name."""

    def make(variants, **more):
        name = unique("config")
        production = [
            {
                "VariantName": variant,
                "ModelName": model,
                "InitialVariantWeight": weight,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
            for variant, (model, weight) in variants.items()
        ]
        aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=production, **more)
        return name

    return make


@pytest.fixture
def endpoint(aws, config):
    """Make an endpoint that serves a configuration; its name. It is deleted after the test."""
    made = []

    def make(variants, **more):
        name = unique("endpoint")
        made.append(name)
        aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config(variants, **more))
        settled(aws, name)
        return name

    yield make
    for name in made:
        settled(aws, name)
        aws.sagemaker.delete_endpoint(EndpointName=name)
        wait_for(lambda: not aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"])  # noqa: B023  at once


def settled(aws, name, seconds=60):
    """The endpoint's description once its status is one that lasts."""

    def look():
        answer = aws.sagemaker.describe_endpoint(EndpointName=name)
        return answer if answer["EndpointStatus"] in {"InService", "Failed"} else None

    return wait_for(look, seconds)


def ask(aws, name, body=b"1,2", **more):
    """(answer, whole response)."""
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=body, ContentType="text/csv", **more
    )
    return json.loads(answer["Body"].read()), answer


# --- Invocation


def test_an_endpoint_answers_with_its_models_data_and_environment(aws, endpoint, model):
    name = endpoint({"main": (model("blue", LIMIT="9"), 1)})
    said, answer = ask(
        aws, name, CustomAttributes="trace=1", InferenceId="order-1", Accept="application/json"
    )
    assert (said["colour"], said["limit"], said["bytes"]) == ("blue", "9", 3)
    assert said["heard"]["content-type"] == "text/csv"
    assert said["heard"]["accept"] == "application/json"
    assert said["heard"]["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/json", "main")
    assert answer["CustomAttributes"] == "from=model"


def test_a_body_that_is_no_text_arrives_whole(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    assert ask(aws, name, body=bytes(range(256)) * 4096)[0]["bytes"] == 256 * 4096


def test_describe_tells_variants_weights_counts_and_images(aws, endpoint, model, image):
    name = endpoint({"champion": (model("blue"), 3), "candidate": (model("green"), 0)})
    answer = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert answer["EndpointArn"].endswith(f":endpoint/{name}")
    variants = {variant["VariantName"]: variant for variant in answer["ProductionVariants"]}
    assert (variants["champion"]["CurrentWeight"], variants["candidate"]["CurrentWeight"]) == (3.0, 0.0)
    assert variants["champion"]["DesiredInstanceCount"] == 1
    assert variants["champion"]["DeployedImages"][0]["SpecifiedImage"] == image


def test_traffic_follows_the_weights_and_a_weight_of_0_is_reached_by_name_only(aws, endpoint, model):
    name = endpoint(
        {"champion": (model("blue"), 3), "candidate": (model("green"), 1), "idle": (model("red"), 0)}
    )
    seen = Counter(ask(aws, name)[1]["InvokedProductionVariant"] for _ in range(200))
    assert seen["idle"] == 0
    assert 25 <= seen["candidate"] <= 80  # 50 expected; four standard deviations are 24.5
    assert ask(aws, name, TargetVariant="idle")[0]["colour"] == "red"


@pytest.mark.parametrize(
    "body, expected",
    [(b"bad", ("client", 400, "no such column")), (b"error", ("server", 500, "division by zero"))],
)
def test_what_the_container_refuses_is_a_model_error(aws, endpoint, model, body, expected):
    name = endpoint({"main": (model("blue"), 1)})
    with pytest.raises(ClientError) as refused:
        ask(aws, name, body=body)
    response, (side, status, message) = refused.value.response, expected
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (status, message)
    assert f"Received {side} error ({status}) from primary" in response["Error"]["Message"]


def test_what_the_service_refuses_is_a_validation_error(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    for endpoint_name, more, word in (
        ("nobody", {}, "Endpoint nobody of account 123456789012 not found"),
        (name, {"TargetVariant": "other"}, "Variant other of endpoint"),
    ):
        with pytest.raises(ClientError, match=word) as refused:
            ask(aws, endpoint_name, **more)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
    status, headers, _ = invoke(name, b"x" * 6_291_457, {})
    assert (status, headers["x-amzn-ErrorType"]) == (413, "ValidationError")


# --- Change


def test_weights_change_under_load_without_losing_a_request(aws, endpoint, model):
    name = endpoint({"champion": (model("blue"), 1), "candidate": (model("green"), 0)})
    stop = threading.Event()

    def load():
        statuses = Counter()
        while not stop.is_set():
            statuses[invoke(name, b"1", {})[0]] += 1
        return statuses

    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load) for _ in range(4)]
        for weight in (0.1, 0.5, 1.0, 0.0):
            aws.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=name,
                DesiredWeightsAndCapacities=[
                    {"VariantName": "champion", "DesiredWeight": 1 - weight},
                    {"VariantName": "candidate", "DesiredWeight": weight},
                ],
            )
            settled(aws, name)
            time.sleep(0.1)
        stop.set()
        total = sum((load.result() for load in loads), Counter())
    assert set(total) == {200}
    assert ask(aws, name)[0]["colour"] == "blue"


def test_a_weight_left_out_stays(aws, endpoint, model):
    name = endpoint({"champion": (model("blue"), 3), "candidate": (model("green"), 1)})
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "champion", "DesiredInstanceCount": 4}],
    )
    variants = {each["VariantName"]: each for each in settled(aws, name)["ProductionVariants"]}
    assert (variants["champion"]["CurrentWeight"], variants["champion"]["CurrentInstanceCount"]) == (3.0, 4)
    assert variants["candidate"]["CurrentInstanceCount"] == 1


def test_an_update_replaces_the_fleet_without_losing_a_request(aws, endpoint, model, config):
    name = endpoint({"main": (model("blue"), 1)})
    wanted = config({"main": (model("green"), 1)})
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(invoke, name, b"sleep0.6", {})  # under way while its variant is retired
        time.sleep(0.1)
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=wanted)
        answer = aws.sagemaker.describe_endpoint(EndpointName=name)
        assert answer["EndpointStatus"] == "Updating"
        assert answer["PendingDeploymentSummary"]["EndpointConfigName"] == wanted
        statuses = set()
        while answer["EndpointStatus"] == "Updating":
            statuses.add(invoke(name, b"1", {})[0])
            answer = aws.sagemaker.describe_endpoint(EndpointName=name)
        assert statuses == {200}
        assert slow.result()[0] == 200
        assert json.loads(slow.result()[2])["colour"] == "blue"
    assert (answer["EndpointStatus"], answer["EndpointConfigName"]) == ("InService", wanted)
    assert "PendingDeploymentSummary" not in answer
    assert ask(aws, name)[0]["colour"] == "green"


@pytest.mark.parametrize("colour", ["broken", "sick"])
def test_a_failed_update_leaves_the_old_configuration_in_service_with_the_reason(
    aws, endpoint, model, config, colour
):
    name = endpoint({"main": (model("blue"), 1)})
    before = aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    wanted = config({"main": (model(colour), 1)})
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=wanted)
    if colour == "sick":  # it runs, but never says 200: only the limit ends the wait
        wait_for(lambda: "serving sick" in aws.logs(f"/aws/sagemaker/Endpoints/{name}", "main/"))
        aws.cloud.clock.advance(241)
    answer = settled(aws, name)
    assert (answer["EndpointStatus"], answer["EndpointConfigName"]) == ("InService", before)
    assert "did not pass the ping health check" in answer["FailureReason"]
    assert ("the model cannot be loaded" in answer["FailureReason"]) == (colour == "broken")
    assert ask(aws, name)[0]["colour"] == "blue"


def test_an_endpoint_that_cannot_start_has_failed_and_can_only_be_deleted(aws, endpoint, model, config):
    name = endpoint({"main": (model("broken"), 1)})
    answer = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert answer["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in answer["FailureReason"]
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        aws.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=config({"main": (model("blue"), 1)})
        )


def test_an_update_may_retain_the_weights_that_were_reached(aws, endpoint, model, config):
    blue, green = model("blue"), model("green")
    name = endpoint({"champion": (blue, 1), "candidate": (green, 0)})
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "candidate", "DesiredWeight": 0.25}],
    )
    settled(aws, name)
    wanted = config({"champion": (blue, 1), "candidate": (green, 0)})
    aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=wanted, RetainAllVariantProperties=True
    )
    variants = {each["VariantName"]: each for each in settled(aws, name)["ProductionVariants"]}
    assert variants["candidate"]["CurrentWeight"] == 0.25
    aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=wanted,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    variants = {each["VariantName"]: each for each in settled(aws, name)["ProductionVariants"]}
    assert variants["candidate"]["CurrentWeight"] == 0.0


def test_a_crashed_container_starts_again_and_its_errors_count_meanwhile(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    with pytest.raises(ClientError) as refused:
        ask(aws, name, body=b"crash")
    assert refused.value.response["OriginalStatusCode"] == 0
    wait_for(lambda: invoke(name, b"1", {})[0] == 200)
    said = aws.logs(f"/aws/sagemaker/Endpoints/{name}", "main/")
    assert "The container exited with code 1; it starts again in 1 s." in said
    assert said.count("serving blue") == 2
    assert total(aws, name, "Invocation5XXErrors") >= 1


def test_instances_take_requests_in_turn_and_one_that_is_down_is_passed_over(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    scale(aws, name, 3)
    pids = Counter(ask(aws, name)[0]["pid"] for _ in range(9))
    assert sorted(pids.values()) == [3, 3, 3]
    invoke(name, b"crash", {})
    wait_for(lambda: any("exited with code 1" in line for line in aws.logs(group(name), "main/service")))
    assert {invoke(name, b"1", {})[0] for _ in range(12)} == {200}
    scale(aws, name, 1)
    assert len({ask(aws, name)[0]["pid"] for _ in range(4)}) == 1
    assert total(aws, name, "InvocationsPerInstance") == pytest.approx(22 / 3 + 4)


def test_more_instances_that_cannot_start_leave_those_that_serve(aws, endpoint, model):
    blue = model("blue")
    name = endpoint({"main": (blue, 1)})
    kept = ask(aws, name)[0]["pid"]
    next(aws.cloud.folder.glob(f"sagemaker/endpoint/{name}/main-*/model/colour")).write_text("broken")
    answer = scale(aws, name, 2)
    (variant,) = answer["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 1)
    assert "the model cannot be loaded" in answer["FailureReason"]
    assert ask(aws, name)[0]["pid"] == kept


def scale(aws, name, count):
    """The endpoint's description once it tried to have `count` instances."""
    wishes = [{"VariantName": "main", "DesiredInstanceCount": count}]
    aws.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wishes
    )
    return settled(aws, name)


def group(name):
    return f"/aws/sagemaker/Endpoints/{name}"


@pytest.mark.parametrize("rings_at_start", [True, False])
def test_an_alarm_that_rings_rolls_an_update_back_to_the_old_configuration(
    aws, endpoint, model, config, rings_at_start
):
    name, alarm = endpoint({"main": (model("blue"), 1)}), unique("alarm")
    before = aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    old = ask(aws, name)[0]["pid"]
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace="Test",
        MetricName=alarm,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",  # so that a state that was set stays
    )

    def ring():
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")

    if rings_at_start:
        ring()
    wanted = config({"main": (model("green"), 1)})
    aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=wanted, DeploymentConfig=watched_by(alarm)
    )
    if not rings_at_start:
        wait_for(lambda: ask(aws, name)[0]["colour"] == "green")
        assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating"
        ring()
    answer = settled(aws, name)
    assert (answer["EndpointStatus"], answer["EndpointConfigName"]) == ("InService", before)
    assert alarm in answer["FailureReason"]
    said = ask(aws, name)[0]
    assert (said["colour"], said["pid"]) == ("blue", old)
    statuses = [event["detail"]["EndpointStatus"] for event in aws.events("EndpointName", name)]
    assert sorted(statuses) == ["CREATING", "IN_SERVICE", "IN_SERVICE", "ROLLING_BACK", "UPDATING"]


def watched_by(alarm):
    """A DeploymentConfig that watches the new fleet for 600 s."""
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 600}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def test_the_old_fleet_stays_until_the_new_one_has_been_watched(aws, endpoint, model, config):
    name, alarm = endpoint({"main": (model("blue"), 1)}), unique("alarm")
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="Test",
        MetricName=alarm,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    old = ask(aws, name)[0]["pid"]
    wanted = config({"main": (model("green"), 1)})
    aws.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=wanted, DeploymentConfig=watched_by(alarm)
    )
    wait_for(lambda: ask(aws, name)[0]["colour"] == "green")
    os.kill(old, 0)  # it is there
    aws.cloud.clock.advance(601)
    answer = settled(aws, name)
    assert (answer["EndpointConfigName"], "FailureReason" in answer) == (wanted, False)
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)


@pytest.mark.parametrize("requests", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_updates_weights_and_counts_under_load_lose_no_request(aws, endpoint, model, config, requests):
    models = [model("blue"), model("green")]
    name = endpoint({"main": (models[0], 1), "other": (models[1], 1)})
    configs = [config({"main": (one, 1), "other": (other, 1)}) for one, other in (models, models[::-1])]
    left = iter(range(requests))

    def load():
        return Counter(invoke(name, b"sleep0.002", {})[0] for _ in left)

    changes = 0
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load) for _ in range(4)]
        while not all(load.done() for load in loads):
            if changes % 3 == 0:
                aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=configs[changes % 2])
            elif changes % 3 == 1:
                scale(aws, name, 1 + changes % 2)
            else:
                weight = {"VariantName": "other", "DesiredWeight": changes % 4}
                aws.sagemaker.update_endpoint_weights_and_capacities(
                    EndpointName=name, DesiredWeightsAndCapacities=[weight]
                )
            settled(aws, name, 60)
            changes += 1
        answered = sum((load.result() for load in loads), Counter())
    assert answered == {200: requests}
    assert changes >= 2


def test_changes_of_an_endpoint_are_events_in_capitals(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    events = aws.events("EndpointName", name)
    assert {event["detail-type"] for event in events} == {"SageMaker Endpoint State Change"}
    assert {event["detail"]["EndpointStatus"] for event in events} == {"CREATING", "IN_SERVICE"}


LINEAR = {
    "Type": "LINEAR",
    "WaitIntervalInSeconds": 60,
    "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 20},
}


def test_a_change_that_cannot_be_made_is_refused_and_changes_nothing(aws, endpoint, model, config):
    variants = {"main": (model("blue"), 1)}
    name, other = endpoint(variants), config(variants)
    update, weigh = aws.sagemaker.update_endpoint, aws.sagemaker.update_endpoint_weights_and_capacities
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": LINEAR}}
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=other)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        update(EndpointName=name, EndpointConfigName="nobody")
    with pytest.raises(ClientError, match="no canary, linear or rolling"):
        update(EndpointName=name, EndpointConfigName=other, DeploymentConfig=policy)
    with pytest.raises(ClientError, match="Could not find the alarm"):
        update(EndpointName=name, EndpointConfigName=other, DeploymentConfig=watched_by("nobody"))
    with pytest.raises(ClientError, match="not present"):
        weigh(EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "other", "DesiredWeight": 1}])
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"


def test_a_deleted_endpoint_ends_its_process_and_is_gone(aws, config, model):
    name = unique("endpoint")
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config({"main": (model("blue"), 1)}))
    settled(aws, name)
    pid = int(ask(aws, name)[0]["pid"])
    os.kill(pid, 0)  # it is there
    aws.sagemaker.delete_endpoint(EndpointName=name)
    wait_for(lambda: not aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        aws.sagemaker.describe_endpoint(EndpointName=name)
    assert invoke(name, b"1", {})[0] == 400


# --- Capture


CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def captured(aws, prefix):
    return [json.loads(line) for key in aws.keys(prefix) for line in aws.get(aws.uri(key)).splitlines()]


def test_captured_requests_lie_in_s3_by_variant_and_hour(aws, endpoint, model):
    place = unique("captures")
    name = endpoint(
        {"main": (model("blue"), 1)}, DataCaptureConfig={**CAPTURE, "DestinationS3Uri": aws.uri(place)}
    )
    for number in range(3):
        ask(aws, name, body=b"1,2\n", InferenceId=f"order-{number}", CustomAttributes="trace=1")
    with pytest.raises(ClientError):
        ask(aws, name, body=b"error")  # not captured: the model did not answer
    records = wait_for(lambda: captured(aws, place))
    (key,) = aws.keys(place)
    now = aws.cloud.clock.now()
    assert key.startswith(f"{place}/{name}/main/{now:%Y/%m/%d/}")
    assert key.endswith(".jsonl")
    assert [record["eventMetadata"]["inferenceId"] for record in records] == ["order-0", "order-1", "order-2"]
    data = records[0]["captureData"]
    assert data["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2\n",
        "encoding": "CSV",
    }
    assert json.loads(data["endpointOutput"]["data"])["colour"] == "blue"
    assert data["endpointOutput"]["encoding"] == "JSON"
    assert records[0]["eventMetadata"]["customAttributes"] == ["trace=1"]
    assert records[0]["eventVersion"] == "0"
    summary = aws.sagemaker.describe_endpoint(EndpointName=name)["DataCaptureConfig"]
    assert (summary["CaptureStatus"], summary["CurrentSamplingPercentage"]) == ("Started", 100)


def test_what_was_captured_is_written_before_an_endpoint_is_gone(aws, config, model):
    place, name = unique("captures"), unique("endpoint")
    capture = {**CAPTURE, "DestinationS3Uri": aws.uri(place)}
    wanted = config({"main": (model("blue"), 1)}, DataCaptureConfig=capture)
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=wanted)
    settled(aws, name)
    ask(aws, name)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    wait_for(lambda: not aws.sagemaker.list_endpoints(NameContains=name)["Endpoints"])
    assert len(captured(aws, place)) == 1


def test_sagemaker_is_idle_once_nothing_changes_and_captures_are_in_s3(aws, endpoint, model):
    place = unique("captures")
    capture = {**CAPTURE, "DestinationS3Uri": aws.uri(place)}
    name = endpoint({"main": (model("blue"), 1)}, DataCaptureConfig=capture)
    wait_for(sagemaker.idle)
    ask(aws, name)
    assert not sagemaker.idle()
    wait_for(sagemaker.idle)
    assert len(captured(aws, place)) == 1


def test_a_sample_is_captured_in_proportion(aws, endpoint, model):
    place = unique("captures")
    capture = {**CAPTURE, "InitialSamplingPercentage": 25, "DestinationS3Uri": aws.uri(place)}
    name = endpoint({"main": (model("blue"), 1)}, DataCaptureConfig=capture)
    for _ in range(200):
        invoke(name, b"1", {"Content-Type": "text/csv"})
    wait_for(sagemaker.idle)
    assert 25 <= len(captured(aws, place)) <= 80  # 50 expected; four standard deviations are 24.5


# --- Measures


def total(aws, endpoint, metric, statistic="Sum"):
    """The sum (or another statistic) of an endpoint's metric so far."""
    now = aws.cloud.clock.time()
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "main"}],
        StartTime=now - 3600,
        EndTime=now + 60,
        Period=3660,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in found)


def test_every_request_is_counted_with_its_kind_of_error(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    for body in (b"1", b"2", b"bad", b"error", b"error"):
        invoke(name, body, {})
    counted = {
        metric: total(aws, name, metric)
        for metric in (
            "Invocations",
            "InvocationsPerInstance",
            "Invocation4XXErrors",
            "Invocation5XXErrors",
            "InvocationModelErrors",
        )
    }
    assert counted == {
        "Invocations": 5,
        "InvocationsPerInstance": 5,
        "Invocation4XXErrors": 1,
        "Invocation5XXErrors": 2,
        "InvocationModelErrors": 3,
    }
    assert total(aws, name, "Invocation5XXErrors", "SampleCount") == 5  # the zeros are datapoints too


def test_latency_is_in_microseconds(aws, endpoint, model):
    name = endpoint({"main": (model("blue"), 1)})
    invoke(name, b"sleep0.2", {})
    assert 200_000 <= total(aws, name, "ModelLatency", "Maximum") < 2_000_000
    assert total(aws, name, "OverheadLatency", "Maximum") < 200_000


def test_a_container_reads_its_archive_but_no_file_outside_of_it(aws, image):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"), io.BytesIO(b""))
    name = unique("model")
    url = aws.put(f"{name}/model.tar.gz", buffer.getvalue())
    aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=aws.role, PrimaryContainer={"Image": image, "ModelDataUrl": url}
    )
    variant = {
        "VariantName": "main",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    answer = settled(aws, name)
    assert answer["EndpointStatus"] == "Failed"
    assert "outside" in answer["FailureReason"]
    aws.sagemaker.delete_endpoint(EndpointName=name)
