"""State machines that really run: roles, variables, errors, maps, jobs, waits, and what they report."""

import itertools
import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import server
from localcloud.stepfunctions import clients

_numbers = itertools.count(1)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture(scope="module")
def running():
    with server.start(names=("events", "cloudwatch", "lambda_", "stepfunctions")) as running:
        yield running


@pytest.fixture(scope="module")
def aws(running):
    return running.cloud


@pytest.fixture(scope="module")
def sfn(aws):
    return aws.client("stepfunctions")


@pytest.fixture(scope="module")
def role(aws):
    return make_role(aws, "*")


@pytest.fixture
def machine(sfn, role):
    """Create a machine of some states, the first of which starts it; its ARN."""

    def create(states, *, options=None, role_arn=role, **machine):
        definition = {"StartAt": next(iter(states)), "QueryLanguage": "JSONata", "States": states, **machine}
        return sfn.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=role_arn, **(options or {})
        )["stateMachineArn"]

    return create


@pytest.fixture
def run(sfn, machine):
    """Run a machine of these states to its end; its description."""

    def execute(states, given=None, **options):
        arn = sfn.start_execution(stateMachineArn=machine(states, **options), input=json.dumps(given or {}))
        return ended(sfn, arn["executionArn"])

    return execute


@pytest.fixture
def jobs(monkeypatch):
    """SageMaker as state machines see it: jobs whose status the test decides."""
    real = clients.client_for
    fake = FakeSageMaker()
    monkeypatch.setattr(
        clients, "client_for", lambda **call: fake if call["service"] == "sagemaker" else real(**call)
    )
    return fake


class FakeSageMaker:
    def __init__(self):
        self.status = "Completed"
        self.created = []
        self.stopped = []

    def create_training_job(self, **request):
        if request["TrainingJobName"] == "taken":
            error = {"Code": "ResourceInUse", "Message": "Training job names must be unique"}
            raise ClientError(
                {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "CreateTrainingJob"
            )
        self.created.append(request)
        return {"TrainingJobArn": "arn:job", "ResponseMetadata": {}}

    def describe_training_job(self, TrainingJobName):  # noqa: N803  boto3's name
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": self.status,
            "FailureReason": "AlgorithmError: no rows",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://models/m.tar.gz"},
            "ResponseMetadata": {},
        }

    def stop_training_job(self, TrainingJobName):  # noqa: N803  boto3's name
        self.stopped.append(TrainingJobName)
        return {"ResponseMetadata": {}}


def unique(stem):
    return f"{stem}-{next(_numbers)}-{time.monotonic_ns()}"


def make_role(aws, *actions):
    iam, name = aws.client("iam"), unique("role")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    statements = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return arn


