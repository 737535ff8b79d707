"""Ingestion: every object under `drops/` reaches receive_drop through a queue, and then the machine."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import Function, Shared
from infra.constructs.machine import Machine
from infra.constructs.messaging import queue
from infra.store import allow, arn

RECEIVE_TIMEOUT_SECONDS = 30
BATCH = 10


class Ingestion(Construct):
    """From an S3 event to a dataset version or to quarantine."""

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, undelivered: sqs.IQueue) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.machine = self._machine()
        self.dead_drops = queue(self, "DeadDrops", store=shared.store)
        # AWS: the visibility of a function's queue should be six times the function's timeout
        self.drops = queue(
            self,
            "Drops",
            store=shared.store,
            dead_letters=self.dead_drops,
            visibility_seconds=6 * RECEIVE_TIMEOUT_SECONDS,
        )
        self.receive_drop = self._receive_drop()
        events.Rule(
            self,
            "DropArrived",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [shared.store.drops_bucket]},
                    "object": {"key": [{"prefix": "drops/"}]},
                },
            ),
            targets=[targets.SqsQueue(self.drops, dead_letter_queue=undelivered)],
        )

    def _receive_drop(self) -> Function:
        store = self.shared.store
        function = Function(
            self,
            "ReceiveDrop",
            shared=self.shared,
            statements=[
                store.read_drops(),
                store.ledger("PutItem", "UpdateItem"),
                store.write_lake("quarantine/"),
                allow("states:StartExecution", on=[self.machine.arn]),
                allow(
                    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
                    on=[self.drops.queue_arn],
                ),
            ],
            environment={
                "DROPS_BUCKET": store.drops_bucket,
                "LAKE_BUCKET": store.lake_bucket,
                "LEDGER_TABLE": store.ledger_table,
                "INGESTION_MACHINE": self.machine.arn,
            },
            timeout_seconds=RECEIVE_TIMEOUT_SECONDS,
        )
        lambda_.EventSourceMapping(
            self,
            "DropsToReceiveDrop",
            target=function.function,
            event_source_arn=self.drops.queue_arn,
            batch_size=BATCH,
            report_batch_item_failures=True,
        )
        return function

    def _machine(self) -> Machine:
        store = self.shared.store
        read_profiles, write_profiles = store.read_lake("profiles/"), store.write_lake("profiles/")
        lake = {"LAKE_BUCKET": store.lake_bucket}
        functions = [
            Function(
                self,
                "PlanShards",
                shared=self.shared,
                statements=[store.read_drops()],
                environment={},
                data=True,
                memory_mebibytes=1769,  # one vCPU
            ),
            Function(
                self,
                "ValidateShard",
                shared=self.shared,
                statements=[store.read_drops(), write_profiles],
                environment=lake,
                data=True,
                memory_mebibytes=3008,
                timeout_seconds=900,
            ),
            Function(
                self,
                "JudgeDrop",
                shared=self.shared,
                statements=[read_profiles, write_profiles, store.ledger("Query"), store.state("GetItem")],
                environment={
                    **lake,
                    "LEDGER_TABLE": store.ledger_table,
                    "STATE_TABLE": store.state_table,
                },
                data=True,
                memory_mebibytes=1769,
                timeout_seconds=300,
            ),
            Function(
                self,
                "RecordDatasetVersion",
                shared=self.shared,
                statements=[store.read_drops(), *store.write_tables(), store.ledger("UpdateItem")],
                environment={
                    **lake,
                    "GLUE_DATABASE": store.glue_database,
                    "LEDGER_TABLE": store.ledger_table,
                },
                data=True,
                memory_mebibytes=3008,
                timeout_seconds=900,
            ),
            Function(
                self,
                "QuarantineDrop",
                shared=self.shared,
                statements=[store.write_lake("quarantine/"), store.ledger("UpdateItem")],
                environment={**lake, "LEDGER_TABLE": store.ledger_table},
            ),
        ]
        return Machine(
            self,
            "Ingestion",
            name="ingestion",
            shared=self.shared,
            functions=functions,
            fills={"LedgerTable": store.ledger_table},
            grants={
                "dynamodb:UpdateItem": [store.ledger_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )
