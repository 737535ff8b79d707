"""One captured request by its inference id: by the index, else in the newest capture files."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tidegate.aws import origins
from tidegate.aws.objects import get_bytes
from tidegate.monitoring.capture import payload
from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place


@dataclass(frozen=True, kw_only=True)
class Captured:
    """A record as it is, and where it lies."""

    inference_id: str
    at: str  # when it was answered, ISO 8601
    variant: str
    model: str  # the training run whose model answered
    instances: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]
    vectors: tuple[list[Any], ...] | None  # what the model saw of each instance, where it was asked to say
    key: str
    repeated: int  # records of that id beside this one


def find(place: Place, inference_id: str) -> Captured:
    """The request that was captured under that id; of several the first answer.

    Raises:
        CommandError: none was, or its file is gone.
    """
    found = sorted(_lines(place, inference_id), key=lambda line: _time(line[1]))
    if not found:
        raise CommandError(
            f"no captured prediction `{inference_id}`",
            cause="it is neither in the index of captures nor in the files written since",
            hint="captures come within a minute; answers of the fallback are not captured",
        )
    key, line = found[0]
    record = json.loads(line)
    sides = record["captureData"]
    answered = payload(sides["endpointOutput"])
    asked = payload(sides["endpointInput"])["instances"]
    vectors = answered.get("vectors")
    return Captured(
        inference_id=inference_id,
        at=record["eventMetadata"]["inferenceTime"],
        variant=key.split("/")[2],
        model=str(answered.get("model", "")),
        instances=tuple(asked),
        answers=tuple(answered["predictions"]),
        vectors=None if vectors is None else tuple(vectors),
        key=key,
        repeated=len(found) - 1,
    )


def _lines(place: Place, inference_id: str) -> Iterator[tuple[str, bytes]]:
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    parts = origins.indexes(s3, bucket)
    rows = origins.find(s3, bucket, parts, inference_id)
    for row in rows:
        try:
            line = origins.record(s3, bucket, row["file"], row["offset"], row["length"])
        except ClientError as cause:
            raise CommandError(f"`{row['file']}` cannot be read", cause=str(cause)) from cause
        yield row["file"], line
    if rows:
        return
    files = origins.unindexed(s3, bucket, place.outputs["EndpointName"], origins.watermark(parts))
    with ThreadPoolExecutor(origins.READERS) as pool:
        bodies = pool.map(lambda file: get_bytes(s3, bucket, file.key), files)
        for file, body in zip(files, bodies, strict=True):
            if inference_id.encode() in body:
                yield from ((file.key, line) for line in body.splitlines() if _is_of(line, inference_id))


def _is_of(line: bytes, inference_id: str) -> bool:
    if inference_id.encode() not in line:
        return False
    try:
        event = json.loads(line)["eventMetadata"]
        return bool((event.get("inferenceId") or event["eventId"]) == inference_id)
    except (ValueError, KeyError, TypeError):
        return False


def _time(line: bytes) -> str:
    return str(json.loads(line)["eventMetadata"].get("inferenceTime", ""))