def ended(sfn, execution_arn, seconds=10.0):
    until = time.monotonic() + seconds
    while (found := sfn.describe_execution(executionArn=execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < until, f"still running after {seconds} s"
        time.sleep(0.01)
    return found


def eventually(look, seconds=5.0):
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"nothing after {seconds} s"
        time.sleep(0.02)
    return found


def passing(output):
    return {"Type": "Pass", "Output": output, "End": True}


def training(name="job", **state):
    arguments = {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/job",
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
        "OutputDataConfig": {"S3OutputPath": "s3://models/"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    resource = "arn:aws:states:::sagemaker:createTrainingJob.sync"
    return {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True} | state


def caught(error):
    return [{"ErrorEquals": [error], "Output": "{% $states.errorOutput %}", "Next": "Caught"}]


# executions


def test_a_start_without_a_name_gets_one(sfn, machine):
    arn = machine({"Only": passing({})})
    names = {sfn.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)}
    assert len(names) == 2


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(sfn, machine):
    arn = machine({"Wait": {"Type": "Wait", "Seconds": 600, "End": True}})
    first = sfn.start_execution(stateMachineArn=arn, name="claim", input='{"drop": 1}')["executionArn"]
    assert (
        sfn.start_execution(stateMachineArn=arn, name="claim", input='{"drop": 1}')["executionArn"] == first
    )
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=arn, name="claim", input='{"drop": 2}')
    sfn.stop_execution(executionArn=first)
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=arn, name="claim", input='{"drop": 1}')


@pytest.mark.parametrize("output", ["plain", None, 0, False, [1, None]], ids=str)
def test_an_output_is_json_text_whatever_it_is(run, output):
    assert json.loads(run({"Only": passing(output)})["output"]) == output


def test_a_stop_is_seen_at_once_with_its_reason(sfn, machine):
    arn = machine({"Wait": {"Type": "Wait", "Seconds": 600, "End": True}})
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    sfn.stop_execution(executionArn=execution, error="Superseded", cause="a newer drop")
    found = sfn.describe_execution(executionArn=execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Superseded", "a newer drop")
    events = sfn.get_execution_history(executionArn=execution, reverseOrder=True)["events"]
    assert events[0]["type"] == "ExecutionAborted"


def test_an_express_machine_answers_with_its_output(aws, machine):
    arn = machine({"Only": passing("{% $states.input.n + 1 %}")}, options={"type": "EXPRESS"})
    # StartSyncExecution goes to a host of its own, sync-..., which a number cannot have
    direct = boto3.client("stepfunctions", endpoint_url=aws.url, config=Config(inject_host_prefix=False))
    found = direct.start_sync_execution(stateMachineArn=arn, input='{"n": 1}')
    assert (found["status"], found["output"]) == ("SUCCEEDED", "2")


def test_a_machine_without_its_next_state_is_refused(machine):
    with pytest.raises(ClientError, match="Missing 'Next' target: Nowhere at /States/Only/Next"):
        machine({"Only": {"Type": "Pass", "Next": "Nowhere"}, "End": {"Type": "Succeed"}})


# roles


def test_a_machine_may_do_what_its_role_may(aws, machine, sfn):
    queue = aws.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:sendMessage",
        "Arguments": {"QueueUrl": queue, "MessageBody": {"drop": 1}},
        "End": True,
    }
    ends = [
        ended(
            sfn,
            sfn.start_execution(stateMachineArn=machine({"Send": send}, role_arn=role))["executionArn"],
        )
        for role in (make_role(aws, "sqs:SendMessage"), make_role(aws, "sqs:ReceiveMessage"))
    ]
    assert [end["status"] for end in ends] == ["SUCCEEDED", "FAILED"]
    assert ends[1]["error"].startswith("Sqs.") and "not authorized" in ends[1]["cause"]
    body = aws.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert json.loads(body) == {"drop": 1}


# expressions


@pytest.mark.parametrize("text", ['a "b"', "back\\slash", "line\nline", "\\u0041", "é😀", "{% x %}"])
def test_a_variable_keeps_its_text(run, text):
    states = {
        "Assign": {"Type": "Pass", "Assign": {"v": "{% $states.input.v %}"}, "Next": "Use"},
        "Use": passing("{% {'v': $v, 'length': $length($v)} %}"),
    }
    assert json.loads(run(states, {"v": text})["output"]) == {"v": text, "length": len(text)}


def test_a_variable_may_be_null(run):
    states = {
        "Assign": {"Type": "Pass", "Assign": {"v": None}, "Next": "Use"},
        "Use": passing("{% [$v, $type($v)] %}"),
    }
    assert json.loads(run(states)["output"]) == [None, "null"]


def test_the_functions_of_step_functions_are_there(run):
    expression = (
        "{% {'hash': $hash('', 'MD5'), 'uuid': $length($uuid()), 'parsed': $parse('[1,{}]'),"
        " 'range': $range(1, 9, 4), 'parts': $partition([1,2,3], 2), 'same': $random(7) = $random(7)} %}"
    )
    assert json.loads(run({"Only": passing(expression)})["output"]) == {
        "hash": "d41d8cd98f00b204e9800998ecf8427e",  # of nothing, RFC 1321
        "uuid": 36,
        "parsed": [1, {}],
        "range": [1, 5, 9],
        "parts": [[1, 2], [3]],
        "same": True,
    }


@pytest.mark.parametrize("field", ["Arguments", "Output", "Assign"])
def test_an_expression_that_fails_is_caught_by_name(run, field, aws):
    queue = aws.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        "Arguments": {"QueueName": queue.rpartition("/")[2]},
        "Catch": caught("States.QueryEvaluationError"),
        "End": True,
    }
    send[field] = {**send.get(field, {}), "QueueName": "{% $number('x') %}"}
    end = run({"Send": send, "Caught": {"Type": "Succeed"}})
    assert end["status"] == "SUCCEEDED", end.get("cause")
    output = json.loads(end["output"])
    assert output["Error"] == "States.QueryEvaluationError"
    assert f"specified for the field '{field}/QueueName'" in output["Cause"]


