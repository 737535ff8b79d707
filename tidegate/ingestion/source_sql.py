"""The statements that read a source between two watermarks, for each kind of database.

Names are quoted, values are never part of the text. Where the same rows are asked for twice, they are the
same: from a lower bound, left out, to an upper one, taken in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tidegate.ingestion.watermark import Mark
from tidegate.settings.collect_section import CollectSection

ALIAS = "collected"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What differs between databases."""

    quote: str
    placeholder: Literal["$1", "%s", "?"]
    text: str  # the type that any other can be cast to
    escapes_percent: bool = False  # whether the driver reads % even inside quotes


DIALECTS = {
    "postgresql": Dialect(quote='"', placeholder="$1", text="text"),
    "mysql": Dialect(quote="`", placeholder="%s", text="char", escapes_percent=True),
    "redshift": Dialect(quote='"', placeholder="%s", text="varchar(65535)"),
    "athena": Dialect(quote='"', placeholder="?", text="varchar"),
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A text and the values of its placeholders, in their order."""

    sql: str
    values: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """A column to be read; what no Parquet type fits is read as the database's own text."""

    name: str
    as_text: bool = False


class SourceSql:
    """The statements of one source."""

    def __init__(self, section: CollectSection) -> None:
        self.dialect = DIALECTS[section.kind]
        self.watermark = self.name(section.watermark or "")
        if section.table:
            self.relation = ".".join(self.name(part) for part in section.table.split("."))
        else:
            # a line of its own for the bracket: the query may end in a comment
            self.relation = f"({self._plain((section.query or '').strip())}\n)"

    def name(self, text: str) -> str:
        quote = self.dialect.quote
        return self._plain(quote + text.replace(quote, quote * 2) + quote)

    def describe(self) -> Statement:
        """No rows: the driver tells the columns."""
        return Statement(sql=f"select * from {self.relation} as {ALIAS} limit 0")

    def page(self, after: Mark | None, limit: int) -> Statement:
        """How many of the next `limit` rows there are, and their greatest watermark: (count, maximum)."""
        beyond = "is not null" if after is None else f"> {self._mark(1, after)}"
        inner = (
            f"select {self.watermark} from {self.relation} as {ALIAS} "
            f"where {self.watermark} {beyond} order by {self.watermark} limit {limit:d}"
        )
        sql = f"select count(*), max({self.watermark}) from ({inner}) as page"
        return Statement(sql=sql, values=() if after is None else (after,))

    def rows(self, columns: Sequence[SourceColumn], low: Mark | None, high: Mark) -> Statement:
        """All rows of ]low, high], the oldest first."""
        marks = (high,) if low is None else (low, high)
        conditions = [f"{self.watermark} <= {self._mark(len(marks), high)}"]
        if low is not None:
            conditions.insert(0, f"{self.watermark} > {self._mark(1, low)}")
        listed = ", ".join(self._selected(column) for column in columns) or "*"
        sql = (
            f"select {listed} from {self.relation} as {ALIAS} "
            f"where {' and '.join(conditions)} order by {self.watermark}"
        )
        return Statement(sql=sql, values=marks)

    def without_watermark(self) -> Statement:
        """How many rows no watermark will ever reach."""
        return Statement(
            sql=f"select count(*) from {self.relation} as {ALIAS} where {self.watermark} is null"
        )

    def _selected(self, column: SourceColumn) -> str:
        name = self.name(column.name)
        return f"cast({name} as {self.dialect.text}) as {name}" if column.as_text else name

    def _mark(self, number: int, mark: Mark) -> str:
        if self.dialect.placeholder == "?":  # Athena takes texts alone
            zone = " with time zone" if isinstance(mark, datetime) and mark.tzinfo else ""
            type_ = "timestamp(6)" + zone if isinstance(mark, datetime) else "date"
            return "?" if isinstance(mark, int) else f"cast(? as {type_})"
        return self.dialect.placeholder.replace("1", str(number))

    def _plain(self, text: str) -> str:
        return text.replace("%", "%%") if self.dialect.escapes_percent else text
