"""A compiled contract: what columns a drop must have and which rules its rows must keep.

Pure standard library. Every rule measures something of the drop, mostly a count of rows, and puts a condition
on it: counts of shards add up, statistics are read off the merged profile, and one sentence explains any.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from tidegate.messages.message import Message

ColumnType = Literal[
    "string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array", "map"
]
NESTED = ("object", "array", "map")
Severity = Literal["error", "warning"]
RowRuleKind = Literal[  # decided by one row alone
    "type",  # values that are not of the column's type
    "required",  # nulls and NaN
    "null_values",
    "missing_values",  # nulls, NaN and the listed stand-ins for them
    "range",
    "multiple_of",
    "length",
    "pattern",
    "not_pattern",
    "enum",
    "not_enum",
    "compare",  # two columns that do not stand to each other as they should
    "sum",  # of several columns, that does not stand to a number or another column as it should
    "pairs",  # values of several columns that are together none of `pairs`
]
RuleKind = Literal[
    RowRuleKind,
    "columns",  # names missing from the drop, or not in the contract
    "unique",  # rows whose key an earlier row already has
    "row_count",
    "statistic",  # of a column's values: the condition is on its value
    "freshness",  # seconds from the newest value of a timestamp to the drop's arrival
]
Statistic = Literal[
    "mean",
    "standard_deviation",  # of the population
    "minimum",
    "maximum",
    "sum",
    "quantile",  # at `share`
    "distinct_count",
    "distinct_share",  # of the rows that have a value
    "values_missing",  # how many of `values` occur in no row
    "most_common_unlisted",  # 1 when the most common value, or each of several, is none of `values`, else 0
]
Comparison = Literal["<", "<=", "=", "!=", ">=", ">"]
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
        return self.allows(self.measure(count, rows))

    def allows(self, value: float) -> bool:
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
    columns: tuple[
        str, ...
    ] = ()  # one; several of a key or of rules between columns; none of rules of the whole drop
    severity: Severity = "error"
    condition: Condition = Condition()
    minimum: int | float | str | None = None  # dates and times as ISO 8601 text
    maximum: int | float | str | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: int | float | None = None
    pattern: str | None = None  # found anywhere in the value unless anchored, as in ECMA-262
    values: tuple[Any, ...] = ()
    comparison: Comparison | None = None  # of the first column with the second, or of a sum with its total
    total: int | float | str | None = None  # of a sum; None: the last column has it
    pairs: tuple[tuple[Any, ...], ...] = ()  # each as long as `columns`
    statistic: Statistic | None = None
    share: float | None = None  # of a quantile, in [0, 1]

    @property
    def column(self) -> str | None:
        return self.columns[0] if len(self.columns) == 1 else None

    @property
    def names_bad_rows(self) -> bool:
        """Whether a row that breaks it is bad by itself: the rule tolerates none and looks at one row."""
        tolerates_none = self.severity == "error" and self.condition == Condition()
        return tolerates_none and self.kind in get_args(RowRuleKind)


@dataclass(frozen=True, kw_only=True)
class DriftSettings(Message):
    """When a column has drifted; effects are PSI in nats beyond sampling noise. None: the pipeline's."""

    watched: bool = True
    warning: float | None = None
    alarm: float | None = None


@dataclass(frozen=True, kw_only=True)
class AnomalySettings(Message):
    """Which figures of a column are compared with those of earlier drops. None: the pipeline's."""

    watched: bool = True
    minimum_change: float | None = None  # of the usual value, as a share
    figures: tuple[str, ...] = ()  # all when empty


@dataclass(frozen=True, kw_only=True)
class Column(Message):
    """One column of the dataset."""

    name: str
    type: ColumnType
    format: str | None = None  # i8 ... i64, u8 ... u64, f32, f64 or decimal(p,s)
    timezone: str = "UTC"  # of timestamps that carry none
    members: tuple["Column", ...] = ()  # of an object; of an array its item; of a map its key and value
    drift: DriftSettings = DriftSettings()
    anomaly: AnomalySettings = AnomalySettings()


@dataclass(frozen=True, kw_only=True)
class BadRows(Message):
    """What becomes of rows that break a rule of severity error that tolerates none."""

    action: Literal["quarantine-drop", "set-aside"] = "quarantine-drop"
    maximum_percent: float = 5.0  # a drop with a larger share of bad rows is quarantined whole all the same


@dataclass(frozen=True, kw_only=True)
class ContractPlan(Message):
    """A contract as functions read it."""

    id: str
    version: str
    dataset: str
    hash: str  # sha256 of columns, rules and policy: equal hashes judge alike
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    bad_rows: BadRows = BadRows()

    def __hash__(self) -> int:
        """By what names its content: a look into a cache would hash all rules, 0.1 ms for each value."""
        return hash(self.hash)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)
