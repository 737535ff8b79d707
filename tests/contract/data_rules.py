"""Another validator's expectations as rules of our contract, run over the data of its own tests."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.checks import Checker, Checks, KeyFile, repeated, with_count
from tidegate.checks.keys import read_keys
from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract.plan import Column, ColumnType, Condition, ContractPlan, Rule
from tidegate.ingestion.measured import measure
from tidegate.profile import Profile, ProfileBuilder
from tidegate.readers.batch import Batch
from tidegate.readers.convert import from_arrow, from_text

Arguments = dict[str, Any]
Rows = list[int]  # 0-based
TYPES: dict[str, ColumnType] = {
    "int": "integer", "float": "number", "str": "string", "bool": "boolean", "Timestamp": "timestamp",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What our engine says of the data."""

    holds: bool
    rows: Rows  # that break a rule; at most twenty of each


@dataclass(frozen=True, kw_only=True)
class Data:
    """The columns of a case, typed as a contract for them would say."""

    values: dict[str, list[Any]]
    moments: frozenset[str]  # columns of text that are meant as timestamps

    def column(self, name: str) -> Column:
        """The type that most values have: the others are of a wrong type."""
        if name in self.moments:
            return Column(name=name, type="timestamp")
        found = [value for value in self.values[name] if value is not None]
        kinds: list[tuple[ColumnType, Any]] = [("boolean", bool), ("integer", int), ("number", int | float)]
        for kind, python in kinds:
            matching = [isinstance(value, python) for value in found]
            if matching and sum(matching) > len(matching) / 2 and (kind != "integer" or _whole(found)):
                return Column(name=name, type=kind)
        return Column(name=name, type="string")

    def batch(self, plan: ContractPlan) -> Batch:
        rows = len(next(iter(self.values.values())))
        typed = {c.name: self._typed(c) for c in plan.columns if c.name in self.values}
        extra = tuple(name for name in self.values if name not in plan.names)
        return Batch.of(plan, typed, rows, extra)

    def _typed(self, column: Column) -> Any:
        values = self.values[column.name]
        is_mixed = len({isinstance(value, str) for value in values if value is not None}) > 1
        if column.name in self.moments or is_mixed:
            texts = pa.array([None if value is None else str(value) for value in values], pa.string())
            if column.type == "timestamp" or is_mixed:
                return from_text(column, texts)
            return from_arrow(column, from_text(self.column(column.name), texts).values)
        return from_arrow(column, pa.array(values))


def _whole(values: list[Any]) -> bool:
    return not any(isinstance(value, float) for value in values)


def run(data: Data, columns: tuple[Column, ...], *rules: Rule) -> tuple[Checks, Profile]:
    """One pass of the checks and the profile, and the keys compared, as a drop of one shard has it."""
    plan = ContractPlan(id="case", version="1", dataset="case", hash="", columns=columns, rules=rules)
    batch, schema = data.batch(plan), arrow_schema(columns)
    checker, profile = Checker(plan), ProfileBuilder(schema)
    checker.add(batch)
    profile.add(batch.rows)
    staged, keys = io.BytesIO(), io.BytesIO()
    pq.write_table(pa.Table.from_batches([batch.rows]), staged)
    checks = checker.finish()
    if checker.keys.rules:
        checker.keys.write(keys)
    for index in checker.keys.rules:
        fetch = partial(_keys, staged, rules[index].columns)
        checks = with_count(checks, index, repeated(index, [KeyFile(keys)], rows_before=[0], fetch=fetch))
    return checks, profile.finish()


def _keys(staged: io.BytesIO, columns: tuple[str, ...], _: int, rows: Any) -> Any:
    return read_keys(pq.ParquetFile(staged), columns, rows)


def judged(data: Data, *rules: Rule, columns: tuple[Column, ...] | None = None) -> Outcome:
    """Whether all rules hold; a statistic that nothing can be said of does not."""
    names = dict.fromkeys(name for rule in rules for name in rule.columns)
    checks, profile = run(data, columns or tuple(data.column(name) for name in names), *rules)
    held = []
    for rule, count in zip(rules, checks.counts, strict=True):
        if rule.kind == "statistic":
            value = measure(rule, profile.columns.get(rule.columns[0]))
            held.append(value is not None and rule.condition.allows(value))
        else:
            held.append(rule.condition.holds(count.failed, checks.rows))
    rows = {row - 1 for count in checks.counts for row in count.first_rows}
    return Outcome(holds=all(held), rows=sorted(rows))


def tolerance(arguments: Arguments) -> Condition:
    """`mostly` as the percentage of rows that may break a rule."""
    percent = round(100 * (1 - arguments.get("mostly", 1)), 9)
    return Condition(operator="mustBeLessOrEqualTo", values=(percent,), unit="percent")


