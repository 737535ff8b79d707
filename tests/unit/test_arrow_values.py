"""Arrays made of buffers by hand are those that pyarrow makes."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns.arrow_values import (
    array_of,
    bytes_array,
    flags_of,
    is_valid,
    null_of,
    text_array,
    without_nulls,
)

DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "?"]
FLAGS = st.lists(st.sampled_from([True, False, None]), max_size=40)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_become_the_array_that_pyarrow_makes_of_them(dtype):
    values = np.array([0, 1, 3, 0, 100] * 3).astype(dtype)
    nulls = np.arange(15) % 4 == 1
    assert array_of(values).equals(pa.array(values))
    assert array_of(values, nulls).equals(pa.array(values, mask=nulls))
    assert array_of(values[::2]).equals(pa.array(values[::2].copy()))
    assert array_of(values[:0]).equals(pa.array(values[:0]))


@given(st.lists(st.text(max_size=5) | st.none(), max_size=20))
def test_texts_become_the_array_that_pyarrow_makes_of_them(texts):
    nulls = np.array([text is None for text in texts], bool)
    made = text_array([text or "" for text in texts], nulls)
    made.validate(full=True)
    assert made.equals(pa.array(texts, pa.string()))


def test_bytes_become_the_array_that_pyarrow_makes_of_them():
    values = [b"", b"\xff\0", b"abc"]
    assert bytes_array(values).equals(pa.array(values, pa.binary()))


@given(FLAGS, st.integers(0, 12), st.integers(0, 30))
def test_flags_of_any_slice_are_false_where_they_are_null(flags, start, length):
    mask = pa.array(flags, pa.bool_()).slice(min(start, len(flags)), length)
    assert flags_of(mask).tolist() == [bool(flag) for flag in mask.to_pylist()]
    assert is_valid(mask).tolist() == [flag is not None for flag in mask.to_pylist()]


@given(st.lists(st.integers(-9, 9) | st.none(), max_size=40), st.integers(0, 12), st.integers(0, 30))
def test_numbers_of_any_slice_come_back_without_nulls(numbers, start, length):
    for type_ in (pa.int8(), pa.int64(), pa.float32()):
        values = pa.array(numbers, type_).slice(min(start, len(numbers)), length)
        assert without_nulls(values).tolist() == values.drop_null().to_pylist()


def test_nothing_is_there_in_an_array_of_nulls():
    assert not is_valid(pa.nulls(3)).any()
    assert null_of(pa.string()).as_py() is None


def test_a_drop_is_validated_without_pandas(tmp_path):
    (tmp_path / "drop.csv").write_text("id,amount,seen\na,1.5,2026-01-01\nb,,2026-01-02\n")
    code = """
import sys
from pathlib import Path
from tidegate.columns.arrow_types import arrow_schema
from tidegate.checks import Checker
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.messages.ingestion import Shard
from tidegate.profile import ProfileBuilder
from tidegate.readers import read_batches

path = Path(sys.argv[1])
columns = tuple(Column(name=n, type=t) for n, t in (("id", "string"), ("amount", "number"), ("seen", "date")))
rules = (
    Rule(kind="unique", columns=("id",)),
    Rule(kind="pattern", columns=("id",), pattern="^[a-z]$"),
    Rule(kind="enum", columns=("id",), values=("a", "b")),
    Rule(kind="range", columns=("amount",), minimum=0, maximum=9),
    Rule(kind="required", columns=("amount",)),
)
plan = ContractPlan(id="i", version="1.0.0", dataset="d", hash="h", columns=columns, rules=rules)
checker, profile = Checker(plan), ProfileBuilder(arrow_schema(columns))
size = path.stat().st_size
with path.open("rb") as file:
    shard = Shard(index=0, start=0, stop=size)
    for batch in read_batches(file, path.name, size, shard, plan, maximum_bytes=1 << 30):
        checker.add(batch)
        profile.add(batch.rows)
found = checker.finish()
profile.finish().to_table()
print(found.rows, [count.failed for count in found.counts], "pandas" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "drop.csv")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "2 [0, 0, 0, 0, 1] False"
