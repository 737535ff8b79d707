"""SageMaker tasks: the optimised integrations with the fields they take, and `.sync` on four kinds of job.

Fields and patterns: https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.stepfunctions import clients, shapes
from localcloud.stepfunctions.tasks import ModelledTask, Started, SyncTask

# action -> what a request may say; a training job's last four are accepted though the page omits them
FIELDS: dict[str, frozenset[str]] = {
    action: frozenset(fields.split())
    for action, fields in {
        "createTrainingJob": "AlgorithmSpecification HyperParameters InputDataConfig OutputDataConfig "
        "ResourceConfig RoleArn StoppingCondition Tags TrainingJobName VpcConfig EnableNetworkIsolation "
        "Environment EnableManagedSpotTraining CheckpointConfig",
        "createHyperParameterTuningJob": "HyperParameterTuningJobConfig HyperParameterTuningJobName Tags "
        "TrainingJobDefinition WarmStartConfig",
        "createProcessingJob": "AppSpecification Environment ExperimentConfig NetworkConfig ProcessingInputs "
        "ProcessingJobName ProcessingOutputConfig ProcessingResources RoleArn StoppingCondition Tags",
        "createTransformJob": "BatchStrategy Environment MaxConcurrentTransforms MaxPayloadInMB ModelName "
        "Tags TransformInput TransformJobName TransformOutput TransformResources",
        "createModel": "Containers EnableNetworkIsolation ExecutionRoleArn ModelName PrimaryContainer Tags "
        "VpcConfig",
        "createEndpointConfig": "EndpointConfigName KmsKeyId ProductionVariants Tags",
        "createEndpoint": "EndpointConfigName EndpointName Tags",
        "updateEndpoint": "EndpointConfigName EndpointName",
    }.items()
}
SYNC = {  # action -> what the job's name and status are called
    "createTrainingJob": "TrainingJob",
    "createHyperParameterTuningJob": "HyperParameterTuningJob",
    "createProcessingJob": "ProcessingJob",
    "createTransformJob": "TransformJob",
}
# the exceptions of the AWS SDK for Java 1, which this integration uses; every other code has the general name
NAMED_ERRORS = {"ConflictException", "ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"}


class SageMakerTask(SyncTask, ModelledTask):
    """arn:aws:states:::sagemaker:ACTION, and ACTION.sync for jobs."""

    def __init__(self) -> None:
        # With Sync alone moto makes no callback endpoint, and then calls it.
        super().__init__({ResourceCondition.Sync, ResourceCondition.WaitForTaskToken})

    def _get_supported_parameters(self) -> frozenset[str] | None:
        return FIELDS.get(self.resource.api_action)

    def _misfits(self, parameters: dict[str, Any]) -> list[str]:
        return unsupported(self.resource.api_action, parameters) or super()._misfits(parameters)

    def _from_error(self, env: Environment, ex: Exception) -> FailureEvent:
        if not isinstance(ex, ClientError):
            return super()._from_error(env=env, ex=ex)
        error, metadata = ex.response["Error"], ex.response["ResponseMetadata"]
        code = error["Code"] if error["Code"] in NAMED_ERRORS else "AmazonSageMaker"
        name = f"SageMaker.{code.removesuffix('Exception')}Exception"
        cause = (
            f"{error['Message']} (Service: AmazonSageMaker; Status Code: {metadata['HTTPStatusCode']}; "
            f"Error Code: {error['Code']}; Request ID: {metadata.get('RequestId', '')}; Proxy: null)"
        )
        details = TaskFailedEventDetails(
            error=name,
            cause=cause,
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        client = clients.client_for(
            region=resource_runtime_part.region, service="sagemaker", state_credentials=state_credentials
        )
        env.stack.append(_call(client, self._get_boto_service_action(), **normalised_parameters))

    def _build_sync_resolver(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Started:
        env.stack.pop()
        kind = SYNC[self.resource.api_action]
        job = {f"{kind}Name": normalised_parameters[f"{kind}Name"]}
        client = clients.client_for(
            region=resource_runtime_part.region, service="sagemaker", state_credentials=state_credentials
        )
        create = self._get_boto_service_action()

        def poll() -> dict[str, Any] | None:
            description = _call(client, create.replace("create_", "describe_"), **job)
            status = description[f"{kind}Status"]
            if status == "Failed":
                raise self._failed(env, description)
            return description if status in {"Completed", "Stopped"} else None

        return Started(poll=poll, stop=lambda: _call(client, create.replace("create_", "stop_"), **job))


def unsupported(action: str, parameters: Mapping[str, Any]) -> list[str]:
    """What Step Functions says of fields that SageMaker knows and this integration does not."""
    names = [name for name in parameters if name not in FIELDS[action]]
    return [f'The field "{name}" is not supported by Step Functions' for name in names]


def _call(client: Any, action: str, **parameters: Any) -> dict[str, Any]:
    response = getattr(client, action)(**parameters)
    del response["ResponseMetadata"]
    result: dict[str, Any] = shapes.json_safe(_epoch_millis(response))
    return result


def _epoch_millis(value: Any) -> Any:
    """Instants as epoch milliseconds, as this integration gives them."""
    if isinstance(value, dict):
        return {key: _epoch_millis(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_epoch_millis(item) for item in value]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