def test_an_undefined_value_fails_where_nothing_catches(run):
    end = run({"Only": passing("{% $states.input.missing %}")})
    assert (end["status"], end["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "returned nothing (undefined)" in end["cause"]


# tasks


def test_times_in_an_answer_are_text(run, aws):
    aws.client("s3").create_bucket(Bucket=(bucket := unique("bucket")))
    aws.client("s3").put_object(Bucket=bucket, Key="k", Body=b"text")
    get = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": bucket, "Key": "k"},
        "End": True,
    }
    output = json.loads(run({"Get": get})["output"])
    assert output["Body"] == "text"
    assert output["LastModified"].endswith("Z")


def test_a_field_that_the_service_does_not_know_is_refused(machine, run):
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}
    with pytest.raises(ClientError, match='The field "Body" is not supported by Step Functions'):
        machine({"Send": send | {"Arguments": {"QueueUrl": "u", "MessageBody": "m", "Body": "m"}}})
    end = run({"Send": send | {"Arguments": "{% {'QueueUrl': 'u'} %}"}})
    assert end["error"] == "States.Runtime"
    assert 'The field "MessageBody" is required but was missing' in end["cause"]


def test_a_runtime_error_is_not_caught(run):
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": "{% {'QueueUrl': 'u'} %}",
        "Catch": caught("States.ALL"),
        "End": True,
    }
    assert run({"Send": send, "Caught": {"Type": "Succeed"}})["status"] == "FAILED"


def test_a_nested_execution_gives_its_output_as_json(run, machine):
    inner = machine({"Only": passing({"rows": 3})})
    start = {"Type": "Task", "Arguments": {"StateMachineArn": inner, "Input": {}}, "End": True}
    resource = "arn:aws:states:::states:startExecution.sync"
    as_text = json.loads(run({"Start": start | {"Resource": resource}})["output"])
    as_json = json.loads(run({"Start": start | {"Resource": f"{resource}:2"}})["output"])
    assert json.loads(as_text["Output"]) == as_json["Output"] == {"rows": 3}


def test_a_nested_execution_that_fails_fails_its_task(run, machine):
    inner = machine({"Only": {"Type": "Fail", "Error": "NoRows", "Cause": "the drop is empty"}})
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": inner},
        "Catch": caught("States.TaskFailed"),
        "End": True,
    }
    output = json.loads(run({"Start": start, "Caught": {"Type": "Succeed"}})["output"])
    assert json.loads(output["Cause"])["Error"] == "NoRows"


def test_a_task_token_answers_its_task(run, aws, sfn, machine):
    queue = aws.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    body = "{% $states.context.Task.Token %}"
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": body},
        "End": True,
    }
    arn = sfn.start_execution(stateMachineArn=machine({"Wait": wait}))["executionArn"]
    answer = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)
    token = answer["Messages"][0]["Body"]
    with pytest.raises(sfn.exceptions.InvalidOutput):
        sfn.send_task_success(taskToken=token, output="not json")
    sfn.send_task_success(taskToken=token, output='"approved"')
    assert ended(sfn, arn)["output"] == '"approved"'
    with pytest.raises(sfn.exceptions.TaskDoesNotExist):
        sfn.send_task_success(taskToken=token, output="{}")


# jobs


def test_the_result_is_the_description_of_the_job(run, jobs):
    output = json.loads(run({"Train": training()})["output"])
    assert output["ModelArtifacts"]["S3ModelArtifacts"] == "s3://models/m.tar.gz"
    assert jobs.created[0]["TrainingJobName"] == "job"


def test_a_job_that_fails_is_a_task_that_failed(run, jobs):
    jobs.status = "Failed"
    end = run({"Train": training(Catch=caught("States.TaskFailed")), "Caught": {"Type": "Succeed"}})
    output = json.loads(end["output"])
    assert output["Error"] == "States.TaskFailed"
    assert json.loads(output["Cause"])["FailureReason"] == "AlgorithmError: no rows"