def between(low: Any, high: Any) -> Condition:
    if low is None:
        return Condition(operator="mustBeLessOrEqualTo", values=(high,))
    if high is None:
        return Condition(operator="mustBeGreaterOrEqualTo", values=(low,))
    return Condition(operator="mustBeBetween", values=(low, high))


def bound(value: Any) -> Any:
    """A number as it is, an expression of time as an instant."""
    if not isinstance(value, dict):
        return value
    text = value["$PARAMETER"]
    if ago := re.fullmatch(r"now\(\) - timedelta\(weeks=(\d+)(?:\*(\d+))?\)", text):
        moment = datetime.now(UTC) - timedelta(weeks=int(ago[1]) * int(ago[2] or 1))
    else:
        day = re.fullmatch(r"datetime\((\d+), (\d+), (\d+)\)", text)
        assert day, text
        moment = datetime(*(int(part) for part in day.groups()), tzinfo=UTC)
    return moment.isoformat()


def row_rule(kind: str, data: Data, a: Arguments, **settings: Any) -> Outcome:
    return judged(data, Rule(kind=kind, columns=(a["column"],), condition=tolerance(a), **settings))


def in_range(data: Data, a: Arguments) -> Outcome:
    return row_rule(
        "range", data, a, minimum=bound(a.get("min_value")), maximum=bound(a.get("max_value")),
        exclusive_minimum=a.get("strict_min", False), exclusive_maximum=a.get("strict_max", False),
    )  # fmt: skip


def lengths(data: Data, a: Arguments) -> Outcome:
    low, high = a.get("min_value", a.get("value")), a.get("max_value", a.get("value"))
    return row_rule("length", data, a, minimum=low, maximum=high)


def is_null(data: Data, a: Arguments) -> Outcome:
    """Said by the share of rows without a value; the rows that have one break it."""
    wanted = Condition(operator="mustBeGreaterOrEqualTo", values=(100 * a.get("mostly", 1),), unit="percent")
    found = judged(data, Rule(kind="null_values", columns=(a["column"],), condition=wanted))
    rows = set(range(len(data.values[a["column"]]))) - set(found.rows)
    return Outcome(holds=found.holds, rows=sorted(rows))


def regexes(data: Data, a: Arguments) -> Outcome:
    if a.get("match_on") == "all":
        rules = [Rule(kind="pattern", columns=(a["column"],), pattern=text) for text in a["regex_list"]]
        return judged(data, *rules)
    return row_rule("pattern", data, a, pattern=any_of(a["regex_list"]))


