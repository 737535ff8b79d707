"""PostgreSQL, MySQL and Redshift: one connection of awswrangler's, one snapshot, rows in Arrow tables.

No driver but MySQL's hands rows on as they come: pg8000 and redshift_connector keep a result whole. So
PostgreSQL is read through a cursor on its own side, and a range of Redshift has to fit into memory
(`maximum_rows`).
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import awswrangler as wr
import pyarrow as pa
import pymysql

from tidegate.aws.sources import types
from tidegate.aws.sources.failures import told
from tidegate.ingestion.collection import SourceRefusedError
from tidegate.ingestion.source_sql import SourceColumn, SourceSql, Statement
from tidegate.ingestion.watermark import Mark, coerce
from tidegate.settings.collect_section import CollectSection

_CONNECT_SECONDS = 10
_GRACE_SECONDS = 5  # the server's own limit should be the one that tells


class Database:
    """A source that is a database; `with` closes the connection."""

    def __init__(self, section: CollectSection) -> None:
        self.section = section
        self.sql = SourceSql(section)
        with told(section, "connect"):
            self.connection = self._connect()
            try:
                self._prepare()
                self.schema, self.columns = self._describe()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(Exception):  # it may be broken, and nothing was written
            self.connection.close()

    def page(self, after: Mark | None) -> tuple[int, Mark | None]:
        """How many rows the next drop has without late ones, and the watermark it ends with."""
        with told(self.section, "query"):
            [count, newest] = self._one(self.sql.page(after, self.section.maximum_rows))
        if not count:
            return 0, None
        return int(count), self.mark(newest)

    def mark(self, value: object) -> Mark:
        """A value of the watermark column.

        Raises:
            SourceRefusedError: the column is not what pipeline.toml says.
        """
        try:
            return coerce(value, self.section.watermark_type)
        except ValueError as cause:
            raise SourceRefusedError(
                f"watermark `{self.section.watermark}` of `{self.section.name}` cannot be used",
                cause=f"{cause}, and `watermark_type` is {self.section.watermark_type}",
                hint="set `watermark_type` in pipeline.toml, or cast the column in a `query`",
            ) from cause

    def without_watermark(self) -> int:
        with told(self.section, "query"):
            return int(self._one(self.sql.without_watermark())[0])

    def tables(self, low: Mark | None, high: Mark) -> Iterator[pa.Table]:
        """The rows of ]low, high] in chunks, each of `schema`."""
        with told(self.section, "query"):
            yield from self._tables(self.sql.rows(self.columns, low, high))

    def _connect(self) -> Any:
        raise NotImplementedError

    def _prepare(self) -> None:
        """Limits and a snapshot, so that counting and reading see the same rows."""

    def _types(self, cursor: Any) -> list[pa.DataType | None]:
        raise NotImplementedError

    def _tables(self, statement: Statement) -> Iterator[pa.Table]:
        raise NotImplementedError

    def _login(self) -> dict[str, Any]:
        if self.section.secret:
            return {"secret_id": self.section.secret}
        return {"connection": self.section.connection or ""}

    def _one(self, statement: Statement) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.values)
            return cursor.fetchone()

    def _run(self, *statements: str) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _describe(self) -> tuple[pa.Schema, list[SourceColumn]]:
        with self.connection.cursor() as cursor:
            cursor.execute(self.sql.describe().sql, ())
            names = [str(column[0]) for column in cursor.description]
            found = self._types(cursor)
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SourceRefusedError(
                f"`{self.section.name}` has two columns of one name",
                cause=", ".join(f"`{name}`" for name in twice),
                hint="give them names in the `query`",
            )
        schema = pa.schema([(n, pa.string() if t is None else t) for n, t in zip(names, found, strict=True)])
        columns = [SourceColumn(name=n, as_text=t is None) for n, t in zip(names, found, strict=True)]
        return schema, columns

    def _arguments(self) -> dict[str, Any]:
        """How awswrangler is to make a frame of a chunk: of our types, and exactly."""
        dtype = {field.name: field.type for field in self.schema}
        return {"con": self.connection, "dtype": dtype, "dtype_backend": "pyarrow"}

    def _table(self, frame: Any) -> pa.Table:
        return pa.Table.from_pandas(frame, schema=self.schema, preserve_index=False)


class PostgreSql(Database):
    """Repeatable read: one snapshot. The session's zone is UTC, for watermarks of either kind."""

    def _connect(self) -> Any:
        # the driver's limit is on each reading of its socket, so it stays for the whole session
        timeout = self.section.timeout_seconds + _GRACE_SECONDS
        return wr.postgresql.connect(**self._login(), timeout=timeout)

    def _prepare(self) -> None:
        self._run(
            "set transaction isolation level repeatable read read only",
            "set time zone 'UTC'",
            f"set statement_timeout = {self.section.timeout_seconds * 1000:d}",
        )

    def _one(self, statement: Statement) -> Any:
        with self.connection.cursor() as cursor:
            _numbered(cursor).execute(statement.sql, statement.values)
            return cursor.fetchone()

    def _types(self, cursor: Any) -> list[pa.DataType | None]:
        # the modifier, which holds a numeric's precision, is not in the DB-API's description
        described = cursor._context.columns  # noqa: SLF001
        return [types.of_postgres(each["type_oid"], each["type_modifier"]) for each in described]

    def _tables(self, statement: Statement) -> Iterator[pa.Table]:
        # awswrangler's chunks come from such a cursor too, but it closes it after a failure: PostgreSQL then
        # says that the transaction is aborted, and no longer why
        with self.connection.cursor() as cursor:
            sql = f"declare collected_rows no scroll cursor for {statement.sql}"
            _numbered(cursor).execute(sql, statement.values)
        fetch = f"fetch forward {self.section.chunk_rows:d} from collected_rows"
        while len(frame := wr.postgresql.read_sql_query(fetch, **self._arguments())):
            yield self._table(frame)
        self._run("close collected_rows")


