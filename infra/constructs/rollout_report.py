"""The page of each rollout: a function writes it when it is decided, and when its machine ends."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import Function, Shared
from infra.constructs.machine import Machine
from infra.store import allow, arn


def report_rollouts(scope: Construct, *, shared: Shared, machine: Machine, undelivered: sqs.IQueue) -> None:
    """Beside the machine, not in it: a page that cannot be written holds no traffic up."""
    name = machine.machine.state_machine_name
    report = Function(
        scope,
        "ReportRollout",
        shared=shared,
        statements=[
            allow(
                "states:DescribeExecution",
                "states:GetExecutionHistory",
                on=[arn("states", f"execution:{name}:*")],
            ),
            shared.store.write_lake("rollouts/"),
        ],
        environment=shared.store.environment("LAKE_BUCKET"),
    )

    def rule(
        id_: str, source: str, kind: str, **pattern: Sequence[str] | Mapping[str, Sequence[str]]
    ) -> None:
        target = targets.LambdaFunction(
            report.function, dead_letter_queue=undelivered, max_event_age=Duration.hours(2)
        )
        wanted = events.EventPattern(source=[source], detail_type=[kind], **pattern)
        events.Rule(scope, id_, event_pattern=wanted, targets=[target])

    ends = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    rule(
        "RolloutOver",
        "aws.states",
        "Step Functions Execution Status Change",
        detail={"stateMachineArn": [machine.arn], "status": ends},
    )
    rule("RolloutPromoted", "tidegate.serving", "CandidatePromoted", resources=[machine.arn])
