"""What an object's name and size alone say about it, before anyone opens it.

Pure standard library. Every version of every object gets a drop id here, so that it has one row in the ledger
whatever becomes of it.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from tidegate.ingestion.formats import SUPPORTED, format_of, is_manifest
from tidegate.ingestion.notifications import ObjectNotification
from tidegate.messages.ingestion import Drop

PREFIX = "drops/"
UNKNOWN = "unknown"  # dataset of an object that names none: the ledger's index takes no empty text
_ID_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`received` goes on to the ingestion machine; the others end here, with their reason."""

    state: Literal["received", "ignored", "quarantined"]
    reason: str = ""


def inspect(
    notification: ObjectNotification, *, dataset: str, maximum_mebibytes: int
) -> tuple[Drop, Decision]:
    """The drop that an object is, and whether it is worth a machine.

    Args:
        notification: of the object's creation.
        dataset: the one that this pipeline reads.
        maximum_mebibytes: size above which an object is not opened.
    """
    _, _, rest = notification.key.partition(PREFIX)
    named, slash, _ = rest.partition("/")
    inside = notification.key.startswith(PREFIX) and bool(slash) and bool(named)
    drop = Drop(
        drop_id=drop_id(notification),
        dataset=named if inside else UNKNOWN,
        bucket=notification.bucket,
        key=notification.key,
        version_id=notification.version_id,
        etag=notification.etag,
        size_bytes=notification.size_bytes,
        arrived_at=notification.occurred_at,
        sequencer=notification.sequencer,
    )
    return drop, _decide(drop, inside, dataset, maximum_mebibytes)


def drop_id(notification: ObjectNotification) -> str:
    """The same for every delivery of the same version; where there are no versions, of the same content."""
    version = notification.version_id or notification.etag
    text = f"{notification.bucket}\n{notification.key}\n{version}"
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]


def _decide(drop: Drop, inside: bool, dataset: str, maximum_mebibytes: int) -> Decision:
    if drop.key.endswith("/"):
        return Decision(state="ignored", reason="a folder marker holds no rows")
    if not inside:
        return Decision(state="ignored", reason=f"not under {PREFIX}<dataset>/")
    if is_part(drop.key):
        return Decision(state="ignored", reason="a part: it is read when a manifest names it")
    reason = None
    if drop.dataset != dataset:
        reason = f"dataset `{drop.dataset}` is unknown; this pipeline reads `{dataset}`"
    elif format_of(drop.key) is None and not is_manifest(drop.key):
        reason = f"`{drop.key.rpartition('/')[2]}` is of no format that is read; read are {SUPPORTED}"
    elif drop.size_bytes == 0:
        reason = "the object has 0 bytes"
    elif drop.size_bytes > maximum_mebibytes << 20:
        reason = f"{drop.size_bytes} bytes are more than {maximum_mebibytes} MiB, the limit in pipeline.toml"
    return Decision(state="quarantined", reason=reason) if reason else Decision(state="received")


def is_part(key: str) -> bool:
    """Whether an object is no drop by itself: it lies in a folder that begins with `_`, hidden as in Hive."""
    return any(folder.startswith("_") for folder in key.removeprefix(PREFIX).split("/")[1:-1])
