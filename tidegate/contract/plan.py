"""A compiled contract: what columns a drop must have and which rules its rows must keep.

Pure standard library. Every rule is a count of something in the drop and a condition on that count, so that
the counts of shards add up and one sentence explains any of them.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tidegate.messages import Message

ColumnType = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time"]
Severity = Literal["error", "warning"]
RuleKind = Literal[
    "columns",  # names missing from the drop, or not in the contract
    "type",  # values that are not of the column's type
    "required",  # nulls and NaN
    "null_values",
    "missing_values",  # nulls, NaN and the listed stand-ins for them
    "range",
    "multiple_of",
    "length",
    "pattern",
    "enum",
    "unique",  # rows whose key an earlier row already has
    "row_count",
]
Operator = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]

_SENTENCES: dict[str, str] = {
    "mustBe": "exactly {0:g}",
    "mustNotBe": "not {0:g}",
    "mustBeGreaterThan": "more than {0:g}",
    "mustBeGreaterOrEqualTo": "at least {0:g}",
    "mustBeLessThan": "less than {0:g}",
    "mustBeLessOrEqualTo": "at most {0:g}",
    "mustBeBetween": "between {0:g} and {1:g}",
    "mustNotBeBetween": "not between {0:g} and {1:g}",
}


@dataclass(frozen=True, kw_only=True)
class Condition(Message):
    """What the count of a rule must be; operators are ODCS's, bounds of `between` belong to it."""

    operator: Operator = "mustBe"
    values: tuple[float, ...] = (0,)
    unit: Literal["rows", "percent"] = "rows"

    def holds(self, count: int, rows: int) -> bool:
        """Whether `count` of `rows` is allowed. A percentage of no rows is 0."""
        value = self.measure(count, rows)
        first, last = self.values[0], self.values[-1]
        return {
            "mustBe": value == first,
            "mustNotBe": value != first,
            "mustBeGreaterThan": value > first,
            "mustBeGreaterOrEqualTo": value >= first,
            "mustBeLessThan": value < first,
            "mustBeLessOrEqualTo": value <= first,
            "mustBeBetween": first <= value <= last,
            "mustNotBeBetween": not first <= value <= last,
        }[self.operator]

    def measure(self, count: int, rows: int) -> float:
        if self.unit == "rows":
            return count
        return 100 * count / rows if rows else 0.0

    def __str__(self) -> str:
        text = _SENTENCES[self.operator].format(*self.values)
        return f"{text} percent" if self.unit == "percent" else text


@dataclass(frozen=True, kw_only=True)
class Rule(Message):
    """One rule; which of the optional members count depends on `kind`."""

    kind: RuleKind
    columns: tuple[str, ...] = ()  # one, except for `unique` (a key) and rules of the whole drop (none)
    severity: Severity = "error"
    condition: Condition = Condition()
    minimum: int | float | str | None = None  # dates and times as ISO 8601 text
    maximum: int | float | str | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: int | float | None = None
    pattern: str | None = None  # found anywhere in the value unless anchored, as in ECMA-262
    values: tuple[Any, ...] = ()

    @property
    def column(self) -> str | None:
        return self.columns[0] if len(self.columns) == 1 else None


@dataclass(frozen=True, kw_only=True)
class Column(Message):
    """One column of the dataset."""

    name: str
    type: ColumnType
    format: str | None = None  # i8 ... i64, u8 ... u64, f32, f64 or decimal(p,s)
    timezone: str = "UTC"  # of timestamps that carry none


@dataclass(frozen=True, kw_only=True)
class ContractPlan(Message):
    """A contract as functions read it."""

    id: str
    version: str
    dataset: str
    hash: str  # sha256 of columns and rules: equal hashes judge alike
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)
