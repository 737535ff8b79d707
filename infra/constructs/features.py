"""Features: a recorded dataset version becomes feature rows, offline and online."""

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.events import start_on
from infra.constructs.function import ONE_VCPU_MEBIBYTES, TWO_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.store import arn


class Features(Construct):
    """Plan, compute by partition, record."""

    def __init__(
        self, scope: Construct, id_: str, *, shared: Shared, ingestion_arn: str, undelivered: sqs.IQueue
    ) -> None:
        super().__init__(scope, id_)
        store = shared.store
        functions = [
            Function(
                self,
                "PlanFeatures",
                shared=shared,
                statements=store.read_tables(),
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE"),
                data=True,
                memory_mebibytes=ONE_VCPU_MEBIBYTES,
            ),
            Function(
                self,
                "ComputeFeatures",
                shared=shared,
                statements=[*store.read_tables(), store.write_lake("features/")],
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE"),
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
            Function(
                self,
                "RecordFeatures",
                shared=shared,
                statements=[
                    *store.create_tables(),
                    store.read_lake("features/"),
                    store.online("PutItem"),
                ],
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE", "ONLINE_TABLE"),
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
        ]
        self.machine = Machine(
            self,
            "Features",
            name="features",
            shared=shared,
            functions=functions,
            fills={},
            grants={"events:PutEvents": [arn("events", "event-bus/default")]},
        )
        start_on(
            self,
            "DatasetVersionRecorded",
            machine=self.machine,
            pattern=events.EventPattern(
                source=["tidegate.ingestion"],
                detail_type=["DatasetVersionRecorded"],
                resources=[ingestion_arn],  # other pipelines share the bus
            ),
            message=events.RuleTargetInput.from_event_path("$.detail"),
            undelivered=undelivered,
        )
