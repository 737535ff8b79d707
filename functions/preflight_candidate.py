"""PreflightCandidate: whether an approved package can be served, and under which names.

Invoked by  state PreflightCandidate of step_functions/deployment.asl.json
Takes       {"model_package_arn": "...", "now": ISO 8601, by the machine's clock}
Returns     messages.RolloutPlan
Raises      PreflightFailedError (nothing is deployed)
Needs       sagemaker:DescribeModelPackage on the package group; sagemaker:DescribeEndpoint on the endpoint;
            s3:GetObject on the lake's models/ and features/sets/; s3:PutObject on its fallbacks/;
            kms:Verify with the signing key; dynamodb:GetItem, dynamodb:PutItem on the state table;
            cloudwatch:DescribeAlarms on *;
            PIPELINE_DIR, ENDPOINT_NAME, PREFIX, STATE_TABLE, LAKE_BUCKET, SIGNING_KEY_ARN (empty: not signed)
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate.aws import fallbacks, feature_sets, model_archive, registry, signatures, traffic
from tidegate.aws.objects import split_uri
from tidegate.aws.registry import ModelPackage
from tidegate.aws.state import Champion, State
from tidegate.errors import ArtefactError, PreflightFailedError
from tidegate.feature_store import view_readiness
from tidegate.messages.deployment import RolloutPlan, RolloutStep
from tidegate.plan import Plan
from tidegate.rollout import VARIANTS
from tidegate.rollout.weights import instances

logger = Logger()
sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
cloudwatch = boto3.client("cloudwatch")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
endpoint_name = os.environ["ENDPOINT_NAME"]
prefix = os.environ["PREFIX"]
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
signing_key = os.environ["SIGNING_KEY_ARN"]
kms = signatures.client(signing_key) if signing_key else None


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    package = registry.describe(sagemaker, event["model_package_arn"])
    champion = state.champion()
    endpoint = _endpoint()
    config = endpoint.get("EndpointConfigName")
    _check(package, champion, config)
    manifest_sha256 = _check_artefact(package)
    if config is None:
        champion = None  # an endpoint that is gone has no champion to compare with
    if champion is not None:
        _check_quiet()
    candidate = VARIANTS[0] if champion is None else next(v for v in VARIANTS if v != champion.variant)
    stamp = datetime.fromisoformat(event["now"])
    name = f"{prefix}-v{package.version}-{stamp:%Y%m%d%H%M%S}"
    state.record_variant(
        candidate,
        version=package.version,
        arn=package.arn,
        run=package.metadata.get("run", ""),
        feature_set=package.metadata["feature_set_hash"],
        fallback=_fallback(package, manifest_sha256),
    )
    logger.info("preflight passed", extra={"version": package.version, "variant": candidate})
    return RolloutPlan(
        model_package_arn=package.arn,
        model_version=package.version,
        model_name=name,
        config_name=f"{name}-rollout" if champion else name,
        final_config_name=f"{name}-final",
        candidate_variant=candidate,
        champion_variant=champion.variant if champion else None,
        champion_model_name=champion.model_name if champion else None,
        champion_config_name=config,
        manifest_sha256=manifest_sha256,
        started=stamp.isoformat(),
        steps=tuple(
            RolloutStep(
                weight=step.weight,
                bake_seconds=step.bake_seconds,
                minimum_requests=step.minimum_requests,
                hold_hours=step.hold_hours,
                minimum_outcomes=step.minimum_outcomes,
            )
            for step in plan.config.deployment.steps
        ),
        champion_package_arn=champion.model_package_arn if champion else None,
        champion_version=champion.model_version if champion else None,
        champion_since=champion.since if champion else None,
        candidate_instances=instances(
            endpoint, champion.variant if champion else None, plan.config.serving.instances
        ),
    ).to_json()


def _fallback(package: ModelPackage, manifest_sha256: str) -> str:
    """What `predict` answers from when the endpoint does not: its sha256, or nothing.

    Whether a damaged artefact can be served is for the container to say.
    """
    try:
        return fallbacks.keep(s3, lake_bucket, package.model_uri, manifest_sha256)
    except ArtefactError as error:
        logger.warning("the model has no fallback", extra={"version": package.version, "cause": str(error)})
        return ""


def _endpoint() -> dict[str, Any]:
    """What DescribeEndpoint says of it; empty when there is none.

    Raises:
        PreflightFailedError: the endpoint is in no state to be changed.
    """
    try:
        described = sagemaker.describe_endpoint(EndpointName=endpoint_name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":  # how SageMaker says "not found"
            raise
        return {}
    if described["EndpointStatus"] != "InService":
        raise PreflightFailedError(
            f"endpoint `{endpoint_name}` is {described['EndpointStatus']}",
            cause=described.get("FailureReason", "another change is in progress"),
            hint="approve the package again when it is InService",
        )
    return dict(described)


def _check_quiet() -> None:
    """A rollout that starts under an alarm could not tell whose it is, and SageMaker would roll it back.

    Raises:
        PreflightFailedError: an alarm of a variant rings.
    """
    alarms = [name for variant in VARIANTS for name in traffic.ringing(cloudwatch, f"{prefix}-{variant}-")]
    if alarms:
        raise PreflightFailedError(
            f"endpoint `{endpoint_name}` is not fit for a rollout",
            cause=f"alarm {', '.join(alarms)} rings",
            hint="approve the package again when it is quiet; `tidegate status` lists the alarms",
        )


def _check(package: ModelPackage, champion: Champion | None, config: str | None) -> None:
    what = _refusal(package)
    if package.approval != "Approved":
        raise PreflightFailedError(what, cause=f"its approval is {package.approval}")
    if champion is None and config is not None:
        raise PreflightFailedError(
            what,
            cause=f"endpoint `{endpoint_name}` serves `{config}`, which no champion is recorded for",
            hint="run the teardown machine, then approve the package again",
        )
    if champion is not None and config is not None and champion.model_package_arn == package.arn:
        raise PreflightFailedError(what, cause="it is the champion already")
    _check_features(package.metadata.get("feature_set_hash", ""), what)


def _check_artefact(package: ModelPackage) -> str:
    """sha256 of the verified manifest: every file is as it says, and it is as the training job signed it."""
    what = _refusal(package)
    bucket, key = split_uri(package.model_uri)
    try:
        archive = model_archive.read(s3.get_object(Bucket=bucket, Key=key)["Body"])
        if kms:
            signatures.verify(kms, signing_key, archive.manifest_digest, archive.signature)
    except ClientError as cause:
        raise PreflightFailedError(what, cause=f"{package.model_uri}: {cause}") from cause
    except ArtefactError as error:
        raise PreflightFailedError(what, cause=f"{error.what}: {error.cause}", hint=error.hint) from error
    registered = package.metadata.get("feature_set_hash", "")
    if (found := str(archive.manifest.get("feature_hash"))) != registered:
        raise PreflightFailedError(
            what, cause=f"it is registered with features {registered[:16]}, its artefact has {found[:16]}"
        )
    return archive.manifest_digest.hex()


def _refusal(package: ModelPackage) -> str:
    return f"model package {package.version} cannot be served"


def _check_features(wanted: str, what: str) -> None:
    """Everything the model will look up is there, whatever the deployed pipeline computes today."""
    try:
        needed = feature_sets.get(s3, lake_bucket, wanted)
    except LookupError as cause:
        raise PreflightFailedError(
            what,
            cause=f"nobody knows what its features {wanted[:16] or '(none named)'} are",
            hint="train a model on the features of today: its training set keeps them in the lake",
        ) from cause
    deployed = [(view, state.view(view.version)) for view in plan.features.views]
    views = [(view, state.view(view.version)) for view in needed.views]
    if problems := view_readiness.problems(views, beside=deployed, now=datetime.now(UTC)):
        raise PreflightFailedError(
            what,
            cause="; ".join(problems),
            hint="compute them with `tidegate features backfill`, then approve again",
        )