def any_of(patterns: list[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def typed(data: Data, a: Arguments) -> Outcome:
    name, wanted = a["column"], a.get("type_") or a["type_list"][0]
    column = Column(name=name, type=TYPES[wanted])
    return judged(data, Rule(kind="type", columns=(name,)), columns=(column,))


def unique(data: Data, a: Arguments) -> Outcome:
    columns = tuple(a["column_list"] if "column_list" in a else [a["column"]])
    return judged(data, Rule(kind="unique", columns=columns, condition=tolerance(a)))


def pairs(comparison: Any, data: Data, a: Arguments) -> Outcome:
    columns = tuple(a.get("column_list") or (a["column_A"], a["column_B"]))
    return judged(data, Rule(kind="compare", columns=columns, comparison=comparison, condition=tolerance(a)))


def greater(data: Data, a: Arguments) -> Outcome:
    return pairs(">=" if a.get("or_equal") else ">", data, a)


def summed(data: Data, a: Arguments) -> Outcome:
    columns = tuple(a["column_list"])
    asked = {"comparison": "=", "total": a["sum_total"], "condition": tolerance(a)}
    return judged(data, Rule(kind="sum", columns=columns, **asked))


def listed_pairs(data: Data, a: Arguments) -> Outcome:
    columns, listed = (a["column_A"], a["column_B"]), tuple(map(tuple, a["value_pairs_set"]))
    return judged(data, Rule(kind="pairs", columns=columns, pairs=listed, condition=tolerance(a)))


def most_common(data: Data, a: Arguments) -> Outcome:
    listed = tuple(a["value_set"])
    rule = Rule(kind="statistic", columns=(a["column"],), statistic="most_common_unlisted", values=listed)
    return judged(data, rule)


def statistic(name: str, data: Data, a: Arguments, *, share: float | None = None) -> Outcome:
    low, high = (_number(bound(a.get(side))) for side in ("min_value", "max_value"))
    if low is None and high is None:
        return Outcome(holds=True, rows=[])
    asked = {"statistic": name, "share": share, "condition": between(low, high)}
    return judged(data, Rule(kind="statistic", columns=(a["column"],), **asked))


def _number(value: Any) -> Any:
    """Moments are microseconds in a profile."""
    return datetime.fromisoformat(value).timestamp() * 1e6 if isinstance(value, str) else value


def quantiles(data: Data, a: Arguments) -> Outcome:
    ranges = a["quantile_ranges"]
    rules = [
        Rule(
            kind="statistic",
            columns=(a["column"],),
            statistic="quantile",
            share=share,
            condition=between(*limits),
        )
        for share, limits in zip(ranges["quantiles"], ranges["value_ranges"], strict=True)
    ]
    return judged(data, *rules)


def distinct(data: Data, a: Arguments, *, within: bool, all_of: bool) -> Outcome:
    columns, values = (a["column"],), tuple(a["value_set"])
    rules = [Rule(kind="enum", columns=columns, values=values)] if within else []
    if all_of:
        rules.append(Rule(kind="statistic", columns=columns, statistic="values_missing", values=values))
    return judged(data, *rules)


def column_set(data: Data, names: list[str] | None, *, exact: bool) -> Outcome:
    """The contract's columns against those of the drop, in any order: a contract has names, not places."""
    columns = tuple(Column(name=name, type="string") for name in names or ())
    checks, _ = run(data, columns, Rule(kind="columns"))
    missing = [column.name for column in columns if column.name not in checks.present]
    return Outcome(holds=not missing and not (exact and checks.extra), rows=[])


def column_count(data: Data, a: Arguments) -> Outcome:
    """Columns known and unknown: a contract says how many there are by listing them."""
    checks, _ = run(data, (data.column(next(iter(data.values))),), Rule(kind="columns"))
    low, high = a.get("min_value", a.get("value")), a.get("max_value", a.get("value"))
    return Outcome(holds=between(low, high).allows(len(checks.present) + len(checks.extra)), rows=[])


def row_count(data: Data, a: Arguments) -> Outcome:
    low, high = a.get("min_value", a.get("value")), a.get("max_value", a.get("value"))
    rule = Rule(kind="row_count", condition=between(low, high))
    checks, _ = run(data, (data.column(next(iter(data.values))),), rule)
    return Outcome(holds=rule.condition.holds(checks.rows, checks.rows), rows=[])


EXPECTATIONS: dict[str, Callable[[Data, Arguments], Outcome]] = {
    "column_values_to_not_be_null": partial(row_rule, "null_values"),
    "column_values_to_be_null": is_null,
    "column_values_to_be_between": in_range,
    "column_value_lengths_to_be_between": lengths,
    "column_value_lengths_to_equal": lengths,
    "column_values_to_be_in_set": lambda d, a: row_rule("enum", d, a, values=tuple(a["value_set"])),
    "column_values_to_not_be_in_set": lambda d, a: row_rule("not_enum", d, a, values=tuple(a["value_set"])),
    "column_values_to_match_regex": lambda d, a: row_rule("pattern", d, a, pattern=a["regex"]),
    "column_values_to_not_match_regex": lambda d, a: row_rule("not_pattern", d, a, pattern=a["regex"]),
    "column_values_to_match_regex_list": regexes,
    "column_values_to_not_match_regex_list": lambda d, a: row_rule(
        "not_pattern", d, a, pattern=any_of(a["regex_list"])
    ),
    "column_values_to_be_of_type": typed,
    "column_values_to_be_in_type_list": typed,
    "column_values_to_be_unique": unique,
    "compound_columns_to_be_unique": unique,
    "column_pair_values_to_be_equal": partial(pairs, "="),
    "column_pair_values_a_to_be_greater_than_b": greater,
    "select_column_values_to_be_unique_within_record": partial(pairs, "!="),
    "multicolumn_sum_to_equal": summed,
    "column_pair_values_to_be_in_set": listed_pairs,
    "column_most_common_value_to_be_in_set": most_common,
    "column_mean_to_be_between": partial(statistic, "mean"),
    "column_min_to_be_between": partial(statistic, "minimum"),
    "column_max_to_be_between": partial(statistic, "maximum"),
    "column_sum_to_be_between": partial(statistic, "sum"),
    "column_stdev_to_be_between": partial(statistic, "standard_deviation"),
    "column_median_to_be_between": partial(statistic, "quantile", share=0.5),
    "column_quantile_values_to_be_between": quantiles,
    "column_unique_value_count_to_be_between": partial(statistic, "distinct_count"),
    "column_proportion_of_unique_values_to_be_between": partial(statistic, "distinct_share"),
    "column_distinct_values_to_be_in_set": partial(distinct, within=True, all_of=False),
    "column_distinct_values_to_contain_set": partial(distinct, within=False, all_of=True),
    "column_distinct_values_to_equal_set": partial(distinct, within=True, all_of=True),
    "column_to_exist": lambda d, a: column_set(d, [a["column"]], exact=False),
    "table_columns_to_match_set": lambda d, a: column_set(d, a["column_set"], exact=a["exact_match"]),
    "table_columns_to_match_ordered_list": lambda d, a: column_set(d, a["column_list"], exact=True),
    "table_column_count_to_equal": column_count,
    "table_column_count_to_be_between": column_count,
    "table_row_count_to_equal": row_count,
    "table_row_count_to_be_between": row_count,
}
