"""Rule counts against pandas on injected faults, their independence of the split, and rows set aside."""

import io
from dataclasses import replace
from itertools import accumulate

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks import Checker, KeyFile, merge_checks, repeated, with_count
from tidegate.checks.bad_rows import _combinations, bad_rows_schema
from tidegate.checks.keys import read_keys
from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract.plan import BadRows, Column, Condition, ContractPlan, Rule
from tidegate.readers import plan_shards, read_batches

COLUMNS = (
    Column(name="id", type="string"),
    Column(name="plan", type="string"),
    Column(name="age", type="integer"),
    Column(name="balance", type="number"),
    Column(name="since", type="date"),
    Column(name="until", type="date"),
)
RULES = (
    Rule(kind="columns"),
    Rule(kind="type", columns=("age",)),
    Rule(kind="required", columns=("id",)),
    Rule(kind="required", columns=("age",)),
    Rule(kind="unique", columns=("id",)),
    Rule(kind="unique", columns=("plan", "age")),
    Rule(kind="pattern", columns=("id",), pattern=r"^cust-\d{4}$"),
    Rule(kind="length", columns=("plan",), minimum=2, maximum=5),
    Rule(kind="not_pattern", columns=("id",), pattern="[A-Z]"),
    Rule(kind="enum", columns=("plan",), values=("basic", "pro", "team")),
    Rule(kind="not_enum", columns=("age",), values=(17, 100)),
    Rule(kind="compare", columns=("since", "until"), comparison="<="),
    Rule(kind="range", columns=("age",), minimum=18, maximum=99),
    Rule(kind="range", columns=("balance",), minimum=0, exclusive_minimum=True),
    Rule(
        kind="range", columns=("since",), minimum="2013-01-10", maximum="2013-02-01", exclusive_maximum=True
    ),
    Rule(kind="multiple_of", columns=("balance",), multiple_of=0.5),
    Rule(kind="missing_values", columns=("age",), values=(-1,)),
    Rule(
        kind="null_values", columns=("balance",), condition=Condition(operator="mustBeLessThan", values=(10,))
    ),
)
PLAN = ContractPlan(id="p", version="1", dataset="p", hash="", columns=COLUMNS, rules=RULES)
SETTING_ASIDE = replace(PLAN, bad_rows=BadRows(action="set-aside"))
SCHEMA = arrow_schema(COLUMNS)


