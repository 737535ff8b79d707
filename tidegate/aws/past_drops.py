"""What the ledger remembers of accepted drops, and the profiles of those that are the recent past."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidegate.aws.ledger import Ledger
from tidegate.aws.profiles import get_profile
from tidegate.ingestion.anomaly import JUDGING_DROPS
from tidegate.ingestion.figure_file import pack_figures, unpack_figures
from tidegate.ingestion.figures import Figure, FigureKey, PastDrop
from tidegate.ingestion.rolling_reference import recent_reference, reference_drops
from tidegate.messages.ingestion import Drop
from tidegate.statistics.drift import Reference

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAXIMUM_BYTES = 250_000  # of the packed figures: an item of DynamoDB has 400 KB at most


class PastDrops:
    """The accepted drops of a dataset before one of them, newest first."""

    def __init__(self, ledger: Ledger, drop: Drop, *, replaces: bool = False) -> None:
        """`replaces` says that a newer version of an object takes the place of the older one's rows."""
        rows = [row for row in ledger.recorded(drop.dataset, JUDGING_DROPS + 1) if "figures" in row]
        self._rows = [row for row in rows if row["drop_id"] != drop.drop_id][:JUDGING_DROPS]
        self.drop = drop
        self.history = [
            _past_drop(row, is_replaced=replaces and row["key"] == drop.key) for row in self._rows
        ]

    def recent(self, s3: "S3Client", bucket: str) -> Reference | None:
        """The newest of them together; None while they are too few."""
        keys = {row["drop_id"]: row["profile_key"] for row in self._rows}
        chosen = reference_drops(self.history, self.drop.arrived_at)
        if not chosen:
            return None
        profiles = [(past, get_profile(s3, bucket, keys[past.drop_id])) for past in chosen]
        return recent_reference(profiles, self.drop.arrived_at)


def remembered(
    figures: Mapping[FigureKey, Figure], shifted: Collection[FigureKey], *, profile_key: str
) -> dict[str, Any]:
    """Attributes of a drop's row in the ledger from which it is a part of history once it is recorded.

    `shifted` are figures whose history starts anew with it. Of a drop with thousands of columns only the
    first fit.
    """
    kept: Sequence[FigureKey] = list(figures)
    packed = pack_figures(figures)
    while len(packed) > _MAXIMUM_BYTES:
        kept = kept[: len(kept) * 9 // 10]
        packed = pack_figures({key: figures[key] for key in kept})
    levels = sorted(shifted, key=lambda key: (key[0] or "", key[1]))
    return {"figures": packed, "shifted": json.dumps(levels), "profile_key": profile_key}


def _past_drop(row: Mapping[str, Any], *, is_replaced: bool) -> PastDrop:
    shifted = json.loads(row.get("shifted") or "[]")
    return PastDrop(
        drop_id=row["drop_id"],
        arrived_at=row["arrived_at"],
        figures=unpack_figures(bytes(row["figures"].value)),
        shifted=frozenset((column, name) for column, name in shifted),
        etag="" if is_replaced else row.get("etag", ""),
        size_bytes=int(row.get("size_bytes", 0)),
    )
