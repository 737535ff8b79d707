"""Glue's CreateTable and UpdateTable, one at a time and checked, as in AWS: else Iceberg loses commits.

Limit: UpdatePartition, which Iceberg does not use, is as moto has it.
"""

import threading

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse

from localcloud import _moto_seams

_stock_create = GlueResponse.create_table
_stock_update = GlueResponse.update_table
_lock = threading.RLock()


def install() -> None:
    _moto_seams.replace("moto.glue.responses", "GlueResponse.create_table", create_table)
    _moto_seams.replace("moto.glue.responses", "GlueResponse.update_table", update_table)


def create_table(self: GlueResponse) -> ActionResult:
    """Of two that create the same table at once, one is told that it exists already."""
    with _lock:
        return _stock_create(self)


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
        return _stock_update(self)
