"""DuckDB as a pure function's tool: in memory, one thread, UTC, no network."""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Room:
    """What a computation may take: memory, and a folder for what does not fit it."""

    memory_mebibytes: int
    spill: Path


def connect(room: Room | None = None) -> duckdb.DuckDBPyConnection:
    """A connection of its own. One thread: the cores belong to as many functions as run at once.

    Without `room` it takes what memory there is.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": False,
    }
    if room is not None:
        config |= {"memory_limit": f"{room.memory_mebibytes}MiB", "temp_directory": str(room.spill)}
    connection = duckdb.connect(config=config)
    connection.sql("set timezone = 'UTC'")
    return connection
