"""PlanShards: decide how a drop is split among ValidateShard.

Invoked by  state PlanShards of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop}
Returns     messages.ShardPlan
Raises      DropUnreadableError (no retry)
Needs       s3:GetObjectVersion and s3:GetObject on the drops; s3:PutObject on staging/ of the lake;
            PIPELINE_DIR, LAKE_BUCKET
"""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.errors import DropUnreadableError
from tidegate.ingestion import envelope, manifest
from tidegate.ingestion.formats import is_manifest
from tidegate.messages.ingestion import Drop, ObjectVersion, ShardPlan
from tidegate.plan import Plan
from tidegate.readers import join_plans, plan_shards

logger = Logger()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")

_MAXIMUM_MANIFEST_BYTES = 1 << 20


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop = Drop.from_json(event["drop"])
    planned = _of_manifest(drop) if is_manifest(drop.key) else _of_object(drop)
    logger.info("planned shards", extra={"key": drop.key, "shards": len(planned.shards)})
    return planned.to_json()


def _of_object(found: ObjectVersion) -> ShardPlan:
    return plan_shards(
        objects.open_version(s3, found),
        found.key,
        found.size_bytes,
        shard_bytes=plan.config.ingestion.shard_mebibytes << 20,
    )


def _of_manifest(drop: Drop) -> ShardPlan:
    """One plan over the objects that the manifest names, as they are now: their versions are pinned."""
    if drop.size_bytes > _MAXIMUM_MANIFEST_BYTES:
        raise DropUnreadableError(f"the manifest has {drop.size_bytes} bytes; at most 1 MiB is read")
    body = objects.open_version(s3, drop).read()
    named = [_resolved(entry) for entry in manifest.parse(body, bucket=drop.bucket)]
    parts = [part for part in named if part is not None]
    if not parts:
        raise DropUnreadableError("none of the objects that the manifest names is there")
    limit = plan.config.ingestion.max_mebibytes
    if (total := sum(part.size_bytes for part in parts)) > limit << 20:
        raise DropUnreadableError(
            f"the manifest's objects have {total} bytes, more than {limit} MiB",
            hint="raise `max_mebibytes` of [ingestion] in pipeline.toml, or drop them in several manifests",
        )
    key = lake_keys.staged_objects(drop)
    objects.put_json(s3, lake_bucket, key, [part.to_json() for part in parts])
    return join_plans([_of_object(part) for part in parts], objects_key=key)


def _resolved(entry: manifest.Entry) -> ObjectVersion | None:
    """The newest version of an entry; None for an absent one that is not mandatory.

    Raises:
        DropUnreadableError: it is a drop of its own, or mandatory and absent, or of another size than the
            manifest promises.
    """
    if not envelope.is_part(entry.key):
        raise DropUnreadableError(
            f"`{entry.key}`, which the manifest names, is a drop of its own",
            cause="its rows would be there twice",
            hint="put parts in a folder whose name begins with _, e.g. drops/DATASET/_january/",
        )
    found = objects.newest_version(s3, entry.bucket, entry.key)
    if found is None:
        if entry.mandatory:
            raise DropUnreadableError(
                f"the manifest names `{entry.key}`, which is not there",
                cause="S3 answers the same for an object that this function may not read",
                hint="put every object under drops/ of the same bucket, before the manifest that names it",
            )
        return None
    if entry.size is not None and entry.size != found.size_bytes:
        raise DropUnreadableError(
            f"`{entry.key}` has {found.size_bytes} bytes, the manifest says {entry.size}",
            hint="put every object whole before the manifest that names it",
        )
    return found
