"""Glue's UpdateTable as the compare and swap it is in AWS: without it concurrent Iceberg commits are lost.

Limit: UpdatePartition, which Iceberg does not use, is as moto has it.
"""

import threading

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse

from localcloud import _moto_seams

_stock = GlueResponse.update_table
_lock = threading.RLock()


def install() -> None:
    _moto_seams.replace("moto.glue.responses", "GlueResponse.update_table", update_table)


def update_table(self: GlueResponse) -> ActionResult:
    """Refuse an update whose VersionId is not the table's current one; one update at a time."""
    expected = self.parameters.get("VersionId")
    with _lock:
        if expected is not None:
            name = self.parameters["TableInput"]["Name"]
            table = self.glue_backend.get_table(self.parameters["DatabaseName"], name)
            if str(table._current_version) != str(expected):
                raise JsonRESTError(
                    "ConcurrentModificationException",
                    f"Update table failed due to concurrent modifications: {name} is at version "
                    f"{table._current_version}, the request expects {expected}.",
                )
        return _stock(self)
