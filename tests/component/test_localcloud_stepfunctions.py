"""State machines that really run: starts, roles, expressions, waits, and what they report."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.utils import TMP_THREADS
from stepfunctions_cloud import (  # noqa: F401
    aws,
    caught,
    ended,
    eventually,
    jobs,
    machine,
    make_role,
    passing,
    role,
    run,
    running,
    sfn,
    training,
    unique,
)

from localcloud.stepfunctions import models


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


def test_only_so_many_ended_executions_are_kept(sfn, machine, monkeypatch):
    monkeypatch.setattr(models, "KEPT_EXECUTIONS", 2)
    arn = machine({"Only": passing({})})
    started = []
    for _ in range(4):
        started.append(sfn.start_execution(stateMachineArn=arn)["executionArn"])
        ended(sfn, started[-1])
    kept = [found["executionArn"] for found in sfn.list_executions(stateMachineArn=arn)["executions"]]
    assert kept == started[:1:-1]


def test_an_ended_execution_leaves_no_thread_behind(run):
    run({"Only": passing({})})
    assert eventually(lambda: not [thread for thread in TMP_THREADS if not thread.is_alive()])


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
