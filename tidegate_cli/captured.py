"""Captured traffic: waited for until a window of monitoring takes all of it."""

import time
from datetime import UTC, datetime, timedelta

from tidegate.aws import captures
from tidegate_cli.place import Place

WAIT_SECONDS = 20
SETTLED = timedelta(seconds=3)  # a window takes files that are older; S3 tells whole seconds
_SECOND = timedelta(seconds=1)


def settled(place: Place, since: datetime, requests: int) -> bool:
    """Wait until what was captured of so many requests lies in the lake; False when it did not in time.

    A window that took half of it would leave the rest to the next, among other traffic.
    """
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="captures/")
        files = [item for page in pages for item in page.get("Contents", [])]
        mine = [item for item in files if item["LastModified"] > since - _SECOND]
        if sum(captures.records(s3, bucket, item["Key"]) for item in mine) >= requests:
            youngest = max((item["LastModified"] for item in mine), default=since)
            time.sleep(max(0.0, (youngest + SETTLED - datetime.now(UTC)).total_seconds()))
            return True
        time.sleep(0.3)
    return False
