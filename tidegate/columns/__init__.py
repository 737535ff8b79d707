"""Columns between a contract, Arrow, Glue, DuckDB and numpy."""
