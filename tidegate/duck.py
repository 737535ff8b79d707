"""DuckDB as a pure function's tool: in memory, one thread, UTC."""

import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """A connection of its own. One thread: the cores belong to as many functions as run at once."""
    return duckdb.connect(config={"threads": 1, "TimeZone": "UTC"})
