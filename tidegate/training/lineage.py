"""Training runs as OpenLineage events: what went in, what came out, each under an id that leads to it.

Pure. Names of datasets are those of OpenLineage's naming rules: an object is its bucket and key, a table of
the Glue catalog its ARN in parts. The event's own shape is RunEvent of the specification 2-0-2.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tidegate.messages.training import TrainingSet

Kind = Literal["START", "COMPLETE", "FAIL"]

JOB = "training"
PRODUCER = "urn:tidegate:training"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "version": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json",
    "errorMessage": "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json",
    "tidegate": "urn:tidegate:facets:training-run:1",  # a facet of our own
}


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Something read or written, in the very version that was."""

    namespace: str
    name: str
    version: str

    def to_json(self) -> dict[str, Any]:
        version = _facet("version", {"datasetVersion": self.version})
        return {"namespace": self.namespace, "name": self.name, "facets": {"version": version}}


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Where tables are: a Glue database of an account, known from any ARN of that account and region."""

    arn: str
    database: str

    def table(self, name: str, version: str) -> Dataset:
        partition, _, region, account = self.arn.split(":")[1:5]
        return Dataset(
            namespace=f"arn:{partition}:glue:{region}:{account}",
            name=f"table/{self.database}/{name}",
            version=version,
        )


def stored(uri: str, version: str) -> Dataset:
    """An object or a folder in S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return Dataset(namespace=f"s3://{bucket}", name=key, version=version)


def sources(made: TrainingSet, catalog: Catalog, views: Mapping[str, str]) -> list[Dataset]:
    """What a training set is made from.

    Args:
        views: table of each view to the version of the view.
    """
    dataset, _, snapshot = made.snapshot.partition("@")
    return [catalog.table(dataset, snapshot), *(catalog.table(*view) for view in views.items())]


def products(
    made: TrainingSet, *, model_uri: str | None, artefact_sha256: str | None, package_arn: str | None
) -> list[Dataset]:
    """What a run leaves: its rows, and as far as it came, the model and its package."""
    found = [stored(made.train_uri, made.train_sha256), stored(made.test_uri, made.test_sha256)]
    if model_uri is not None:
        found.append(stored(model_uri, artefact_sha256 or "unknown"))
    if package_arn is not None:
        head, _, version = package_arn.rpartition("/")
        *namespace, name = head.split(":", 5)
        found.append(Dataset(namespace=":".join(namespace), name=name, version=version))
    return found


def event(
    kind: Kind,
    *,
    pipeline: str,
    run: str,
    at: str,
    ids: Mapping[str, Any],
    inputs: Iterable[Dataset] = (),
    outputs: Iterable[Dataset] = (),
    error: str | None = None,
) -> dict[str, Any]:
    """One RunEvent.

    Args:
        at: ISO 8601 with its offset.
        ids: what else names a part of the run; those that are None are left out.
        error: what a run failed with.
    """
    facets = {"tidegate": _facet("tidegate", {"run": run, **{k: v for k, v in ids.items() if v is not None}})}
    if error is not None:
        facets["errorMessage"] = _facet("errorMessage", {"message": error, "programmingLanguage": "PYTHON"})
    return {
        "eventType": kind,
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {"runId": run_id(pipeline, run), "facets": facets},
        "job": {"namespace": pipeline, "name": JOB},
        "inputs": [each.to_json() for each in inputs],
        "outputs": [each.to_json() for each in outputs],
    }


def run_id(pipeline: str, run: str) -> str:
    """The UUID that OpenLineage wants for a run: the same for the same run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:tidegate:{pipeline}:{run}"))


def _facet(name: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _FACETS[name], **members}
