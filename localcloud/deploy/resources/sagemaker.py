"""SageMaker: what the templates own of it. Jobs and the contents of endpoints are made at run time."""

import time
from typing import Any, ClassVar

from localcloud.deploy.api_handler import ApiHandler, Name
from localcloud.deploy.fit import UnfitError, call
from localcloud.deploy.resource import How, Made, Resource

_POLL_SECONDS = 0.1
_ENDPOINT_SECONDS = 300.0


class Model(ApiHandler):
    type = "AWS::SageMaker::Model"
    how = How.EXECUTED
    why = "endpoints and transform jobs run its container's command"
    service = "sagemaker"
    creates = "create_model"
    deletes = "delete_model"
    naming = Name("ModelName", 63)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(response["ModelArn"], {"ModelName": self.name(resource)})

    def tagged(self, resource: Resource) -> str:
        return resource.id


class EndpointConfig(ApiHandler):
    type = "AWS::SageMaker::EndpointConfig"
    how = How.EXECUTED
    why = "variants, weights and data capture of endpoints"
    service = "sagemaker"
    creates = "create_endpoint_config"
    deletes = "delete_endpoint_config"
    naming = Name("EndpointConfigName", 63)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(response["EndpointConfigArn"], {"EndpointConfigName": self.name(resource)})

    def tagged(self, resource: Resource) -> str:
        return resource.id


class Endpoint(ApiHandler):
    type = "AWS::SageMaker::Endpoint"
    how = How.EXECUTED
    why = "a server process for each variant answers InvokeEndpoint"
    service = "sagemaker"
    creates = "create_endpoint"
    updates = "update_endpoint"
    rewrites = True
    deletes = "delete_endpoint"
    naming = Name("EndpointName", 63)

    def create(self, resource: Resource) -> Made:
        made = super().create(resource)
        self._wait(resource)
        return made

    def update(self, resource: Resource, before: Resource) -> Made:
        super().update(resource, before)
        self._wait(resource)
        return resource.made

    def request(self, resource: Resource) -> dict[str, Any]:
        request = super().request(resource)
        if not resource.id:  # how to retain is said to updates only
            request = {name: value for name, value in request.items() if "Retain" not in name}
        return request

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        return Made(response["EndpointArn"], {"EndpointName": self.name(resource)})

    def tagged(self, resource: Resource) -> str:
        return resource.id

    def _wait(self, resource: Resource) -> None:
        """CloudFormation goes on only when the endpoint serves the wanted configuration."""
        end = (
            time.monotonic() + _ENDPOINT_SECONDS
        )  # a server starts in real time, whatever the cloud's clock says
        while time.monotonic() < end:
            found = call("sagemaker", "describe_endpoint", EndpointName=self.name(resource))
            status = found["EndpointStatus"]
            if status == "InService":
                wanted = resource.properties["EndpointConfigName"]
                if found["EndpointConfigName"] not in wanted:  # the property may be the configuration's ARN
                    raise TimeoutError(f"the endpoint rolled back to {found['EndpointConfigName']}")
                return
            if status in {"Failed", "UpdateRollbackFailed", "OutOfService"}:
                raise TimeoutError(
                    f"the endpoint is {status}: {found.get('FailureReason', 'no reason given')}"
                )
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"the endpoint was not in service after {_ENDPOINT_SECONDS:.0f} s")


class ModelPackageGroup(ApiHandler):
    type = "AWS::SageMaker::ModelPackageGroup"
    how = How.EXECUTED
    why = "model packages, their approval and its events"
    service = "sagemaker"
    creates = "create_model_package_group"
    deletes = "delete_model_package_group"
    naming = Name("ModelPackageGroupName", 63)

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        arn = response["ModelPackageGroupArn"]
        return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})

    def tagged(self, resource: Resource) -> str:
        return resource.id


class MlflowApp(ApiHandler):
    type = "AWS::SageMaker::MlflowApp"
    how = How.EMULATED
    why = "its ARN leads MLflow's client to a sqlite file that all Apps share; no server, no sign-in"
    service = "sagemaker"
    creates = "create_mlflow_app"
    updates = "update_mlflow_app"
    deletes = "delete_mlflow_app"
    naming = Name("Name", 256)
    replaced_by = frozenset({"RoleArn"})
    kept_only: ClassVar = {"ArtifactStoreUri": "files of runs lie beside the sqlite file"}

    def made(self, resource: Resource, response: dict[str, Any]) -> Made:
        arn = response["Arn"]
        return Made(arn, {"Arn": arn, "MlflowAppId": arn.rpartition("/")[2], "Status": "Created"})

    def key(self, resource: Resource) -> dict[str, Any]:
        return {"Arn": resource.id}


class FeatureGroup(ApiHandler):
    type = "AWS::SageMaker::FeatureGroup"
    how = How.EMULATED
    why = "its definition is kept; there is no record store behind it"
    service = "sagemaker"
    creates = "create_feature_group"
    deletes = "delete_feature_group"
    naming = Name("FeatureGroupName", 64)

    def create(self, resource: Resource) -> Made:
        # moto 5.2.5 answers 500 to a group that has only an online store
        if "OfflineStoreConfig" not in resource.properties:
            raise UnfitError("a feature group without OfflineStoreConfig cannot be made here")
        return super().create(resource)

    def tagged(self, resource: Resource) -> str:
        raise UnfitError(f"tags of feature group {resource.id} cannot be changed")