class MySql(Database):
    """An unbuffered cursor hands rows on as they come."""

    def _connect(self) -> Any:
        timeout = self.section.timeout_seconds + _GRACE_SECONDS
        return wr.mysql.connect(
            **self._login(),
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=timeout,
            write_timeout=timeout,
            cursorclass=pymysql.cursors.SSCursor,
        )

    def _prepare(self) -> None:
        self._run(
            "set time_zone = '+00:00'",
            f"set session max_execution_time = {self.section.timeout_seconds * 1000:d}",
            "set session transaction isolation level repeatable read",
            "start transaction with consistent snapshot, read only",
        )

    def _types(self, cursor: Any) -> list[pa.DataType | None]:
        return [types.of_mysql(each[1], each[3], each[5]) for each in cursor.description]

    def _tables(self, statement: Statement) -> Iterator[pa.Table]:
        frames = wr.mysql.read_sql_query(
            statement.sql,
            params=list(statement.values),
            chunksize=self.section.chunk_rows,
            **self._arguments(),
        )
        return (self._table(frame) for frame in frames)


class Redshift(Database):
    """Serializable is its default: one snapshot."""

    def _connect(self) -> Any:
        timeout = self.section.timeout_seconds + _GRACE_SECONDS
        return wr.redshift.connect(**self._login(), timeout=timeout)

    def _prepare(self) -> None:
        self._run(
            "set timezone to 'UTC'",
            f"set statement_timeout to {self.section.timeout_seconds * 1000:d}",
        )

    def _types(self, cursor: Any) -> list[pa.DataType | None]:
        return [types.of_postgres(each["type_oid"], each["type_modifier"]) for each in cursor.ps["row_desc"]]

    def _tables(self, statement: Statement) -> Iterator[pa.Table]:
        frames = wr.redshift.read_sql_query(
            statement.sql,
            params=list(statement.values),
            chunksize=self.section.chunk_rows,
            **self._arguments(),
        )
        return (self._table(frame) for frame in frames)


def _numbered(cursor: Any) -> Any:
    """Placeholders are $1 and $2, PostgreSQL's own: with pg8000's default it would read % in a query."""
    cursor.paramstyle = "numeric"
    return cursor
