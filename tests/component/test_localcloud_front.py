"""The front of the local cloud over real HTTP: connections, checks, roles, control plane, process."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import environment, identity, server
from localcloud.errors import CloudError


@pytest.fixture(scope="module")
def running():
    with server.start(names=("glue",)) as cloud:
        yield cloud


@pytest.fixture
def client(running):
    """A client acting as a role, or as the person at the keyboard."""

    def make(service, role_arn=None):
        keys = identity.credentials(role_arn) if role_arn else {}
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=running.url,
            aws_access_key_id=keys.get("AWS_ACCESS_KEY_ID", "local"),
            aws_secret_access_key="local",  # noqa: S106  a dummy
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )

    return make


@pytest.fixture
def role(client):
    """A role that grants what the statements say."""

    def make(*statements):
        name = f"role-{uuid.uuid4().hex[:8]}"
        iam = client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="grants", PolicyDocument=document)
        return arn

    return make


@pytest.fixture
def bucket(client):
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    client("s3").create_bucket(Bucket=name)
    return name


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def refusal(call, **parameters):
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def control(running, name, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{running.url}/_localcloud/{name}", data) as response:  # noqa: S310  our own
        return json.load(response)


# connections


def test_one_connection_carries_many_requests(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.cloud.url.rpartition(":")[2])
    ports = set()
    for _ in range(3):
        connection.request("GET", "/_localcloud/health")
        assert json.load(connection.getresponse())["status"] == "ok"
        ports.add(connection.sock.getsockname())
    assert len(ports) == 1


def test_objects_of_every_size_come_back_as_they_went(client, bucket):
    s3 = client("s3")
    for size in (0, 1, 65_536, 65_537, 9_000_000):
        body = os.urandom(size)
        s3.put_object(Bucket=bucket, Key="k", Body=body)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def test_keys_keep_spaces_plus_signs_percents_and_unicode(client, bucket):
    s3 = client("s3")
    keys = ["a b", "a+b", "a%20b", "ä/ö=ü", "deep//er/", "q?x&y#z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]} == set(keys)
    assert all(s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode() for key in keys)


def test_metadata_with_underscores_keeps_its_name(client, bucket):
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"content_hash": "1", "made-by": "2"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"content_hash": "1", "made-by": "2"}


def raw(running, *parts):
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), 5) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def test_a_chunked_body_in_pieces_is_put_together(running):
    head = b"POST /_localcloud/clock/advance HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(running, head + b'8\r\n{"second', b'\r\n6\r\ns": 0}\r\n0\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_answered_in_order(running):
    one = b"GET /_localcloud/health HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /_localcloud/nonsense HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw(running, one + two)
    assert 0 < answer.index(b"200 OK") + 1 < answer.index(b"404 Not Found")


def test_what_is_not_http_is_answered_400_and_closed(running):
    assert raw(running, b"SSH-2.0-OpenSSH\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_client_that_waits_for_100_continue_gets_it_before_its_body_is_read(running):
    head = b"POST /_localcloud/clock/advance HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n"
    answer = raw(running, head + b"Expect: 100-continue\r\n\r\n", b'{"seconds": 0}')
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


# strict


def test_a_bad_request_gets_the_error_of_its_service_in_each_protocol(client):
    logs, lambda_, sns, http_api = (client(name) for name in ("logs", "lambda", "sns", "apigatewayv2"))
    said = refusal(logs.create_log_group, logGroupName="has space")
    assert said[:2] == ("InvalidParameterException", 400)
    assert refusal(lambda_.get_function, FunctionName="not a name")[:2] == ("ValidationException", 400)
    said = refusal(sns.publish, Message="x", MessageAttributes={"a": {}})
    assert said[:2] == ("ValidationError", 400)
    assert refusal(http_api.create_api, Name="x", ProtocolType="SOAP")[:2] == ("BadRequestException", 400)


def test_a_name_that_sagemaker_refuses_is_refused_here_and_counted(client, running):
    before = control(running, "requests")["invalid"].get("sagemaker:CreateModelPackageGroup", 0)
    code, status, message = refusal(
        client("sagemaker").create_model_package_group, ModelPackageGroupName="a_b"
    )
    assert (code, status) == ("ValidationException", 400)
    assert "at 'modelPackageGroupName' failed to satisfy constraint" in message
    assert control(running, "requests")["invalid"]["sagemaker:CreateModelPackageGroup"] == before + 1


def test_an_operation_that_is_not_there_says_so(client):
    code, status, message = refusal(client("sagemaker").list_hubs)
    assert (code, status) == ("NotImplemented", 501)
    assert "list_hubs" in message


def test_a_request_that_cannot_be_read_still_reaches_moto(running):
    before = control(running, "requests")["unread"].get("unsigned", 0)
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{running.url}/moto-api/")  # noqa: S310  our own
    assert control(running, "requests")["unread"]["unsigned"] == before + 1


# guard


def test_a_role_may_do_what_it_grants_and_nothing_else(client, role, bucket):
    arn = role(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/in/*"))
    s3 = client("s3", arn)
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"1")
    code, status, message = refusal(s3.put_object, Bucket=bucket, Key="out/a", Body=b"1")
    assert (code, status) == ("AccessDenied", 403)
    name = arn.rpartition("/")[2]
    assert message == (
        f"User: arn:aws:sts::123456789012:assumed-role/{name}/session is not authorized to perform: "
        f"s3:PutObject on resource: arn:aws:s3:::{bucket}/out/a "
        "because no identity-based policy allows the s3:PutObject action"
    )


def test_a_refused_upload_leaves_the_connection_usable(client, role, bucket):
    arn = role(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/in/*"))
    s3 = client("s3", arn)
    for _ in range(3):
        assert refusal(s3.put_object, Bucket=bucket, Key="out", Body=bytes(300_000))[0] == "AccessDenied"
        s3.put_object(Bucket=bucket, Key="in/a", Body=bytes(300_000))


def test_the_person_at_the_keyboard_may_do_anything(client, bucket):
    client("s3").put_object(Bucket=bucket, Key="k", Body=b"")


def test_services_refuse_in_their_own_words(client, role):
    arn = role(allow("s3:GetObject"))
    assert refusal(client("dynamodb", arn).describe_table, TableName="ledger")[:2] == (
        "AccessDeniedException",
        403,
    )
    assert refusal(client("sns", arn).list_topics)[:2] == ("AuthorizationError", 403)
    assert refusal(client("lambda", arn).get_function, FunctionName="f")[:2] == ("AccessDeniedException", 403)


def test_an_explicit_deny_and_unmet_conditions_are_named(client, role):
    denied = role(allow("sqs:*"), {"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"})
    assert "explicit deny" in refusal(client("sqs", denied).create_queue, QueueName="q")[2]
    scoped = role(
        allow("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "Ours"}})
    )
    metric = [{"MetricName": "m", "Value": 1.0}]
    client("cloudwatch", scoped).put_metric_data(Namespace="Ours", MetricData=metric)
    said = refusal(client("cloudwatch", scoped).put_metric_data, Namespace="Theirs", MetricData=metric)[2]
    assert "wants Ours, is Theirs" in said


def test_a_policy_counts_from_the_moment_it_is_changed(client, role):
    arn = role(allow("s3:GetObject"))
    assert refusal(client("sqs", arn).create_queue, QueueName=f"q-{uuid.uuid4().hex}")[1] == 403
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:CreateQueue")]})
    client("iam").put_role_policy(RoleName=arn.rpartition("/")[2], PolicyName="more", PolicyDocument=document)
    client("sqs", arn).create_queue(QueueName=f"q-{uuid.uuid4().hex}")


def test_attached_policies_count_too(client, role):
    arn = role(allow("s3:GetObject"))
    iam = client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("sns:ListTopics")]})
    policy = iam.create_policy(PolicyName=f"p-{uuid.uuid4().hex[:8]}", PolicyDocument=document)["Policy"][
        "Arn"
    ]
    iam.attach_role_policy(RoleName=arn.rpartition("/")[2], PolicyArn=policy)
    client("sns", arn).list_topics()


def test_a_role_that_does_not_exist_may_do_nothing(client):
    said = refusal(client("sns", "arn:aws:iam::123456789012:role/ghost").list_topics)[2]
    assert "the role does not exist" in said


def test_a_role_passed_on_needs_pass_role(client, role):
    train = "arn:aws:iam::123456789012:role/train"
    request = {
        "ModelName": f"m-{uuid.uuid4().hex[:8]}",
        "PrimaryContainer": {"Image": "image"},
        "ExecutionRoleArn": train,
    }
    assert (
        "iam:PassRole" in refusal(client("sagemaker", role(allow("sagemaker:*"))).create_model, **request)[2]
    )
    passing = allow(
        "iam:PassRole", train, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    )
    client("sagemaker", role(allow("sagemaker:*"), passing)).create_model(**request)


def test_a_missing_object_is_403_to_who_may_not_list_and_404_to_who_may(client, role, bucket):
    reader = role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    assert refusal(client("s3", reader).get_object, Bucket=bucket, Key="none")[:2] == ("AccessDenied", 403)
    assert refusal(client("s3", reader).head_object, Bucket=bucket, Key="none")[1] == 403
    lister = role(
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    )
    assert refusal(client("s3", lister).get_object, Bucket=bucket, Key="none")[:2] == ("NoSuchKey", 404)


def test_grants_that_no_call_used_are_listed(client, role, running, bucket):
    arn = role(allow(["s3:PutObject", "s3:DeleteObject"], f"arn:aws:s3:::{bucket}/*"))
    client("s3", arn).put_object(Bucket=bucket, Key="k", Body=b"")
    (found,) = [row for row in control(running, "grants")["roles"] if row["role"] == arn]
    assert found["calls"] == 1
    assert found["unused"] == [{"action": "s3:DeleteObject", "resource": f"arn:aws:s3:::{bucket}/*"}]


# control plane


def test_the_clock_moves_by_command(running):
    before = running.cloud.clock.time()
    control(running, "clock/advance", {"seconds": 3600})
    assert running.cloud.clock.time() - before == pytest.approx(3600, abs=5)


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b"[]", b'{"seconds": -1}', b'{"seconds": "x"}'])
def test_a_wrong_command_is_400(running, body):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{running.url}/_localcloud/clock/advance", body)  # noqa: S310  our own
    assert raised.value.code == 400


def test_drain_waits_for_who_is_busy_and_names_who_is_not_done(running, monkeypatch):
    answers = iter([False, False])
    monkeypatch.setattr("localcloud.rooms._idle", {"events": lambda: next(answers, True)})
    assert control(running, "drain", {"timeout": 5}) == {"idle": True, "busy": []}
    monkeypatch.setattr("localcloud.rooms._idle", {"lambda_": lambda: False})
    assert control(running, "drain", {"timeout": 0.1}) == {"idle": False, "busy": ["lambda_"]}


# environment


def test_ways_to_real_aws_are_dropped_and_come_back_at_the_end():
    environ = {
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_ENDPOINT_URL_S3": "https://s3",
        "HOME": "/h",
    }
    before = dict(environ)
    dropped, kept = environment.enter("http://127.0.0.1:1234", "us-east-1", environ)
    assert dropped == ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"]
    assert environ["AWS_ACCESS_KEY_ID"] == "local"
    assert environ["MOTO_PORT"] == "1234"
    assert "AWS_PROFILE" not in environ
    environment.leave(kept, environ)
    assert environ == before


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(running):
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(CloudError, match=f"port {port} is taken") as raised:
        server.start(port, names=())
    assert "another --port" in raised.value.hint


# the process


def serve(*arguments, **options):
    argv = [sys.executable, "-m", "localcloud", "serve", "--json", *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_the_command_says_where_it_listens_and_ends_in_order_on_sigterm():
    process = serve("--port", "0", env=os.environ | {"AWS_PROFILE": "prod"})
    try:
        events = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert events[0] == {"event": "dropped", "names": ["AWS_PROFILE"]}
        assert events[1]["event"] == "listening"
        assert events[1]["pid"] == process.pid
        assert urllib.request.urlopen(f"{events[1]['url']}/_localcloud/health").status == 200  # noqa: S310
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()


def test_the_command_ends_when_its_parent_is_gone():
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = serve("--port", "0", "--parent-pid", str(parent.pid))
    try:
        assert json.loads(process.stdout.readline())["event"] == "listening"
        parent.communicate(b"\n")
        assert process.wait(15) == 0
    finally:
        process.kill()
        parent.kill()


def test_the_command_exits_2_when_its_port_is_taken(running):
    process = serve("--port", running.url.rpartition(":")[2])
    said, _ = process.communicate(timeout=30)
    error = json.loads(said)
    assert process.returncode == 2
    assert error["event"] == "error"
    assert {"what", "cause", "hint"} <= set(error)
