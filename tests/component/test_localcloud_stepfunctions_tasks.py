"""What tasks and maps of state machines do: service calls, nested executions, jobs, items that fail."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import time

import pytest
from botocore.exceptions import ClientError
from stepfunctions_cloud import (  # noqa: F401
    aws,
    caught,
    ended,
    eventually,
    jobs,
    machine,
    passing,
    role,
    run,
    running,
    sfn,
    training,
    unique,
)

from localcloud.stepfunctions import tasks


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


def test_a_task_that_waits_for_an_execution_is_told_of_its_end(run, machine, monkeypatch):
    monkeypatch.setattr(tasks, "FIRST_POLL_SECONDS", 3600)  # nobody lives to see the second poll
    monkeypatch.setattr(tasks, "LONGEST_POLL_SECONDS", 3600)
    inner = machine({"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Only"}, "Only": passing({"rows": 3})})
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": inner, "Input": {}},
        "End": True,
    }
    assert json.loads(run({"Start": start})["output"])["Output"] == {"rows": 3}


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


def test_a_task_that_gives_no_sign_of_life_is_timed_out(aws, machine, sfn):
    queue = aws.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
        "HeartbeatSeconds": 600,
        "TimeoutSeconds": 7200,
        "End": True,
    }
    arn = sfn.start_execution(stateMachineArn=machine({"Wait": wait}))["executionArn"]
    answer = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)
    sfn.send_task_heartbeat(taskToken=answer["Messages"][0]["Body"])
    time.sleep(0.1)  # the limit counts from a moment that only the machine knows
    aws.clock.advance(601)
    assert ended(sfn, arn)["error"] == "States.Timeout"


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
    time.sleep(0.1)  # the limit counts from a moment that only the machine knows
    aws.clock.advance(3601)
    assert ended(sfn, arn)["error"] == "States.Timeout"
    eventually(lambda: jobs.stopped == ["slow"])


def test_a_field_that_only_sagemaker_knows_is_refused(machine):
    state = training()
    state["Arguments"]["RetryStrategy"] = {"MaximumRetryAttempts": 1}
    with pytest.raises(ClientError, match='The field "RetryStrategy" is not supported by Step Functions'):
        machine({"Train": state})


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
