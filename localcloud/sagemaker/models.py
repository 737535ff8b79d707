"""SageMaker's state in one region: moto's backend, with resources of ours in the places of its fakes.

Jobs, models, endpoints and the registry are ours and live in moto's own dictionaries, so that moto's tags and
Search find them. Everything else (feature groups, model cards, experiments, ...) stays moto's.
"""

import contextlib
from typing import Any

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from localcloud import cloud


class LocalSageMaker(SageMakerModelBackend):
    """Found by moto through its own convention: this package's urls.py and responses.py belong to it."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # moto's annotations are of its fakes
        self.training_jobs: dict[str, Any] = {}
        self.processing_jobs: dict[str, Any] = {}
        self.hyper_parameter_tuning_jobs: dict[str, Any] = {}
        self.endpoints: dict[str, Any] = {}
        self.endpoint_configs: dict[str, Any] = {}
        self.model_package_groups: dict[str, Any] = {}
        self.model_packages: dict[str, Any] = {}
        self.mlflow_apps: dict[str, Any] = {}

    @property
    def models(self) -> dict[str, Any]:
        return self._models

    def arn(self, kind: str, name: str) -> str:
        """SageMaker writes names in ARNs in small letters."""
        return f"arn:{self.partition}:sagemaker:{self.region_name}:{self.account_id}:{kind}/{name.lower()}"

    def jobs(self) -> list[Any]:
        kinds = (self.training_jobs, self.processing_jobs, self.hyper_parameter_tuning_jobs)
        return [job for kind in kinds for job in list(kind.values())]

    def _get_resource_from_arn(self, arn: str) -> Any:
        """What moto finds by names, also by their small letters, and the packages of groups."""
        ours = [
            *self.jobs(),
            *self.endpoints.values(),
            *self.endpoint_configs.values(),
            *self.models.values(),
            *self.model_package_groups.values(),
            *self.model_packages.values(),
            *self.mlflow_apps.values(),
        ]
        found = next((resource for resource in ours if resource.arn.lower() == arn.lower()), None)
        if found is None and "/" in arn:
            found = super()._get_resource_from_arn(arn)
        if found is None:
            raise ValidationError(f"Could not find resource: {arn}")
        return found

    def reset(self) -> None:
        for job in self.jobs():
            with contextlib.suppress(ValidationError):  # it has ended
                job.stop()
        for endpoint in list(self.endpoints.values()):
            endpoint.end()
        super().reset()


def backend() -> LocalSageMaker:
    """The one of the cloud that is current."""
    here = cloud.current()
    return sagemaker_backends[here.account][here.region]  # type: ignore[return-value]
