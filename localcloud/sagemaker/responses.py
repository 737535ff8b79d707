"""SageMaker's actions: each method is one operation, its parameters parsed, its answer a dictionary.

moto finds an action by its method's name. What is not here is moto's own.
"""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.responses import SageMakerResponse

from localcloud.sagemaker import (
    endpoint_configs,
    endpoints,
    inference_models,
    jobs,
    mlflow_apps,
    packages,
    processing,
    training,
    tuning,
)
from localcloud.sagemaker.listing import listing, pick

JOB_TIMES = ("CreationTime", "LastModifiedTime", "FailureReason", "ExitMessage", "SecondaryStatus")


class LocalSageMakerResponse(SageMakerResponse):
    """moto's response class with jobs that run and endpoints that answer."""

    @property
    def _state(self) -> Any:
        return self.sagemaker_backend

    # Training

    def create_training_job(self) -> ActionResult:
        return ActionResult(training.create(self._state, self.params))

    def describe_training_job(self) -> ActionResult:
        return ActionResult(self._job("Training").answer)

    def stop_training_job(self) -> ActionResult:
        return self._stop("Training")

    def list_training_jobs(self) -> ActionResult:
        return self._list_jobs("Training")

    # Processing

    def create_processing_job(self) -> ActionResult:
        return ActionResult(processing.create(self._state, self.params))

    def describe_processing_job(self) -> ActionResult:
        return ActionResult(self._job("Processing").answer)

    def stop_processing_job(self) -> ActionResult:
        return self._stop("Processing")

    def list_processing_jobs(self) -> ActionResult:
        return self._list_jobs("Processing")

    # Tuning

    def create_hyper_parameter_tuning_job(self) -> ActionResult:
        return ActionResult(tuning.create(self._state, self.params))

    def describe_hyper_parameter_tuning_job(self) -> ActionResult:
        return ActionResult(self._job("HyperParameterTuning").answer)

    def stop_hyper_parameter_tuning_job(self) -> ActionResult:
        return self._stop("HyperParameterTuning")

    def delete_hyper_parameter_tuning_job(self) -> ActionResult:
        tuning.delete(self._state, self.params["HyperParameterTuningJobName"])
        return EmptyResult()

    def list_hyper_parameter_tuning_jobs(self) -> ActionResult:
        found = listing(
            (tuning.summary(job) for job in list(self._state.hyper_parameter_tuning_jobs.values())),
            self.params,
            noun="HyperParameterTuningJob",
            into="HyperParameterTuningJobSummaries",
            sort_by="Name",
        )
        return ActionResult(found)

    def list_training_jobs_for_hyper_parameter_tuning_job(self) -> ActionResult:
        job = self._job("HyperParameterTuning")
        return ActionResult(tuning.list_training_jobs(job, self.params))

    def create_transform_job(self) -> ActionResult:
        raise ValidationError("The local cloud does not have batch transform jobs: use a processing job.")

    # Models and endpoints

    def create_model(self) -> ActionResult:
        return ActionResult(inference_models.create(self._state, self.params))

    def describe_model(self) -> ActionResult:
        return ActionResult(inference_models.find(self._state, self.params["ModelName"]).answer)

    def delete_model(self) -> ActionResult:
        inference_models.delete(self._state, self.params["ModelName"])
        return EmptyResult()

    def list_models(self) -> ActionResult:
        return ActionResult(inference_models.list_models(self._state, self.params))

    def create_endpoint_config(self) -> ActionResult:
        return ActionResult(endpoint_configs.create(self._state, self.params))

    def describe_endpoint_config(self) -> ActionResult:
        return ActionResult(endpoint_configs.find(self._state, self.params["EndpointConfigName"]).answer)

    def delete_endpoint_config(self) -> ActionResult:
        endpoint_configs.delete(self._state, self.params["EndpointConfigName"])
        return EmptyResult()

    def list_endpoint_configs(self) -> ActionResult:
        return ActionResult(endpoint_configs.list_configs(self._state, self.params))

    def create_endpoint(self) -> ActionResult:
        return ActionResult(endpoints.create(self._state, self.params))

    def describe_endpoint(self) -> ActionResult:
        return ActionResult(endpoints.find(self._state, self.params["EndpointName"]).answer)

    def update_endpoint(self) -> ActionResult:
        return ActionResult(endpoints.update(self._state, self.params))

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        endpoint = endpoints.find(self._state, self.params["EndpointName"])
        endpoint.set_weights(self.params["DesiredWeightsAndCapacities"])
        return ActionResult({"EndpointArn": endpoint.arn})

    def delete_endpoint(self) -> ActionResult:
        endpoints.find(self._state, self.params["EndpointName"]).delete()
        return EmptyResult()

    def list_endpoints(self) -> ActionResult:
        return ActionResult(endpoints.list_endpoints(self._state, self.params))

    # Registry

    def create_model_package_group(self) -> ActionResult:
        return ActionResult(packages.create_group(self._state, self.params))

    def describe_model_package_group(self) -> ActionResult:
        return ActionResult(packages.group(self._state, self.params["ModelPackageGroupName"]).answer)

    def delete_model_package_group(self) -> ActionResult:
        packages.delete_group(self._state, self.params["ModelPackageGroupName"])
        return EmptyResult()

    def list_model_package_groups(self) -> ActionResult:
        return ActionResult(packages.list_groups(self._state, self.params))

    def create_model_package(self) -> ActionResult:
        return ActionResult(packages.create(self._state, self.params))

    def describe_model_package(self) -> ActionResult:
        return ActionResult(packages.find(self._state, self.params["ModelPackageName"]).answer)

    def update_model_package(self) -> ActionResult:
        return ActionResult(packages.update(self._state, self.params))

    def delete_model_package(self) -> ActionResult:
        packages.delete(self._state, self.params["ModelPackageName"])
        return EmptyResult()

    def list_model_packages(self) -> ActionResult:
        return ActionResult(packages.list_packages(self._state, self.params))

    # MLflow

    def create_mlflow_app(self) -> ActionResult:
        return ActionResult(mlflow_apps.create(self._state, self.params))

    def describe_mlflow_app(self) -> ActionResult:
        return ActionResult(mlflow_apps.find(self._state, self.params["Arn"]).answer)

    def update_mlflow_app(self) -> ActionResult:
        return ActionResult(mlflow_apps.update(self._state, self.params))

    def delete_mlflow_app(self) -> ActionResult:
        return ActionResult(mlflow_apps.delete(self._state, self.params["Arn"]))

    def list_mlflow_apps(self) -> ActionResult:
        return ActionResult(mlflow_apps.list_apps(self._state, self.params))

    def _job(self, kind: str) -> Any:
        return jobs.find(self._jobs(kind), self.params[f"{kind}JobName"])

    def _jobs(self, kind: str) -> dict[str, Any]:
        of_kind: dict[str, dict[str, Any]] = {
            "Training": self._state.training_jobs,
            "Processing": self._state.processing_jobs,
            "HyperParameterTuning": self._state.hyper_parameter_tuning_jobs,
        }
        return of_kind[kind]

    def _stop(self, kind: str) -> ActionResult:
        self._job(kind).stop()
        return EmptyResult()

    def _list_jobs(self, kind: str) -> ActionResult:
        own = tuple(f"{kind}{member}" for member in ("JobName", "JobArn", "JobStatus", "EndTime"))
        answers = [pick(job.answer, (*own, *JOB_TIMES)) for job in list(self._jobs(kind).values())]
        return ActionResult(listing(answers, self.params, noun=f"{kind}Job", into=f"{kind}JobSummaries"))