def test_a_job_that_was_stopped_is_a_result(run, jobs):
    jobs.status = "Stopped"
    assert json.loads(run({"Train": training()})["output"])["TrainingJobStatus"] == "Stopped"


def test_a_name_that_is_taken_is_an_error_of_sagemaker(run, jobs):
    assert run({"Train": training("taken")})["error"] == "SageMaker.ResourceInUseException"


def test_stopping_the_execution_stops_the_job(sfn, machine, jobs):
    jobs.status = "InProgress"
    arn = sfn.start_execution(stateMachineArn=machine({"Train": training("long")}))["executionArn"]
    eventually(lambda: jobs.created)
    sfn.stop_execution(executionArn=arn)
    eventually(lambda: jobs.stopped == ["long"])


def test_a_task_that_runs_out_of_time_stops_the_job(sfn, machine, jobs, aws):
    jobs.status = "InProgress"
    states = {"Train": training("slow", TimeoutSeconds=3600)}
    arn = sfn.start_execution(stateMachineArn=machine(states))["executionArn"]
    eventually(lambda: jobs.created)
    aws.clock.advance(3601)
    assert ended(sfn, arn)["error"] == "States.Timeout"
    eventually(lambda: jobs.stopped == ["slow"])


def test_a_field_that_only_sagemaker_knows_is_refused(machine):
    state = training()
    state["Arguments"]["RetryStrategy"] = {"MaximumRetryAttempts": 1}
    with pytest.raises(ClientError, match='The field "RetryStrategy" is not supported by Step Functions'):
        machine({"Train": state})


# maps


def distributed(**state):
    fails = {"Condition": "{% $states.input = 'bad' %}", "Next": "Bad"}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Good?",
        "States": {
            "Good?": {"Type": "Choice", "Choices": [fails], "Default": "Good"},
            "Good": {"Type": "Succeed", "Output": "{% $uppercase($states.input) %}"},
            "Bad": {"Type": "Fail", "Error": "BadShard", "Cause": "row 7"},
        },
    }
    items = "{% $states.input.items %}"
    return {"Type": "Map", "Items": items, "ItemProcessor": processor, "End": True} | state


def test_an_item_that_fails_fails_the_map(run):
    states = {
        "Map": distributed(Catch=caught("States.ExceedToleratedFailureThreshold")),
        "Caught": {"Type": "Succeed"},
    }
    output = json.loads(run(states, {"items": ["a", "bad", "b"]})["output"])
    assert output["Error"] == "States.ExceedToleratedFailureThreshold"


@pytest.mark.parametrize(
    ("tolerance", "status"),
    [
        ({"ToleratedFailureCount": 1}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 34}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 33}, "FAILED"),
    ],
    ids=str,
)
def test_as_many_items_may_fail_as_are_tolerated(run, tolerance, status):
    end = run({"Map": distributed(**tolerance)}, {"items": ["a", "bad", "b"]})
    assert end["status"] == status
    if status == "SUCCEEDED":
        output = json.loads(end["output"])
        assert [output[0], output[2]] == ["A", "B"]
        assert (output[1]["Status"], output[1]["Error"], output[1]["Cause"]) == (
            "FAILED",
            "BadShard",
            "row 7",
        )


def test_no_items_give_no_results(run):
    assert run({"Map": distributed()}, {"items": []})["output"] == "[]"


def test_every_object_under_a_prefix_is_an_item(run, aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=(bucket := unique("bucket")))
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"drops/{number}", Body=b"x")
    keys = {"Only": {"Type": "Pass", "Output": "{% $states.input.Key %}", "End": True}}
    mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}

    def states(prefix):
        reader = {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": bucket, "Prefix": prefix, "MaxKeys": 2},
        }
        processor = {"ProcessorConfig": mode, "StartAt": "Only", "States": keys}
        return {"Map": {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True}}

    assert json.loads(run(states("drops/"))["output"]) == ["drops/0", "drops/1", "drops/2"]
    assert json.loads(run(states("nothing/"))["output"]) == []


