"""Functions as AWS runs them: results, errors, limits, environment, versions, asynchronous calls, images."""

import base64
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from events_cloud import LocalAws, unique, wait_for, zipped
from moto.awslambda.models import lambda_backends

from localcloud import cloud, identity
from localcloud.lambda_ import worker

COUNT = """
import os
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return {"calls": calls, "pid": os.getpid(), "event": event}
"""
ENVIRONMENT = """
import os

def handler(event, context):
    return dict(os.environ)
"""
FAIL = """
def handler(event, context):
    raise ValueError("no such drop")
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = LocalAws(tmp_path_factory.mktemp("cloud"))
    yield aws
    aws.close()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_answers_with_what_the_handler_returns(aws):
    name = aws.function(COUNT)
    result, answer = aws.invoke(name, {"drop": "ä"})
    assert result["event"] == {"drop": "ä"}
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer.get("FunctionError")) == (
        200,
        "$LATEST",
        None,
    )


def test_keeps_the_globals_of_a_warm_worker(aws):
    name = aws.function(COUNT)
    assert [aws.invoke(name)[0]["calls"] for _ in range(3)] == [1, 2, 3]


def function_of(aws, name):
    return lambda_backends[aws.cloud.account][aws.cloud.region].get_function(name)


def test_a_function_that_is_warmed_up_answers_from_the_process_that_was_started_ahead(aws):
    name = aws.function(COUNT)
    began = time.monotonic()
    ahead = function_of(aws, name).pool.warm_up()
    while not ahead.ready(1.0):
        pass
    took_ms = (time.monotonic() - began) * 1000
    time.sleep(0.2)  # which is no part of its start
    result, answer = aws.invoke(name, LogType="Tail")
    assert result["pid"] == ahead.process.pid
    told = base64.b64decode(answer["LogResult"]).decode()
    milliseconds = float(told.partition("Init Duration: ")[2].partition(" ms")[0])
    assert 0 < milliseconds <= took_ms
    assert function_of(aws, name).pool.warm_up() is None  # somebody calls it already


def test_a_function_that_cannot_start_ahead_says_so_to_who_calls_it(aws):
    name = aws.function("raise RuntimeError('no configuration')")
    ahead = function_of(aws, name).pool.warm_up()
    while not ahead.ready(1.0):
        pass
    result, answer = aws.invoke(name)
    assert answer["FunctionError"] == "Unhandled"
    assert "no configuration" in result["errorMessage"]


def test_starts_a_second_worker_for_a_call_at_the_same_time(aws):
    name = aws.function(
        "import os, time\ndef handler(event, context):\n    time.sleep(0.4)\n    return os.getpid()\n"
    )
    with ThreadPoolExecutor(3) as pool:
        pids = {pid for pid, _ in pool.map(lambda _: aws.invoke(name), range(3))}
    assert len(pids) == 3


def test_overhead_of_a_warm_call_is_a_few_milliseconds(aws):
    name = aws.function("def handler(event, context):\n    return 1\n")
    aws.invoke(name)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        aws.invoke(name)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        (FAIL, "ValueError", "no such drop"),
        ("import nowhere\n", "Runtime.ImportModuleError", "Unable to import module 'app'"),
        ("x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("raise KeyError('CONFIG')\n", "KeyError", "'CONFIG'"),
        (
            "import os\ndef handler(event, context):\n    os._exit(7)\n",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 7",
        ),
        (
            "import os\ndef handler(event, context):\n    os.kill(os.getpid(), 9)\n",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
        ),
        (
            "def handler(event, context):\n    return {1, 2}\n",
            "Runtime.MarshalError",
            "Unable to marshal response",
        ),
    ],
    ids=["raises", "import", "no-handler", "init", "exits", "killed", "not-json"],
)
def test_reports_a_failure_in_the_shape_aws_gives_it(aws, code, error_type, message):
    result, answer = aws.invoke(aws.function(code))
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorType"] == error_type
    assert message in result["errorMessage"]


def test_runs_the_next_event_after_a_crash(aws):
    name = aws.function("import os\ndef handler(event, context):\n    return event or os._exit(1)\n")
    assert [aws.invoke(name, event)[0] for event in ("a", "b")] == ["a", "b"]
    assert aws.invoke(name)[1]["FunctionError"] == "Unhandled"
    assert aws.invoke(name, "c")[0] == "c"


def test_ends_a_handler_at_its_timeout(aws):
    name = aws.function("import time\ndef handler(event, context):\n    time.sleep(9)\n", Timeout=1)
    result, answer = aws.invoke(name, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert request_id
    assert result["errorType"] == "Sandbox.Timedout"
    assert result["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Task timed out after 1.00 seconds" in base64.b64decode(answer["LogResult"]).decode()


def test_tells_the_handler_how_long_it_has(aws):
    code = "def handler(event, context):\n    return context.get_remaining_time_in_millis()\n"
    left_ms, _ = aws.invoke(aws.function(code, Timeout=30))
    assert 25_000 < left_ms <= 30_000


def test_writes_what_was_printed_between_start_and_report(aws):
    name = aws.function("def handler(event, context):\n    print('one')\n    print('two')\n")
    _, answer = aws.invoke(name, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert [line.split()[0] for line in tail] == ["START", "one", "two", "END", "REPORT"]
    logged = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"] for event in logged][1:3] == ["one", "two"]


def test_writes_to_the_log_group_of_its_configuration(aws):
    group = unique("/own/group")
    name = aws.function("def handler(e, c):\n    print('here')\n", LoggingConfig={"LogGroup": group})
    aws.invoke(name)
    logged = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    assert "here" in [event["message"] for event in logged]


def test_counts_invocations_and_errors_in_cloudwatch(aws):
    name = aws.function(FAIL)
    aws.invoke(name)
    aws.invoke(name)
    now = aws.cloud.clock.now().timestamp()
    for metric, wanted in (("Invocations", 2.0), ("Errors", 2.0)):
        points = aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=now - 600,
            EndTime=now + 600,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        assert sum(point["Sum"] for point in points) == wanted


def test_gives_a_worker_a_clean_environment_and_the_keys_of_its_role(aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "1")
    name = aws.function(ENVIRONMENT, Environment={"Variables": {"TABLE": "ledger"}}, Timeout=9)
    seen, _ = aws.invoke(name)
    assert seen.keys().isdisjoint({"AWS_PROFILE", "SECRET_OF_THE_SHELL"})
    assert identity.role_of(seen["AWS_ACCESS_KEY_ID"]) == aws.role
    assert seen["AWS_ENDPOINT_URL"] == aws.cloud.url
    wanted = {
        "TABLE": "ledger",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "9",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "_HANDLER": "app.handler",
        "AWS_XRAY_SDK_ENABLED": "false",
    }
    assert {variable: seen[variable] for variable in wanted} == wanted
    assert "Sampled=0" in seen["_X_AMZN_TRACE_ID"]


def test_refuses_variables_that_lambda_sets_itself(aws):
    with pytest.raises(ClientError, match="AWS_REGION") as refused:
        aws.function(ENVIRONMENT, Environment={"Variables": {"AWS_REGION": "mars"}})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_runs_changed_code_and_configuration_at_the_next_call(aws):
    name = aws.function("import os\ndef handler(e, c):\n    return ['old', os.environ.get('MODE')]\n")
    assert aws.invoke(name)[0] == ["old", None]
    lambda_ = aws.client("lambda")
    lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": {"MODE": "m"}})
    assert aws.invoke(name)[0] == ["old", "m"]
    new = "import os\ndef handler(e, c):\n    return ['new', os.environ.get('MODE')]\n"
    lambda_.update_function_code(FunctionName=name, ZipFile=zipped(new))
    assert aws.invoke(name)[0] == ["new", "m"]


def test_an_alias_runs_the_version_it_names(aws):
    name = aws.function("def handler(e, c):\n    return [1, c.function_version]\n")
    lambda_ = aws.client("lambda")
    lambda_.publish_version(FunctionName=name)
    lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    new = "def handler(e, c):\n    return [2, c.function_version]\n"
    lambda_.update_function_code(FunctionName=name, ZipFile=zipped(new))
    result, answer = aws.invoke(name, Qualifier="live")
    assert (result, answer["ExecutedVersion"]) == ([1, "1"], "1")
    assert aws.invoke(name)[0] == [2, "$LATEST"]


def test_a_dry_run_runs_nothing(aws):
    name = aws.function(COUNT)
    _, answer = aws.invoke(name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert aws.invoke(name)[0]["calls"] == 1


def test_refuses_more_calls_at_once_than_are_reserved(aws):
    name = aws.function("import time\ndef handler(e, c):\n    time.sleep(1)\n")
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    first = threading.Thread(target=aws.invoke, args=(name,))
    first.start()
    backend_is_busy = lambda: _gate(aws, name).running == 1  # noqa: E731  a word for what is waited for
    assert wait_for(backend_is_busy)
    with pytest.raises(ClientError) as refused:
        aws.invoke(name)
    first.join()
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert aws.invoke(name)[1]["StatusCode"] == 200


def _gate(aws, name):
    from moto.awslambda.models import lambda_backends

    return lambda_backends[aws.cloud.account][aws.cloud.region].get_function(name).gate


def test_carries_megabytes_and_refuses_more_than_six(aws):
    name = aws.function("def handler(event, context):\n    return event * 2\n")
    assert len(aws.invoke(name, "x" * 2_500_000)[0]) == 5_000_000
    result, answer = aws.invoke(name, "x" * 4_000_000)
    assert (result["errorType"], answer["FunctionError"]) == ("Function.ResponseSizeTooLarge", "Unhandled")
    with pytest.raises(ClientError) as refused:
        aws.invoke(name, "x" * 6_400_000)
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"


def test_refuses_a_payload_that_is_not_json(aws):
    name = aws.function(COUNT)
    with pytest.raises(ClientError) as refused:
        aws.client("lambda").invoke(FunctionName=name, Payload=b"{drop")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_an_event_is_accepted_at_once_and_tried_three_times(aws):
    queue, queue_arn = aws.queue()
    name = aws.function(FAIL, DeadLetterConfig={"TargetArn": queue_arn})
    _, answer = aws.invoke(name, {"drop": 1}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert wait_for(lambda: _attempts(aws, name) == 1)
    assert aws.received(queue, seconds=0.1) == []
    aws.cloud.clock.advance(60)
    assert wait_for(lambda: _attempts(aws, name) == 2)
    aws.cloud.clock.advance(120)
    (letter,) = aws.received(queue)
    assert _attempts(aws, name) == 3
    assert json.loads(letter["Body"]) == {"drop": 1}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no such drop"
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "200"


def _attempts(aws, name):
    try:
        logged = aws.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except ClientError:
        return 0
    return sum(event["message"].startswith("REPORT") for event in logged)


@pytest.mark.parametrize(
    ("code", "condition", "side"),
    [
        ("def handler(event, context):\n    return {'ok': True}\n", "Success", "OnSuccess"),
        (FAIL, "RetriesExhausted", "OnFailure"),
    ],
    ids=["success", "failure"],
)
def test_a_destination_gets_the_record_of_the_invocation(aws, code, condition, side):
    queue, queue_arn = aws.queue()
    name = aws.function(code)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={side: {"Destination": queue_arn}}
    )
    aws.invoke(name, {"drop": 1}, InvocationType="Event")
    (record,) = aws.bodies(queue)
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["functionArn"].endswith(f":function:{name}:$LATEST")
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"drop": 1}
    assert record["responseContext"]["executedVersion"] == "$LATEST"
    assert record["responsePayload"].get("errorMessage", "") == (
        "no such drop" if side == "OnFailure" else ""
    )


def test_an_event_too_old_for_its_next_attempt_is_given_up(aws):
    # as recorded on AWS: an age of 60 s leaves no room for the second attempt after a minute
    queue, queue_arn = aws.queue()
    name = aws.function(FAIL)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=2,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue_arn}},
    )
    aws.invoke(name, {}, InvocationType="Event")
    (record,) = aws.bodies(queue)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_updating_how_events_are_retried_keeps_where_failures_go(aws):
    name = aws.function(FAIL)
    destination = {"OnFailure": {"Destination": aws.queue()[1]}}
    lambda_ = aws.client("lambda")
    lambda_.put_function_event_invoke_config(FunctionName=name, DestinationConfig=destination)
    lambda_.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    found = lambda_.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumRetryAttempts"], found["DestinationConfig"]) == (1, destination)


def test_says_so_when_there_is_nothing_to_run(aws):
    name = unique("broken")
    aws.client("lambda").create_function(
        FunctionName=name,
        PackageType="Image",
        Role=aws.role,
        Code={"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/none:tag"},
    )
    with pytest.raises(ClientError) as refused:
        aws.invoke(name)
    assert refused.value.response["Error"]["Code"] == "InvalidRuntimeException"
    assert name in refused.value.response["Error"]["Message"]


def test_runs_the_command_of_an_image_in_its_folder(aws, monkeypatch, tmp_path):
    (tmp_path / "jobs.py").write_text(
        "import os\ndef features(event, context):\n"
        "    return [event, os.getcwd(), os.environ['FROM_IMAGE'], os.environ['FROM_FUNCTION']]\n"
    )
    image = SimpleNamespace(
        folder=tmp_path,
        entrypoint=("python", "-m", "awslambdaric"),
        command=("jobs.train",),
        environment={"FROM_IMAGE": "i"},
    )
    images = SimpleNamespace(find={"123456789012.dkr.ecr.us-east-1.amazonaws.com/own:tag": image}.__getitem__)
    monkeypatch.setattr("localcloud.images", images, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "localcloud.images", images)
    name = unique("image")
    aws.client("lambda").create_function(
        FunctionName=name,
        PackageType="Image",
        Role=aws.role,
        Code={"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:tag"},
        ImageConfig={"Command": ["jobs.features"]},
        Environment={"Variables": {"FROM_FUNCTION": "f"}},
    )
    result, _ = aws.invoke(name, 7)
    assert result == [7, str(Path(tmp_path).resolve()), "i", "f"]


def test_ends_the_workers_of_a_deleted_function(aws):
    name = aws.function(COUNT)
    pid = aws.invoke(name)[0]["pid"]
    assert is_running(pid)
    aws.client("lambda").delete_function(FunctionName=name)
    assert not is_running(pid)


def test_ends_every_worker_when_the_cloud_closes(monkeypatch, tmp_path):
    own = cloud.Cloud("http://127.0.0.1:9", tmp_path)
    monkeypatch.setattr(cloud, "_current", own)
    (tmp_path / "app.py").write_text(COUNT)
    argv = ("python", "-m", "awslambdaric", "app.handler")
    launch = worker.Launch(
        argv=argv, folder=tmp_path, environment=own.child_environment(), log_stream="stream"
    )
    started = worker.Worker(launch)
    event = worker.Invocation(
        request_id="1", payload=b"{}", function_arn="arn", timeout_seconds=30, trace_id="Root=1-0-0"
    )
    pid = json.loads(started.invoke(event).result)["pid"]
    assert pid == started.process.pid
    assert is_running(pid)
    own.close()
    assert not is_running(pid)


def test_a_worker_that_never_asks_for_work_is_given_up(aws, monkeypatch):
    monkeypatch.setattr(worker, "INIT_SECONDS", 0.3)
    result, _ = aws.invoke(aws.function("import time\ntime.sleep(9)\n", Timeout=1))
    assert result["errorType"] == "Sandbox.Timedout"
