"""Rule counts against pandas on injected faults, and their independence of the split."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks import Checker, merge_checks, repeated_rows, with_count
from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.readers import plan_shards, read_batches
from tidegate.uniqueness import KEYS_SCHEMA

COLUMNS = (
    Column(name="id", type="string"),
    Column(name="plan", type="string"),
    Column(name="age", type="integer"),
    Column(name="balance", type="number"),
    Column(name="since", type="date"),
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
    Rule(kind="enum", columns=("plan",), values=("basic", "pro", "team")),
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
    frame["since"] = frame["since"].dt.strftime("%Y-%m-%d")
    for column, value in [
        *(("id", value) for value in ("", "cust-0001", "CUST-0001", "cust-12345")),
        *(("plan", value) for value in ("x", "gigantic", "")),
        *(("age", value) for value in ("", "seventeen", "17", "100", "-1")),
        *(("balance", value) for value in (np.nan, 0.0, -1.0, 0.3)),
        *(("since", value) for value in ("2013-01-09", "2013-02-01", "")),
    ]:
        frame.loc[rng.integers(0, rows, 7), column] = value
    return frame


def checked(frame, *, shard_bytes=1 << 30):
    """Counts of all shards, uniqueness included, by kind and columns."""
    body = frame.to_csv(index=False).encode()
    file = io.BytesIO(body)
    shards, keys, rows_before = [], [], 0
    for shard in plan_shards(file, "p.csv", len(body), shard_bytes=shard_bytes).shards:
        checker = Checker(PLAN)
        for batch in read_batches(file, "p.csv", len(body), shard, PLAN, maximum_bytes=1 << 30):
            checker.add(batch)
        table = checker.keys_table().to_pandas()
        keys.append(table.assign(row=table["row"] + rows_before))
        shards.append(checker.finish())
        rows_before += shards[-1].rows
    merged = merge_checks(shards)
    every_key = pd.concat(keys, ignore_index=True)
    for index, rule in enumerate(RULES):
        if rule.kind == "unique":
            merged = with_count(merged, index, repeated_rows(as_keys(every_key[every_key["rule"] == index])))
    return merged


def as_keys(frame):
    return pa.Table.from_pandas(frame, KEYS_SCHEMA, preserve_index=False)


def by_pandas(frame):
    """The mask of failing rows for each rule that looks at one row."""
    text_age = frame["age"]
    age = pd.to_numeric(text_age, errors="coerce")
    wrong = age.isna() & (text_age != "")
    balance, since = frame["balance"], pd.to_datetime(frame["since"], errors="coerce")
    there = {name: frame[name] != "" for name in ("id", "plan")}
    return {
        ("type", ("age",)): wrong,
        ("required", ("id",)): ~there["id"],
        ("required", ("age",)): text_age == "",
        ("unique", ("id",)): there["id"] & frame["id"].duplicated(),
        ("unique", ("plan", "age")): there["plan"] & age.notna() & frame[["plan", "age"]].duplicated(),
        ("pattern", ("id",)): there["id"] & ~frame["id"].str.fullmatch(r"cust-\d{4}"),
        ("length", ("plan",)): there["plan"] & ~frame["plan"].str.len().between(2, 5),
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