def test_an_error_of_the_states_family_leaves_an_inline_map_under_its_name(run, jobs):
    jobs.status = "Failed"
    processor = {"StartAt": "Train", "States": {"Train": training()}}
    states = {
        "Map": {
            "Type": "Map",
            "Items": [1],
            "ItemProcessor": processor,
            "Catch": caught("States.TaskFailed"),
            "End": True,
        },
        "Caught": {"Type": "Succeed"},
    }
    assert json.loads(run(states)["output"])["Error"] == "States.TaskFailed"


# time


def test_a_wait_of_an_hour_ends_when_the_clock_is_advanced(sfn, machine, aws):
    wait = {"Type": "Wait", "Seconds": 3600, "End": True}
    arn = sfn.start_execution(stateMachineArn=machine({"Wait": wait}))["executionArn"]
    time.sleep(0.1)
    assert sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
    aws.clock.advance(3600)
    assert ended(sfn, arn)["status"] == "SUCCEEDED"


def test_a_machine_has_its_own_limit(sfn, machine, aws):
    wait = {"Type": "Wait", "Seconds": 7200, "End": True}
    arn = sfn.start_execution(stateMachineArn=machine({"Wait": wait}, TimeoutSeconds=60))["executionArn"]
    time.sleep(0.1)
    aws.clock.advance(61)
    assert ended(sfn, arn)["status"] == "TIMED_OUT"


def test_a_retry_waits_on_the_clock(sfn, machine, aws, jobs):
    jobs.status = "Failed"
    retry = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 600, "MaxAttempts": 1}
    arn = sfn.start_execution(stateMachineArn=machine({"Train": training(Retry=[retry])}))["executionArn"]
    eventually(lambda: jobs.created)
    time.sleep(0.3)
    jobs.status = "Completed"
    aws.clock.advance(600)
    assert ended(sfn, arn)["status"] == "SUCCEEDED"
    assert len(jobs.created) == 2


# reports


def logging_to(aws, level, with_data):
    aws.client("logs").create_log_group(logGroupName=(group := unique("/aws/states/group")))
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": f"{aws.arn('logs', f'log-group:{group}')}:*"}}
    options = {"level": level, "includeExecutionData": with_data, "destinations": [destination]}
    return group, {"loggingConfiguration": options}


def logged(aws, group):
    found = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in found]


def test_every_event_is_logged_with_its_data(run, aws):
    group, options = logging_to(aws, "ALL", with_data=True)
    run({"Only": passing({"a": 1})}, options=options)
    lines = logged(aws, group)
    assert [line["type"] for line in lines] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    assert lines[2]["details"]["output"] == '{"a":1}'
    assert (lines[3]["id"], lines[3]["previous_event_id"]) == ("4", "3")


def test_only_errors_are_logged_and_no_data(run, aws):
    group, options = logging_to(aws, "ERROR", with_data=False)
    run({"Only": {"Type": "Fail", "Error": "NoRows"}}, options=options)
    lines = logged(aws, group)
    assert [line["type"] for line in lines] == ["FailStateEntered", "ExecutionFailed"]
    assert lines[0]["details"] == {"name": "Only"}


def test_a_change_of_status_is_an_event(run, aws):
    sqs, events = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName=(name := unique("queue")))["QueueUrl"]
    pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"], "error": ["NoRows"]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": aws.arn("sqs", name)}])
    end = run({"Only": {"Type": "Fail", "Error": "NoRows", "Cause": "empty"}}, {"drop": 1})
    messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    event = json.loads(messages[0]["Body"])
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["resources"] == [end["executionArn"]]
    assert (event["detail"]["cause"], event["detail"]["input"]) == ("empty", '{"drop": 1}')


def test_executions_are_counted_and_timed(run, aws):
    end = run({"Only": passing({})})
    cloudwatch = aws.client("cloudwatch")
    dimensions = [{"Name": "StateMachineArn", "Value": end["stateMachineArn"]}]

    def total(metric, statistic):
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/States",
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=aws.clock.time() - 3600,
            EndTime=aws.clock.time() + 3600,
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)

    assert [total(name, "Sum") for name in ("ExecutionsStarted", "ExecutionsSucceeded")] == [1, 1]
    assert total("ExecutionTime", "SampleCount") == 1
