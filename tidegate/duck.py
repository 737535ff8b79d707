"""DuckDB as a pure function's tool: in memory, one thread, UTC, no network."""

import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """A connection of its own. One thread: the cores belong to as many functions as run at once."""
    connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
    connection.sql("set timezone = 'UTC'")
    return connection
