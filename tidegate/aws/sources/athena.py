"""Athena: a query that is waited for, and its result in chunks through awswrangler."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

import awswrangler as wr
import boto3
import pyarrow as pa

from tidegate.aws.sources import types
from tidegate.aws.sources.failures import told
from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError
from tidegate.ingestion.source_sql import SourceSql, Statement
from tidegate.ingestion.watermark import Mark, coerce
from tidegate.settings.collect_section import CollectSection

_POLL_SECONDS = 0.5


class Athena:
    """The same questions as of a database. Every one is a query of its own: there is no snapshot."""

    def __init__(self, section: CollectSection, output: str) -> None:
        self.section = section
        self.sql = SourceSql(section)
        self.output = output  # s3:// prefix of results
        self.client = boto3.client("athena")
        with told(section, "query"):
            self.schema = self._schema(self._run(self.sql.describe()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def page(self, after: Mark | None) -> tuple[int, Mark | None]:
        with told(self.section, "query"):
            execution = self._run(self.sql.page(after, self.section.maximum_rows))
            [count, newest] = self._first(execution)
            type_ = self._schema(execution).types[1]
        return int(count), None if newest is None else self._mark(newest, type_)

    def without_watermark(self) -> int:
        with told(self.section, "query"):
            return int(self._first(self._run(self.sql.without_watermark()))[0])

    def tables(self, low: Mark | None, high: Mark) -> Iterator[pa.Table]:
        with told(self.section, "query"):
            execution = self._run(self.sql.rows([], low, high))
            frames = wr.athena.get_query_results(
                execution, chunksize=self.section.chunk_rows, use_threads=False, dtype_backend="pyarrow"
            )
            for frame in frames:
                if len(frame):  # a result without rows is one empty frame
                    table = pa.Table.from_pandas(frame, preserve_index=False)
                    yield table.select(self.schema.names).cast(self.schema)

    def _run(self, statement: Statement) -> str:
        execution = str(
            wr.athena.start_query_execution(
                statement.sql,
                database=self.section.database,
                s3_output=self.output,
                workgroup=self.section.workgroup,
                params=[_literal(value) for value in statement.values] or None,
                paramstyle="qmark",
            )
        )
        end = time.monotonic() + self.section.timeout_seconds
        while True:
            status = self.client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return execution
            if status["State"] in ("FAILED", "CANCELLED"):
                raise SourceRefusedError(
                    f"`{self.section.name}` refuses the query",
                    cause=str(status.get("StateChangeReason", status["State"])),
                    hint="mend `table`, `query`, `watermark` or `database` in pipeline.toml",
                )
            if time.monotonic() > end:
                self.client.stop_query_execution(QueryExecutionId=execution)
                raise SourceUnavailableError(
                    f"`{self.section.name}` did not answer within {self.section.timeout_seconds} s",
                    cause=f"query {execution} was {status['State']} and is stopped",
                    hint="a partition on the watermark, a smaller `maximum_rows` or more `timeout_seconds`",
                )
            time.sleep(_POLL_SECONDS)

    def _first(self, execution: str) -> list[Any]:
        """Texts of the only row, None for NULL: the first row of a result holds the names."""
        rows = self.client.get_query_results(QueryExecutionId=execution, MaxResults=2)["ResultSet"]["Rows"]
        return [cell.get("VarCharValue") for cell in rows[-1]["Data"]]

    def _schema(self, execution: str) -> pa.Schema:
        result = self.client.get_query_results(QueryExecutionId=execution, MaxResults=1)["ResultSet"]
        columns: Any = result["ResultSetMetadata"]["ColumnInfo"]
        return pa.schema(
            [
                (each["Name"], types.of_athena(each["Type"], each.get("Precision", 0), each.get("Scale", 0)))
                for each in columns
            ]
        )

    def _mark(self, text: str, type_: pa.DataType) -> Mark:
        """Texts of Athena: 2024-01-31, 2024-01-31 23:59:59.000001, the same and UTC, 42."""
        try:
            if pa.types.is_date(type_):
                return coerce(datetime.fromisoformat(text).date(), self.section.watermark_type)
            if pa.types.is_timestamp(type_):
                moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
                return coerce(moment, self.section.watermark_type)
            return coerce(int(text), self.section.watermark_type)
        except ValueError as cause:
            raise SourceRefusedError(
                f"watermark `{self.section.watermark}` of `{self.section.name}` cannot be used",
                cause=f"{cause}, and `watermark_type` is {self.section.watermark_type}",
                hint="set `watermark_type` in pipeline.toml, or cast the column in a `query`",
            ) from cause


def _literal(mark: Mark) -> str:
    """A parameter of an execution is an expression of SQL: a text needs its quotes."""
    if isinstance(mark, datetime):
        zone = " UTC" if mark.tzinfo else ""
        return f"'{mark:%Y-%m-%d %H:%M:%S.%f}{zone}'"
    return str(mark) if isinstance(mark, int) else f"'{mark.isoformat()}'"
