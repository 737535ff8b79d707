"""Tracking: every end of a training run is told to the function that records it in MLflow."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.function import ONE_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.constructs.mlflow_app import FILES
from infra.packaging import Origin
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig

ENDS = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
TIMEOUT_SECONDS = 180


class Tracking(Construct):
    """Beside the training machine, not in it: a tracking server that is slow or down holds up no run."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        machine: Machine,
        origin: Origin,
        undelivered: sqs.Queue,
    ) -> None:
        super().__init__(scope, id_)
        store = shared.store
        uri = config.tracking.uri or store.mlflow_app_arn or ""
        app = [allow("sagemaker:CallMlflowAppApi", on=[uri])] if not uri.startswith("http") else []
        function = Function(
            self,
            "RecordRun",
            shared=shared,
            statements=[
                allow(
                    "states:GetExecutionHistory",
                    on=[arn("states", f"execution:{machine.machine.state_machine_name}:*")],
                ),
                allow(
                    "sagemaker:DescribeHyperParameterTuningJob",
                    "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                    on=[arn("sagemaker", "hyper-parameter-tuning-job/tune-*")],
                ),
                allow(
                    "sagemaker:DescribeTrainingJob",
                    on=[arn("sagemaker", f"training-job/{name}-*") for name in ("tune", "train")],
                ),
                allow("sagemaker:DescribeProcessingJob", on=[arn("sagemaker", "processing-job/evaluate-*")]),
                store.read_lake("models/", "evaluations/", "tracking/"),
                store.write_lake("tracking/", FILES),
                store.list_lake("evaluations/", "tracking/"),
                allow("s3:DeleteObject", on=[f"{store.lake_arn}/tracking/*"]),
                allow("sqs:SendMessage", on=[undelivered.queue_arn]),
                *app,
            ],
            environment={
                **store.environment("LAKE_BUCKET"),
                "MLFLOW_TRACKING_URI": uri,
                "SOURCE_COMMIT": origin.commit,
                "SOURCE_DIRTY": origin.dirty,
                "SOURCE_LOCK": origin.lock,
            },
            data=True,
            memory_mebibytes=ONE_VCPU_MEBIBYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        ).function
        lambda_.CfnEventInvokeConfig(
            self,
            "Retries",
            function_name=function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config={"onFailure": {"destination": undelivered.queue_arn}},
        )
        rule = events.Rule(
            self,
            "TrainingEnded",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.arn], "status": ENDS},
            ),
        )
        rule.add_target(targets.LambdaFunction(function, dead_letter_queue=undelivered))
        self.function_name = function.function_name
