import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiled import empty_batch, merged, profiled

from tidegate.profile import Profile, merge, profile_batches

numbers = st.lists(st.one_of(st.none(), st.floats(allow_infinity=True, width=32)), max_size=200)
words = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b" * 8, "c" * 20]), st.text(max_size=10)))
FACTS = ("rows", "nulls", "nan", "infinite", "minimum", "maximum", "counts")
LENGTHS = ("min_length", "max_length", "total_length")


def assert_same(found, expected):
    assert found.rows == expected.rows
    for name, one in expected.columns.items():
        other = found.columns[name]
        for fact in FACTS + LENGTHS:
            assert getattr(other, fact) == getattr(one, fact), fact
        assert (other.registers == one.registers).all()
        assert sorted(other.ranks.values) == sorted(one.ranks.values)  # few rows: nothing was compacted
        assert other.mean == pytest.approx(one.mean, rel=1e-9, abs=1e-9)
        assert other.m2 == pytest.approx(one.m2, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(numbers=numbers, words=words, cuts=st.lists(st.integers(0, 200), max_size=4), batch=st.integers(1, 50))
def test_merging_any_split_in_any_order_gives_what_one_pass_gives(numbers, words, cuts, batch):
    size = min(len(numbers), len(words))
    table = pa.table({"n": pa.array(numbers[:size], pa.float64()), "t": pa.array(words[:size], pa.string())})
    whole = profile_batches(table.to_batches() or [empty_batch(table)])
    bounds = sorted({0, size, *(min(cut, size) for cut in cuts)})
    parts = [
        profile_batches(table.slice(low, high - low).to_batches(batch) or [empty_batch(table)])
        for low, high in itertools.pairwise(bounds)
    ] or [whole]
    for order in (parts, parts[::-1]):
        assert_same(merge(order), whole)
    in_order = merge(parts).columns["n"].ranks
    assert in_order.values.tolist() == whole.columns["n"].ranks.values.tolist()


@settings(max_examples=20, deadline=None)
@given(
    values=st.integers(20, 3000),
    cuts=st.lists(st.integers(0, 5000), min_size=1, max_size=5),
    batch=st.sampled_from([97, 1024, 5000]),
    seed=st.integers(0, 100),
)
def test_counts_and_registers_are_those_of_one_pass_whichever_path_the_values_took(values, cuts, batch, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, values, 5000)
    table = pa.table(
        {
            "whole": drawn,
            "wide": drawn * 10**12,
            "half": drawn / 2,
            "text": [f"value {number}" for number in drawn],
            "coded": pa.array([f"value {number}" for number in drawn]).dictionary_encode(),
        }
    )
    whole = profile_batches([table.combine_chunks().to_batches()[0]])
    bounds = sorted({0, 5000, *cuts})
    parts = [profile_batches(table.slice(a, b - a).to_batches(batch)) for a, b in itertools.pairwise(bounds)]
    rng.shuffle(parts)
    found = merge(parts)
    for name, expected in whole.columns.items():
        column = found.columns[name]
        assert column.counts == expected.counts
        assert (column.counts is None) == (len(set(drawn.tolist())) > 1000)
        assert column.registers.tolist() == expected.registers.tolist()
        assert (column.minimum, column.maximum) == (expected.minimum, expected.maximum)
        assert column.total_length == expected.total_length
    assert found.columns["text"].registers.tolist() == found.columns["coded"].registers.tolist()


def test_rows_keep_their_order_while_all_are_kept():
    rows = [3.0, 1.0, 2.0, 1.0]
    assert profiled(rows, rows_per_batch=1).ranks.values.tolist() == rows
    assert merged([rows[:1], rows[1:3], rows[3:]]).ranks.values.tolist() == rows
    assert merged([rows[1:], rows[:1]]).ranks.values.tolist() == [1.0, 2.0, 1.0, 3.0]
    assert profiled([2, 1] * 1024).ranks.values.tolist() == [2, 1] * 1024
    beyond = profiled([2, 1] * 1025).ranks  # 2,050 rows: their order is forgotten, nothing else
    assert (beyond.values.tolist(), beyond.weights.tolist()) == ([1, 2], [1025, 1025])


def test_counts_of_single_values_end_at_the_same_place_whatever_the_split():
    values = pa.array(range(1001))
    halves = merged([values[:600], values[600:]])
    assert profiled(values).counts is None
    assert halves.counts is None
    assert halves.distinct == pytest.approx(1001, rel=0.05)
    assert len(profiled(values[:1000]).counts) == 1000


def test_a_profile_survives_parquet_to_the_last_bit():
    table = pa.table(
        {
            "number": pa.array([1.5, None, float("nan")] * 500),
            "tiny": pa.array([0.1 + 0.2, 1e-300, 1e300] * 500),
            "big": pa.array([2**61 + 1, 3, None] * 500),
            "bigger": pa.array([2**64 - 1, 0, 2**63] * 500, pa.uint64()),
            "price": pa.array(["123456789012345678.01", None, "-0.50"] * 500).cast(pa.decimal128(20, 2)),
            "text": pa.array(["ä", None, "17"] * 500),
            "many": pa.array([f"{number % 1400}" for number in range(1500)]),
            "wide": pa.array([float(number) for number in range(1500)]),
            "list": pa.array([[1], [], None] * 500),
            "empty": pa.nulls(1500, pa.float64()),
        }
    )
    before = profile_batches(table.to_batches())
    out = io.BytesIO()
    pq.write_table(before.to_table().replace_schema_metadata(None), out)
    after = Profile.from_table(pq.read_table(pa.BufferReader(out.getvalue())))
    assert after.rows == before.rows == 1500
    for name, one in before.columns.items():
        other = after.columns[name]
        for member in set(vars(one)) - {"ranks", "registers"}:
            assert getattr(other, member) == getattr(one, member), (name, member)
            assert type(getattr(other, member)) is type(getattr(one, member)), (name, member)
        assert other.registers.tolist() == one.registers.tolist()
        assert other.ranks.values.tolist() == one.ranks.values.tolist()
        assert other.ranks.weights.tolist() == one.ranks.weights.tolist()
    assert after.columns["many"].heavy == before.columns["many"].heavy != {}
    assert merge([after, after]).columns["bigger"].maximum == 2**64 - 1


def test_the_rows_of_a_profile_are_of_the_drop_even_where_a_column_is_of_fewer():
    old, new = (
        profile_batches(pa.table(columns).to_batches()) for columns in ({"a": [1]}, {"a": [2], "b": [3]})
    )
    both = Profile.from_table(merge([old, new]).to_table())
    assert both.rows == 2
    assert {name: column.rows for name, column in both.columns.items()} == {"a": 2, "b": 1}


def test_a_stored_profile_answers_sql():
    duckdb = pytest.importorskip("duckdb")
    rows = pa.table({"x": list(range(1, 102)), "t": ["a", "b", "a"] + [None] * 98})
    stored = profile_batches(rows.to_batches()).to_table()
    assert stored.num_rows == 2
    found = duckdb.sql(
        'select p05, p50, minimum_number, maximum_number, mean, "distinct" from stored where "column" = \'x\''
    ).fetchall()
    # The middle of row v of 101 is at (v - 0.5) / 101, so a share of 0.05 lies at 0.05 * 101 + 0.5.
    assert found == [pytest.approx((5.55, 51.0, 1.0, 101.0, 51.0, 101.0))]
    top = "select unnest(top_values, recursive := true) from stored where \"column\" = 't'"
    assert sorted(duckdb.sql(top).fetchall()) == [("a", 2), ("b", 1)]


def test_text_and_numbers_do_not_merge():
    text, number = (profile_batches(pa.table({"x": values}).to_batches()) for values in (["a"], [1]))
    with pytest.raises(ValueError, match="column `x` is number and text"):
        merge([text, number])


def test_no_batches_make_a_profile_without_columns():
    assert profile_batches([]).columns == {}
    assert Profile.from_table(profile_batches([]).to_table()).rows == 0
