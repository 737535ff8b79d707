"""A running local cloud told to bring what is deployed to another assembly, as `cdk deploy` would."""

import http.client
import json
import threading
import time

import pytest
from written_assembly import TRUST, App, function, physical

from localcloud import server

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
QUEUE = {"Type": "AWS::SQS::Queue"}
BROKEN = {**QUEUE, "Properties": {"Depth": 3}}


@pytest.fixture(scope="module")
def running():
    with server.start(names=("events", "cloudwatch", "lambda_", "stepfunctions", "cloudformation")) as cloud:
        yield cloud


@pytest.fixture
def client(running):
    return running.cloud.client


@pytest.fixture
def app(running, tmp_path):
    return App(tmp_path)


@pytest.fixture
def update(running, app):
    """Ask the cloud over HTTP to deploy the app's folder; returns the status and the answer."""

    def ask(**request):
        connection = http.client.HTTPConnection("127.0.0.1", running.url.rpartition(":")[2])
        body = json.dumps(request or {"assembly": str(app.folder)})
        connection.request("POST", "/_localcloud/deploy", body)
        response = connection.getresponse()
        return response.status, json.load(response)

    return ask


def table(key):
    properties = {
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


def worker(source, **properties):
    return {"Role": ROLE, "Worker": function(Code={"ZipFile": source}, **properties)}


def test_an_update_tells_what_changed_and_the_same_again_changes_nothing(app, update):
    app.stack("Data", {"Kept": QUEUE, "Gone": QUEUE})
    app.deploy()
    slower = {**QUEUE, "Properties": {"VisibilityTimeout": 60}}
    app.stack("Data", {"Kept": slower, "New": QUEUE})
    status, told = update()
    counts = {name: told[name] for name in ("created", "updated", "deleted", "unchanged")}
    assert (status, counts) == (200, {"created": 1, "updated": 1, "deleted": 1, "unchanged": 0})
    assert {line["logical_id"]: line["change"] for line in told["changes"]} == {
        "Kept": "updated",
        "New": "created",
        "Gone": "deleted",
    }
    status, told = update()
    assert (status, told["changes"], told["unchanged"]) == (200, [], 2)


def test_what_was_replaced_is_told_for_its_content_is_gone(app, update):
    app.stack("Data", {"Table": table("old"), "Queue": QUEUE})
    app.deploy()
    app.stack("Data", {"Table": table("new"), "Queue": {**QUEUE, "Properties": {"VisibilityTimeout": 60}}})
    _, told = update()
    assert {line["logical_id"]: line["replaced"] for line in told["changes"]} == {
        "Table": True,
        "Queue": False,
    }


def test_a_warm_worker_makes_room_for_the_new_code_and_a_call_under_way_ends_with_the_old(
    app, update, client
):
    slow = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'old'"
    app.stack("Jobs", worker(slow, Timeout=60))
    name = physical(app.deploy(), "Worker")
    answers = {}

    def ask(seconds):
        answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(seconds).encode())
        answers[seconds] = json.load(answer["Payload"])

    ask(0)
    busy = threading.Thread(target=ask, args=(3,))
    busy.start()
    time.sleep(0.5)  # so that the call has its worker
    app.stack("Jobs", worker("def handler(event, context): return 'new'", Timeout=60))
    status, _ = update()
    assert status == 200 and busy.is_alive()
    ask(1)
    busy.join()
    assert answers == {0: "old", 3: "old", 1: "new"}
    ask(2)  # the worker that was busy may not come back
    assert answers[2] == "new"


def test_an_execution_under_way_keeps_its_definition_and_the_next_one_has_the_new(app, update, client):
    def machine(result, seconds):
        states = {
            "Wait": {"Type": "Wait", "Seconds": seconds, "Next": "Say"},
            "Say": {"Type": "Pass", "Result": result, "End": True},
        }
        properties = {
            "DefinitionString": json.dumps({"StartAt": "Wait", "States": states}),
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        }
        return {"Role": ROLE, "M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}

    def ended(arn):
        for _ in range(200):
            found = client("stepfunctions").describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return json.loads(found["output"])
            time.sleep(0.05)
        return None

    app.stack("Jobs", machine("old", 1))
    arn = physical(app.deploy(), "M")
    before = client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]
    app.stack("Jobs", machine("new", 0))
    _, told = update()
    assert [line["logical_id"] for line in told["changes"]] == ["M"]
    after = client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"]
    assert (ended(before), ended(after)) == ("old", "new")


def test_a_failed_update_leaves_the_stack_as_it_was_with_what_it_held(app, update, client):
    fast = {**QUEUE, "Properties": {"VisibilityTimeout": 10}}
    app.stack("Data", {"Table": table("old"), "Fast": fast})
    first = app.deploy()
    name, url = physical(first, "Table"), physical(first, "Fast")
    client("dynamodb").put_item(TableName=name, Item={"old": {"S": "kept"}})

    slow = {**QUEUE, "Properties": {"VisibilityTimeout": 20}}
    last = {**BROKEN, "DependsOn": ["Table", "Fast", "New"]}
    app.stack("Data", {"Table": table("new"), "Fast": slow, "New": QUEUE, "Last": last})
    queues = len(client("sqs").list_queues().get("QueueUrls", []))
    status, told = update()
    assert (status, told["cause"]) == (409, "property Depth is not honoured here")
    assert f"{app.name('Data')}/Last (AWS::SQS::Queue) cannot be created" in told["error"]
    assert told["hint"]

    stack = client("cloudformation").describe_stacks(StackName=app.name("Data"))["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert [item["old"]["S"] for item in client("dynamodb").scan(TableName=name)["Items"]] == ["kept"]
    tables = client("dynamodb").list_tables()["TableNames"]
    assert [each for each in tables if each.startswith(app.name("Data"))] == [name]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "10"}
    assert len(client("sqs").list_queues().get("QueueUrls", [])) == queues

    app.stack("Data", {"Table": table("old"), "Fast": slow})
    status, told = update()
    assert (status, [line["logical_id"] for line in told["changes"]]) == (200, ["Fast"])


def test_what_a_failure_left_half_updated_is_updated_back(app, update, client):
    def role(policies, description):
        properties = {**ROLE["Properties"], "Description": description, "ManagedPolicyArns": policies}
        return {"Role": {**ROLE, "Properties": properties}}

    app.stack("Jobs", role([], "as it was"))
    name = physical(app.deploy(), "Role")
    app.stack("Jobs", role(["arn:aws:iam::aws:policy/NoSuchPolicy"], "changed"))
    status, told = update()
    assert status == 409 and "NoSuchPolicy" in told["cause"]
    assert client("iam").get_role(RoleName=name)["Role"]["Description"] == "as it was"


def test_a_folder_that_is_no_assembly_is_refused_and_nothing_changes(app, update, tmp_path):
    app.stack("Data", {"Queue": QUEUE})
    app.deploy()
    (tmp_path / "empty").mkdir()
    status, told = update(assembly=str(tmp_path / "empty"))
    assert (status, told["cause"]) == (409, "it has no manifest.json")
    assert update()[1]["unchanged"] == 1


def test_one_deployment_at_a_time(app, update):
    app.stack("Data", {"Queue": QUEUE})
    app.deploy()
    from localcloud import deploy

    with deploy._deploying:
        status, told = update()
    assert (status, told["error"]) == (409, "another deployment is under way")
