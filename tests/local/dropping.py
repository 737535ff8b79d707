"""Putting objects into a running pipeline and waiting until its ledger says what became of them."""

import time
from collections import Counter
from typing import Any

from tidegate_cli import ledger
from tidegate_cli.place import Place

Version = tuple[str, str]  # key and version id: what the ledger has one row for
Row = dict[str, Any]
WAIT_SECONDS = 120


def put(place: Place, key: str, body: bytes) -> Version:
    answer = place.client("s3").put_object(Bucket=place.outputs["DropsBucket"], Key=key, Body=body)
    return key, answer["VersionId"]


def settled(place: Place, wanted: set[Version]) -> dict[Version, Row]:
    """The one row of each wanted version, once all have their final state."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        rows = [row for row in ledger.entries(place) if (row["key"], row["version_id"]) in wanted]
        found = {(row["key"], row["version_id"]): row for row in rows}
        if found.keys() == wanted and all(row["state"] in ledger.FINAL for row in rows):
            counts = Counter((row["key"], row["version_id"]) for row in rows)
            assert set(counts.values()) == {1}, counts
            return found
        if time.monotonic() > end:
            raise TimeoutError({version: found.get(version, {}).get("state") for version in wanted})
        time.sleep(0.2)
