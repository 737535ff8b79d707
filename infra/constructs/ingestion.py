"""Ingestion: every object under `drops/` reaches receive_drop through a queue, and then the machine."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import ONE_VCPU_MEBIBYTES, TWO_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.constructs.messaging import queue
from infra.store import allow, arn

RECEIVE_TIMEOUT_SECONDS = 30
BATCH = 10
SPILL_MEBIBYTES = 4096  # rows and keys of a shard, keys of all shards (12 bytes a row)
# what an event source mapping does with the function's role
POLL_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class Ingestion(Construct):
    """From an S3 event to a dataset version or to quarantine."""

    def __init__(
        self, scope: Construct, id_: str, *, shared: Shared, parallel: int, undelivered: sqs.IQueue
    ) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.parallel = parallel
        self.record_profile = self._record_profile()
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
                store.ledger("PutItem", "GetItem", "UpdateItem"),
                allow("states:StartExecution", on=[self.machine.arn]),
                allow(*POLL_QUEUE, on=[self.drops.queue_arn]),
            ],
            environment={**store.environment("LEDGER_TABLE"), "INGESTION_MACHINE": self.machine.arn},
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

    def _record_profile(self) -> Function:
        store = self.shared.store
        return Function(
            self,
            "RecordProfile",
            shared=self.shared,
            statements=[
                store.read_lake("profiles/"),
                store.list_lake("profiles/"),
                store.index_profiles(),
            ],
            environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE"),
            data=True,
            memory_mebibytes=ONE_VCPU_MEBIBYTES,
            timeout_seconds=120,
        )

    def _machine(self) -> Machine:
        store = self.shared.store
        return Machine(
            self,
            "Ingestion",
            name="ingestion",
            shared=self.shared,
            functions=self._functions(),
            fills={"LedgerTable": store.ledger_table, "Parallel": str(self.parallel)},
            grants={
                "dynamodb:UpdateItem": [store.ledger_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )

    def _functions(self) -> list[Function]:
        store, shared = self.shared.store, self.shared
        return [
            Function(
                self,
                "PlanShards",
                shared=shared,
                statements=[store.read_drops(newest=True), store.write_lake("staging/")],
                environment=store.environment("LAKE_BUCKET"),
                data=True,
                memory_mebibytes=ONE_VCPU_MEBIBYTES,
            ),
            Function(
                self,
                "ValidateShard",
                shared=shared,
                statements=[
                    store.read_drops(),
                    store.read_lake("staging/"),
                    store.write_lake("staging/"),
                ],
                environment=store.environment("LAKE_BUCKET"),
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                disk_mebibytes=SPILL_MEBIBYTES,
                timeout_seconds=900,
            ),
            Function(
                self,
                "JudgeDrop",
                shared=shared,
                statements=[
                    store.read_lake("staging/", "profiles/", "training/"),
                    store.write_lake("profiles/", "reports/"),
                    store.ledger_by_time(),
                    store.ledger("UpdateItem"),
                    store.state("GetItem"),
                    allow(
                        "sagemaker:DescribeModelPackage",
                        on=[arn("sagemaker", f"model-package/{store.prefix}/*")],
                    ),
                ],
                environment=store.environment("LAKE_BUCKET", "LEDGER_TABLE", "STATE_TABLE"),
                data=True,
                disk_mebibytes=SPILL_MEBIBYTES,
                memory_mebibytes=ONE_VCPU_MEBIBYTES,
                timeout_seconds=300,
            ),
            Function(
                self,
                "RecordDatasetVersion",
                shared=shared,
                statements=[
                    *store.create_tables(),
                    store.read_lake("staging/", "profiles/"),
                    store.write_lake("quarantine/"),
                    store.ledger("UpdateItem"),
                ],
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE", "LEDGER_TABLE"),
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
            self.record_profile,
            Function(
                self,
                "QuarantineDrop",
                shared=shared,
                statements=[store.write_lake("quarantine/"), store.ledger("UpdateItem")],
                environment=store.environment("LAKE_BUCKET", "LEDGER_TABLE"),
            ),
        ]
