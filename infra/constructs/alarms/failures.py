"""What was not done: messages nobody took, functions that raised, machines that failed."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs.alarms.make import MINUTE, sum_alarm
from tidegate.settings.config import PipelineConfig


def dead_letter_alarm(
    scope: Construct, queues: Sequence[sqs.Queue], config: PipelineConfig
) -> cloudwatch.Alarm:
    """Something was not delivered and waits for a person."""
    return sum_alarm(
        scope,
        "DeadLetters",
        [
            queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)
            for queue in queues
        ],
        config=config,
        what="dead-letters",
        text="Drops or events that could not be delivered wait in a dead letter queue",
    )


def function_error_alarm(
    scope: Construct, functions: Sequence[lambda_.Function], config: PipelineConfig, *, what: str
) -> cloudwatch.Alarm:
    """For functions whose errors fail no machine: others' foreseen errors are results of their machine."""
    return sum_alarm(
        scope,
        "".join(word.capitalize() for word in what.split("-")),
        [function.metric_errors(statistic="Sum", period=MINUTE) for function in functions],
        config=config,
        what=what,
        text="A function raised what it does not foresee: see its log",
    )


def machine_failure_alarm(
    scope: Construct, machines: Sequence[sfn.StateMachine], config: PipelineConfig
) -> cloudwatch.Alarm:
    """For the dashboard and the page; the message that names an execution comes with each that failed."""
    return sum_alarm(
        scope,
        "MachineFailures",
        [machine.metric_failed(statistic="Sum", period=MINUTE) for machine in machines],
        config=config,
        what="machine-failures",
        text="An execution of a state machine failed",
    )
