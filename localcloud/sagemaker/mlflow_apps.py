"""MLflow Apps: kept as requested, and what stands for their server here, a sqlite file.

In AWS a plug-in of MLflow turns an App's ARN into the address of its server. Here the ARN is turned into a
file before a process starts, so that MLflow's own client writes to it without a server in between. All Apps
share one file, which outlives this cloud when it was given a folder to keep.
"""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ConflictException, ResourceNotFound

from localcloud import cloud
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.resources import Resource, without_tags

URI = "MLFLOW_TRACKING_URI"
# MLflow's server hands this to its own children; a client on sqlite takes the working directory without it
FILES = "_MLFLOW_SERVER_ARTIFACT_ROOT"
SUMMARY = ("Arn", "Name", "Status", "CreationTime", "LastModifiedTime", "MlflowVersion")
VERSION = "3.0.0"  # what Describe says; the client's own version makes the file
ID_LETTERS = string.ascii_uppercase + string.digits


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["Name"]
    if any(app.answer["Name"] == name for app in backend.mlflow_apps.values()):
        raise ConflictException(f"An MLflow App with the name {name} already exists.")
    number = "".join(secrets.choice(ID_LETTERS) for _ in range(12))
    where = f"{backend.region_name}:{backend.account_id}"
    arn = f"arn:{backend.partition}:sagemaker:{where}:mlflow-app/app-{number}"
    answer = {
        "ModelRegistrationMode": "AutoModelRegistrationDisabled",
        "AccountDefaultStatus": "DISABLED",
        **without_tags(request),
        "Arn": arn,
        "Status": "Created",
        "MlflowVersion": VERSION,
        "CreatedBy": {},
    }
    app = Resource(arn, answer, request.get("Tags"))
    app.update()
    backend.mlflow_apps[arn] = app
    return {"Arn": arn}


def find(backend: Any, arn: str) -> Resource:
    if found := backend.mlflow_apps.get(arn):
        return found  # type: ignore[no-any-return]
    raise ResourceNotFound(message=f"MLflow App {arn} does not exist.")


def update(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    app = find(backend, request["Arn"])
    app.update(**{name: value for name, value in request.items() if name != "Arn"}, Status="Updated")
    return {"Arn": app.arn}


def delete(backend: Any, arn: str) -> dict[str, Any]:
    del backend.mlflow_apps[find(backend, arn).arn]
    return {"Arn": arn}


def list_apps(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    answers = [pick(app.answer, SUMMARY) for app in list(backend.mlflow_apps.values())]
    return listing(answers, request, noun="", into="Summaries")


def resolved(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process with an App of this cloud replaced by its file."""
    from localcloud.sagemaker.models import backend

    uri = environment.get(URI, "")
    if ":mlflow-app/" not in uri or uri not in backend().mlflow_apps:
        return dict(environment)
    kept = cloud.current().kept
    return {**environment, URI: f"sqlite:///{kept / 'mlflow.db'}", FILES: str(kept / "mlflow-files")}
