"""Training: from a reason to train to a gated candidate in the registry."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.events import start_on
from infra.constructs.function import TWO_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig
from tidegate.training import tuning

APPROVAL_STATUS = {"automatic": "Approved", "manual": "PendingManualApproval"}
JOB_OVERHEAD_SECONDS = 3600  # of starting and ending a search's instances: its own limit comes first


class Training(Construct):
    """One run at a time: set, tuning, final model, evaluation, gate, registration."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        image_uri: str,
        job_role_arn: str,
    ) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        store = shared.store
        packages = f"model-package/{config.prefix}/*"
        functions = [
            Function(
                self,
                "AcquireTrainingLock",
                shared=shared,
                statements=[store.state("GetItem", "PutItem")],
                environment=store.environment("STATE_TABLE"),
            ),
            Function(
                self,
                "BuildTrainingSet",
                shared=shared,
                statements=[
                    *store.change_tables(),  # a tag keeps the snapshot
                    store.write_lake("training/", "features/sets/", "lineage/"),
                    store.read_lake("models/"),  # whether an earlier run's model is there still
                    store.state("GetItem"),
                    allow("sagemaker:DescribeModelPackage", on=[arn("sagemaker", packages)]),
                ],
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE", "STATE_TABLE"),
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
            Function(
                self,
                "RecordOutcome",
                shared=shared,
                statements=[store.state("PutItem"), store.write_lake("lineage/")],
                environment=store.environment("LAKE_BUCKET", "GLUE_DATABASE", "STATE_TABLE"),
            ),
            Function(
                self,
                "SelectTrial",
                shared=shared,
                statements=[
                    store.state("GetItem", "PutItem"),
                    allow(
                        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                        on=[arn("sagemaker", "hyper-parameter-tuning-job/tune-*")],
                    ),
                    allow("sagemaker:DescribeTrainingJob", on=[arn("sagemaker", "training-job/tune-*")]),
                ],
                environment=store.environment("STATE_TABLE"),
                timeout_seconds=900,
            ),
        ]
        jobs = {
            kind: [arn("sagemaker", f"{resource}/{name}-*")]
            for kind, resource, name in (
                ("HyperParameterTuningJob", "hyper-parameter-tuning-job", "tune"),
                ("TrainingJob", "training-job", "train"),
                ("ProcessingJob", "processing-job", "evaluate"),
            )
        }
        self.machine = Machine(
            self,
            "Training",
            name="training",
            shared=shared,
            functions=functions,
            fills={
                "ApprovalStatus": APPROVAL_STATUS[config.gate.approval],
                "ImageUri": image_uri,
                "JobRole": job_role_arn,
                "LakeBucket": store.lake_bucket,
                "MaximumRuntimeSeconds": str(config.training.maximum_runtime_seconds),
                "ModelPackageGroup": config.prefix,
                "SigningKey": store.signing_key_arn or "",
                "SearchSeconds": str(tuning.longest_seconds(config.training) + JOB_OVERHEAD_SECONDS),
                "ServingInstanceType": config.serving.instance_type,
                "StateTable": store.state_table,
                "TrainingInstanceType": config.training.instance_type,
            },
            grants={
                **{
                    f"sagemaker:{verb}{kind}": arns
                    for kind, arns in jobs.items()
                    for verb in ("Create", "Describe", "Stop")
                },
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob": jobs["HyperParameterTuningJob"],
                "sagemaker:ListTags": [job for arns in jobs.values() for job in arns],
                "sagemaker:CreateModelPackage": [
                    arn("sagemaker", f"model-package-group/{config.prefix}"),
                    arn("sagemaker", packages),
                ],
                "iam:PassRole": [job_role_arn],
                "s3:GetObject": [f"{store.lake_arn}/evaluations/*"],
                "dynamodb:DeleteItem": [store.state_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )

    def free_lock_of_the_stopped(self, undelivered: sqs.IQueue) -> None:
        """An execution that was aborted, or timed out as a whole, runs no state that releases its lock."""
        store = self.shared.store
        free = Function(
            self,
            "FreeTrainingLock",
            shared=self.shared,
            statements=[store.state("DeleteItem")],
            environment=store.environment("STATE_TABLE"),
        )
        events.Rule(
            self,
            "TrainingStopped",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.machine.arn],
                    "status": ["ABORTED", "TIMED_OUT", "FAILED"],
                },
            ),
            targets=[targets.LambdaFunction(free.function, dead_letter_queue=undelivered)],
        )

    def start_on_features(self, features_arn: str, undelivered: sqs.IQueue) -> None:
        """New feature rows ask for a training run; the lock decides by `training.new_data`."""
        rows = events.EventField.from_path("$.detail.rows")
        dataset = events.EventField.from_path("$.detail.dataset")
        start_on(
            self,
            "FeaturesComputed",
            machine=self.machine,
            pattern=events.EventPattern(
                source=["tidegate.features"], detail_type=["FeaturesComputed"], resources=[features_arn]
            ),
            message=events.RuleTargetInput.from_object(
                {"trigger": "new-data", "cause": f"{rows} new feature rows of dataset {dataset}"}
            ),
            undelivered=undelivered,
        )
