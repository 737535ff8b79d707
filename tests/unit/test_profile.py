import io
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.profile import BASELINE_RANKS, DROP_RANKS, Profile, merge, profile_batches
from tidegate.profile.distinct import empty_registers, estimate, fold, hash_numbers, hash_text


def profiled(values, *, rows_per_batch=65_536, **options):
    """The profile of one column."""
    table = pa.table({"x": values})
    return profile_batches(table.to_batches(max_chunksize=rows_per_batch), **options).columns["x"]


def rank_error(column, values, shares):
    """How far the quantiles' true ranks lie from the ranks asked for; ties count as a range."""
    ordered = np.sort(values)
    found = column.quantile(shares)
    low = np.searchsorted(ordered, found, "left") / len(ordered)
    high = np.searchsorted(ordered, found, "right") / len(ordered)
    return float(np.max(np.maximum(0, np.maximum(low - shares, shares - high))))


def test_counts_and_moments_match_values_worked_by_hand():
    column = profiled(pa.array([2.0, None, 4.0, float("nan"), 4.0, float("inf"), 6.0]))
    assert (column.rows, column.nulls, column.nan, column.infinite, column.count) == (7, 1, 1, 1, 4)
    assert (column.minimum, column.maximum, column.mean) == (2, 6, 4)
    assert column.standard_deviation == pytest.approx(2**0.5)  # deviations 2, 0, 0, 2: variance 8 / 4
    assert column.counts == {2.0: 1, 4.0: 2, 6.0: 1}


def test_bounds_of_integers_are_exact_beyond_what_a_float_holds():
    column = profiled(pa.array([2**62 + 1, -(2**62) - 1]))
    assert (column.minimum, column.maximum) == (-(2**62) - 1, 2**62 + 1)


@pytest.mark.parametrize(
    ("values", "kind", "bounds"),
    [
        (pa.array([True, False, True]), "number", (0, 1)),
        (pa.array([0, 86_400], pa.timestamp("s", "UTC")), "number", (0, 86_400_000_000)),
        (pa.array([1, 3], pa.date32()), "number", (1, 3)),
        (pa.array(["1.25", "2.50"]).cast(pa.decimal128(5, 2)), "number", (1.25, 2.5)),
        (pa.array(["a", "b"]).dictionary_encode(), "text", (None, None)),
        (pa.array([[1], [2]]), "other", (None, None)),
    ],
    ids=["boolean", "timestamp", "date", "decimal", "dictionary", "nested"],
)
def test_every_type_is_counted_and_ordered_ones_are_bounded(values, kind, bounds):
    column = profiled(values)
    assert (column.kind, column.rows) == (kind, len(values))
    assert (column.minimum, column.maximum) == bounds


@pytest.mark.parametrize("keep", [DROP_RANKS, BASELINE_RANKS])
@pytest.mark.parametrize(
    "shape",
    ["sorted", "reversed", "normal", "ties", "zipf", "constant"],
)
def test_ranks_keep_their_bound_on_every_shape(shape, keep):
    rng = np.random.default_rng(1)
    n = 60_000
    values = {
        "sorted": np.arange(n, dtype=float),
        "reversed": np.arange(n, 0, -1, dtype=float),
        "normal": rng.normal(size=n),
        "ties": rng.integers(0, 2000, n).astype(float),
        "zipf": rng.zipf(1.5, n).astype(float),
        "constant": np.full(n, 7.0),
    }[shape]
    parts = [
        profile_batches(pa.table({"x": part}).to_batches(4096), ranks=keep) for part in np.split(values, 5)
    ]
    merged = merge(parts, ranks=keep).columns["x"]
    levels = 3  # batch, shard, drop
    assert rank_error(merged, values, np.linspace(0.01, 0.99, 99)) <= levels / (2 * keep) + 1 / n


def test_distinct_values_are_estimated_within_three_standard_errors():
    for n in (2_000, 50_000, 300_000):
        registers = empty_registers()
        fold(registers, hash_numbers(np.arange(n) * 7919))
        assert estimate(registers) == pytest.approx(n, rel=0.05)


def test_negative_zero_is_zero_and_equal_text_has_equal_hashes_wherever_it_lies():
    zero, negative = hash_numbers(np.array([0.0, -0.0]))
    assert zero == negative
    words = ["", "a", "abcdefgh", "abcdefghi", "ä" * 300, "a" * 257]
    alone = [hash_text(pa.array([word]))[0] for word in words]
    together = hash_text(pa.array(["x", *words]).slice(1))
    large = hash_text(pa.array(words, pa.large_string()))
    assert together.tolist() == alone == large.tolist()
    assert len(set(alone)) == len(words)


def test_text_that_ends_in_zero_bytes_is_not_the_text_without_them():
    assert hash_text(pa.array(["a"]))[0] != hash_text(pa.array(["a\0"]))[0]


numbers = st.lists(st.one_of(st.none(), st.floats(allow_infinity=True, width=32)), max_size=200)
words = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b" * 8, "c" * 20]), st.text(max_size=10)))


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


def empty_batch(table):
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def assert_same(merged, whole):
    assert merged.rows == whole.rows
    for name, one in whole.columns.items():
        other = merged.columns[name]
        for fact in ("rows", "nulls", "nan", "infinite", "minimum", "maximum", "counts"):
            assert getattr(other, fact) == getattr(one, fact), fact
        assert (other.registers == one.registers).all()
        assert other.ranks.values.tolist() == one.ranks.values.tolist()  # few rows: nothing was compacted
        assert other.mean == pytest.approx(one.mean, rel=1e-9, abs=1e-9)
        assert other.m2 == pytest.approx(one.m2, rel=1e-6, abs=1e-6)


def test_counts_of_single_values_end_at_the_same_place_whatever_the_split():
    values = pa.array(range(1001))
    halves = [profile_batches(pa.table({"x": part}).to_batches()) for part in (values[:600], values[600:])]
    assert profiled(values).counts is None
    assert merge(halves).columns["x"].counts is None
    assert merge(halves).columns["x"].distinct == pytest.approx(1001, rel=0.05)
    assert len(profiled(values[:1000]).counts) == 1000


def test_a_profile_survives_parquet():
    table = pa.table(
        {
            "number": pa.array([1.5, None, float("nan")] * 500),
            "big": pa.array([2**61 + 1, 3, None] * 500),
            "text": pa.array(["ä", None, ""] * 500),
            "empty": pa.nulls(1500, pa.float64()),
        }
    )
    before = profile_batches(table.to_batches())
    out = io.BytesIO()
    pq.write_table(before.to_table(), out)
    after = Profile.from_table(pq.read_table(pa.BufferReader(out.getvalue())))
    assert_same(after, before)
    assert [column.type for column in after.columns.values()] == ["double", "int64", "string", "double"]


def test_text_and_numbers_do_not_merge():
    text, number = (profile_batches(pa.table({"x": values}).to_batches()) for values in (["a"], [1]))
    with pytest.raises(ValueError, match="column `x` is number and text"):
        merge([text, number])


def test_profiles_with_different_columns_merge_column_by_column():
    old, new = (
        profile_batches(pa.table(columns).to_batches()) for columns in ({"a": [1]}, {"a": [2], "b": [3]})
    )
    merged = merge([old, new])
    assert {name: column.rows for name, column in merged.columns.items()} == {"a": 2, "b": 1}