def made(rows=3000, seed=1):
    """Rows with a few faults of every kind, as text of a CSV and as pandas reads it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"cust-{number:04d}" for number in range(rows)],
            "plan": rng.choice(["basic", "pro", "team"], rows),
            "age": rng.integers(18, 100, rows).astype(str),
            "balance": np.round(rng.uniform(0.5, 100, rows) * 2) / 2,
            "since": pd.Timestamp("2013-01-10") + pd.to_timedelta(rng.integers(0, 22, rows), unit="D"),
        }
    )
    frame["until"] = (frame["since"] + pd.to_timedelta(rng.integers(0, 9, rows), unit="D")).dt.strftime(
        "%Y-%m-%d"
    )
    frame["since"] = frame["since"].dt.strftime("%Y-%m-%d")
    for column, value in [
        *(("id", value) for value in ("", "cust-0001", "CUST-0001", "cust-12345")),
        *(("plan", value) for value in ("x", "gigantic", "")),
        *(("age", value) for value in ("", "seventeen", "17", "100", "-1")),
        *(("balance", value) for value in (np.nan, 0.0, -1.0, 0.3)),
        *(("since", value) for value in ("2013-01-09", "2013-02-01", "")),
        *(("until", value) for value in ("2013-01-01", "")),
    ]:
        frame.loc[rng.integers(0, rows, 7), column] = value
    return frame


class Shard:
    """What one shard leaves: its counts, its keys and its rows, the bad ones apart."""

    def __init__(self, plan, batches):
        checker = Checker(plan)
        self.rows, self.bad, self.keys = io.BytesIO(), io.BytesIO(), io.BytesIO()
        with (
            pq.ParquetWriter(self.rows, SCHEMA) as good,
            pq.ParquetWriter(self.bad, bad_rows_schema(SCHEMA)) as bad,
        ):
            for batch in batches:
                rows_before = checker.rows
                found, rows = checker.add(batch), batch.rows
                if found:
                    rows, set_aside = found.split(rows, rows_before)
                    bad.write_batch(set_aside)
                good.write_batch(rows)
        checker.keys.write(self.keys)
        self.checks = checker.finish()

    def read_keys(self, columns, rows):
        return read_keys(pq.ParquetFile(self.rows), columns, rows, pq.ParquetFile(self.bad))


def shards_of(frame, plan=PLAN, *, shard_bytes=1 << 30):
    body = frame.to_csv(index=False).encode()
    file = io.BytesIO(body)
    return [
        Shard(plan, read_batches(file, "p.csv", len(body), shard, plan, maximum_bytes=1 << 30))
        for shard in plan_shards(file, "p.csv", len(body), shard_bytes=shard_bytes).shards
    ]


def judged(shards):
    """Counts of all shards, uniqueness included."""
    merged = merge_checks([shard.checks for shard in shards])
    rows_before = list(accumulate((shard.checks.rows for shard in shards), initial=0))[:-1]
    for index, rule in enumerate(RULES):
        if rule.kind == "unique":
            found = repeated(
                index,
                [KeyFile(shard.keys) for shard in shards],
                rows_before=rows_before,
                fetch=lambda shard, rows, columns=rule.columns: shards[shard].read_keys(columns, rows),
            )
            merged = with_count(merged, index, found)
    return merged


def checked(frame, *, shard_bytes=1 << 30):
    return judged(shards_of(frame, shard_bytes=shard_bytes))


def by_pandas(frame):
    """The mask of failing rows for each rule that looks at one row."""
    text_age = frame["age"]
    age = pd.to_numeric(text_age, errors="coerce")
    wrong = age.isna() & (text_age != "")
    balance = frame["balance"]
    since, until = (pd.to_datetime(frame[name], errors="coerce") for name in ("since", "until"))
    there = {name: frame[name] != "" for name in ("id", "plan")}
    return {
        ("type", ("age",)): wrong,
        ("required", ("id",)): ~there["id"],
        ("required", ("age",)): text_age == "",
        ("unique", ("id",)): there["id"] & frame["id"].duplicated(),
        ("unique", ("plan", "age")): there["plan"] & age.notna() & frame[["plan", "age"]].duplicated(),
        ("pattern", ("id",)): there["id"] & ~frame["id"].str.fullmatch(r"cust-\d{4}"),
        ("length", ("plan",)): there["plan"] & ~frame["plan"].str.len().between(2, 5),
        ("not_pattern", ("id",)): frame["id"].str.contains("[A-Z]"),
        ("not_enum", ("age",)): age.isin([17, 100]),
        ("compare", ("since", "until")): since.notna() & until.notna() & (since > until),
        ("enum", ("plan",)): there["plan"] & ~frame["plan"].isin(["basic", "pro", "team"]),
        ("range", ("age",)): (age < 18) | (age > 99),
        ("range", ("balance",)): balance <= 0,
        ("range", ("since",)): (since < "2013-01-10") | (since >= "2013-02-01"),
        ("multiple_of", ("balance",)): balance.notna() & (balance * 2 % 1 != 0),
        ("missing_values", ("age",)): (text_age == "") | (age == -1),
        ("null_values", ("balance",)): balance.isna(),
    }


@pytest.mark.parametrize("shard_bytes", [1 << 30, 20_000], ids=["one shard", "many shards"])
@pytest.mark.parametrize("seed", [1, 2])
def test_counts_and_first_rows_are_those_of_pandas(seed, shard_bytes):
    frame = made(seed=seed)
    checks = checked(frame, shard_bytes=shard_bytes)
    expected = by_pandas(frame)
    for rule, count in zip(RULES, checks.counts, strict=True):
        if (mask := expected.get((rule.kind, rule.columns))) is not None:
            assert mask.any(), "the fault must be there for the test to mean anything"
            assert count.failed == mask.sum(), rule
            assert list(count.first_rows) == (np.flatnonzero(mask)[:20] + 1).tolist(), rule


def test_first_values_are_shown_as_they_were():
    checks = checked(made())
    shown = dict(zip([(rule.kind, rule.columns) for rule in RULES], checks.counts, strict=True))
    assert set(shown["type", ("age",)].first_values) == {"seventeen"}
    assert set(shown["range", ("age",)].first_values) <= {"17", "100", "-1"}
    assert set(shown["range", ("since",)].first_values) == {"2013-01-09", "2013-02-01"}
    assert "cust-0001" in shown["unique", ("id",)].first_values


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(20, 200), shard_bytes=st.integers(200, 4000))
def test_checks_do_not_depend_on_the_split(seed, rows, shard_bytes):
    frame = made(rows=rows, seed=seed)
    assert checked(frame, shard_bytes=shard_bytes) == checked(frame)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), shard_bytes=st.integers(200, 4000), data=st.data())
def test_checks_merge_in_any_grouping(seed, shard_bytes, data):
    parts = [shard.checks for shard in shards_of(made(rows=100, seed=seed), shard_bytes=shard_bytes)]
    whole = merge_checks(parts)
    while len(parts) > 1:
        place = data.draw(st.integers(0, len(parts) - 2))
        parts[place : place + 2] = [merge_checks(parts[place : place + 2])]
    assert parts == [whole]


def test_infinity_is_out_of_range_and_nan_is_missing():
    frame = made(20)
    frame["balance"] = frame["balance"].astype(str)
    frame.loc[[3, 4, 5], "balance"] = ["-inf", "inf", "nan"]
    counts = {
        (rule.kind, rule.columns): count for rule, count in zip(RULES, checked(frame).counts, strict=True)
    }
    assert 4 in counts["range", ("balance",)].first_rows
    assert 5 not in counts["range", ("balance",)].first_rows  # no maximum was asked for
    assert 6 in counts["null_values", ("balance",)].first_rows


@pytest.mark.parametrize("shard_bytes", [1 << 30, 20_000], ids=["one shard", "many shards"])
def test_rows_that_break_a_rule_of_one_row_are_set_aside_and_no_others(shard_bytes):
    frame = made()
    expected = np.zeros(len(frame), bool)
    for (kind, columns), mask in by_pandas(frame).items():
        if kind not in ("unique", "null_values"):  # of the whole drop; tolerates nine
            assert any(rule.names_bad_rows for rule in RULES if (rule.kind, rule.columns) == (kind, columns))
            expected |= mask.to_numpy()
    shards = shards_of(frame, SETTING_ASIDE, shard_bytes=shard_bytes)
    rows = []
    rows_before = 0
    for shard in shards:
        rows += [number + rows_before for number in pq.read_table(shard.bad)["_row"].to_pylist()]
        rows_before += shard.checks.rows
    assert rows == (np.flatnonzero(expected) + 1).tolist()
    assert judged(shards).bad_rows == expected.sum()
    good = pd.concat([pq.read_table(shard.rows).to_pandas() for shard in shards], ignore_index=True)
    assert good["id"].tolist() == frame["id"][~expected].tolist()


def test_counts_are_the_same_whether_or_not_bad_rows_are_set_aside():
    frame = made()
    kept, parted = judged(shards_of(frame)), judged(shards_of(frame, SETTING_ASIDE, shard_bytes=20_000))
    assert kept.bad_rows == 0
    assert replace(parted, bad_rows=0) == kept


def test_a_bad_row_says_which_rules_it_breaks_and_what_was_no_number():
    frame = (
        made(rows=20, seed=3)
        .iloc[:4]
        .assign(
            id=["cust-0000", "cust-0001", "CUST-9", "cust-0003"],
            plan=["basic", "gigantic", "basic", "basic"],
            age=["18", "17", "old", "99"],
            balance=[1.0, 1.0, 1.0, 1.0],
            since=["2013-01-10"] * 4,
            until=["2013-01-10"] * 4,
        )
    )
    (shard,) = shards_of(frame, SETTING_ASIDE)
    assert pq.read_table(shard.bad).select(["_row", "_reasons"]).to_pylist() == [
        {"_row": 2, "_reasons": "plan: length; plan: enum; age: not_enum; age: range"},
        {"_row": 3, "_reasons": "age: type; id: pattern; id: not_pattern; age was 'old'"},
    ]


@given(rules=st.integers(1, 20), rows=st.integers(1, 50), seed=st.integers(0, 99))
def test_combinations_of_broken_rules_are_those_of_the_rows(rules, rows, seed):
    breaks = np.random.default_rng(seed).random((rules, rows)) < 0.2
    known, which = _combinations(breaks)
    assert (known[which] == breaks.T).all()
    assert len(np.unique(known, axis=0)) == len(known)


def test_a_declared_stand_in_is_a_missing_value_and_no_wrong_type():
    rules = (
        Rule(kind="type", columns=("age",)),
        Rule(kind="missing_values", columns=("age",), values=("unknown", -1)),
        Rule(kind="null_values", columns=("age",)),
    )
    plan = replace(PLAN, rules=rules)
    body = b'age\n18\nunknown\n-1\nold\n""\n'
    batches = read_batches(
        io.BytesIO(body),
        "p.csv",
        len(body),
        plan_shards(io.BytesIO(body), "p.csv", len(body), shard_bytes=99).shards[0],
        plan,
        maximum_bytes=99,
    )
    checker = Checker(plan)
    for batch in batches:
        checker.add(batch)
    wrong, missing, null = checker.finish().counts
    assert wrong.first_rows == (4,)
    assert missing.first_rows == (2, 3, 5)
    assert null.first_rows == (5,)
