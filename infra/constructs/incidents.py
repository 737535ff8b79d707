"""Incidents: events of the bus become records, and a person is told once of each."""

from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import Function, Shared
from infra.constructs.machine import Machine
from infra.store import allow
from tidegate.settings.config import PipelineConfig

TOLD = {
    "Ingestion": ("tidegate.ingestion", ["DropQuarantined", "DatasetVersionRecorded"]),
    "Deployment": ("tidegate.serving", ["CandidateAwaitsApproval", "CandidatePromoted"]),
    "Restoration": ("tidegate.serving", ["RolloutRestored"]),
    "Monitoring": ("tidegate.monitoring", ["RetrainingDecided"]),
}


class Incidents(Construct):
    """RecordIncident, and the rules that bring it what happens."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        machines: Mapping[str, Machine],
        alerts: sns.Topic,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        store = shared.store
        named = " ".join(f"{name.lower()}={machine.arn}" for name, machine in machines.items())
        self.record_incident = Function(
            self,
            "RecordIncident",
            shared=shared,
            statements=[
                store.state("GetItem", "PutItem"),
                allow("sns:Publish", on=[alerts.topic_arn]),
                allow("sqs:SendMessage", on=[undelivered.queue_arn]),
            ],
            environment={
                "ALERT_TOPIC": alerts.topic_arn,
                "PREFIX": config.prefix,
                "STATE_MACHINES": named,
                **store.environment("STATE_TABLE"),
            },
        )
        lambda_.CfnEventInvokeConfig(
            self,
            "Retries",
            function_name=self.record_incident.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config={"onFailure": {"destination": undelivered.queue_arn}},
        )
        self.undelivered = undelivered
        self._on(
            "AlarmChanged",
            source="aws.cloudwatch",
            kinds=["CloudWatch Alarm State Change"],
            # that an alarm has data, as each says after a deployment, is nothing that happened
            detail={
                "alarmName": [{"prefix": f"{config.prefix}-"}],
                "$or": [{"state": {"value": ["ALARM"]}}, {"previousState": {"value": ["ALARM"]}}],
            },
        )
        self._on(
            "ExecutionEnded",
            source="aws.states",
            kinds=["Step Functions Execution Status Change"],
            detail={
                "stateMachineArn": [machine.arn for machine in machines.values()],
                "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
            },
        )
        for name, (source, kinds) in TOLD.items():
            self._on(f"{name}Told", source=source, kinds=kinds, resources=[machines[name].arn])

    def _on(
        self,
        id_: str,
        *,
        source: str,
        kinds: list[str],
        detail: Mapping[str, object] | None = None,
        resources: list[str] | None = None,
    ) -> None:
        events.Rule(
            self,
            id_,
            event_pattern=events.EventPattern(
                source=[source], detail_type=kinds, detail=detail, resources=resources
            ),
            targets=[
                targets.LambdaFunction(self.record_incident.function, dead_letter_queue=self.undelivered)
            ],
        )
