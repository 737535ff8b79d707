"""What is measured of values of every type, worked by hand or by pandas."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from profiled import merged, profiled

from tidegate.profile import ProfileBuilder
from tidegate.profile.distinct import hash_text

MIDNIGHT = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in microseconds


def test_counts_and_moments_match_values_worked_by_hand():
    column = profiled(pa.array([2.0, None, 4.0, float("nan"), 4.0, float("inf"), 6.0, float("-inf")]))
    assert (column.rows, column.nulls, column.nan, column.infinite, column.count) == (8, 1, 1, 2, 4)
    assert (column.minimum, column.maximum, column.mean) == (2, 6, 4)
    assert column.standard_deviation == pytest.approx(2**0.5)  # deviations 2, 0, 0, 2: variance 8 / 4
    assert column.counts == {2.0: 1, 4.0: 2, 6.0: 1}
    ranks = column.ranks
    assert ranks.values.tolist() == [2.0, 4.0, 4.0, 6.0]  # noqa: PD011  # not a data frame's


@pytest.mark.parametrize(
    ("values", "kind", "bounds"),
    [
        (pa.array([True, None, False, True]), "number", (0, 1)),
        (pa.array([2**62 + 1, -(2**62) - 1, None]), "number", (-(2**62) - 1, 2**62 + 1)),
        (pa.array([2**64 - 1, 2**53 + 1], pa.uint64()), "number", (2**53 + 1, 2**64 - 1)),
        (pa.array([-128, 127], pa.int8()), "number", (-128, 127)),
        (pa.array([1.5, 0.1], pa.float32()), "number", (float(np.float32(0.1)), 1.5)),
        (pa.array(np.array([1.5, 2], np.float16)), "number", (1.5, 2)),
        (pa.array([0, 86_400], pa.timestamp("s", "UTC")), "number", (0, 86_400_000_000)),
        (pa.array([1_999, -1], pa.timestamp("ns")), "number", (0, 1)),
        (pa.array([1, 3], pa.date32()), "number", (1, 3)),
        (pa.array([dt.date(1970, 1, 2)], pa.date64()), "number", (1, 1)),
        (pa.array([1, 90_000], pa.time32("ms")), "number", (1_000, 90_000_000)),
        (pa.array([7], pa.duration("s")), "number", (7_000_000, 7_000_000)),
        (pa.array([5, 3, 5]).dictionary_encode(), "number", (3, 5)),
        (pa.array(["a", "b"]).dictionary_encode(), "text", (None, None)),
        (pa.array([[1], [2]]), "other", (None, None)),
        (pa.nulls(3), "other", (None, None)),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_is_counted_and_ordered_ones_are_bounded(values, kind, bounds):
    column = profiled(values)
    assert (column.kind, column.rows, column.nulls) == (kind, len(values), values.null_count)
    assert (column.minimum, column.maximum) == bounds


def test_a_zone_changes_what_a_time_is_called_not_which_instant_it_is():
    instant = dt.datetime(2026, 1, 1, 5, 30, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
    column = profiled(pa.array([instant], pa.timestamp("ms", "Asia/Kolkata")))
    assert (column.minimum, column.type) == (MIDNIGHT, "timestamp[ms, tz=Asia/Kolkata]")


@pytest.mark.parametrize("precision", [18, 38])
def test_bounds_of_decimals_are_exact_where_floats_are_not(precision):
    texts = ["9007199254740993.01", "-9007199254740993.01", None]
    column = profiled(pa.array(texts).cast(pa.decimal128(precision, 2)))
    assert column.minimum == Decimal("-9007199254740993.01")
    assert column.maximum == Decimal("9007199254740993.01")
    assert float(column.maximum) != column.maximum


def test_zero_is_one_value_whatever_its_sign():
    column = profiled([0.0, -0.0, -0.0])
    assert column.counts == {0.0: 3}
    assert str(column.minimum) == "0.0"
    assert [str(value) for value in column.counts] == ["0.0"]


def test_texts_are_as_long_as_their_characters():
    column = profiled(["", "abc", None, "äöü€", "abc"])
    assert (column.min_length, column.max_length, column.total_length) == (0, 4, 10)
    assert column.mean_length == 2.5  # of the four that are there
    assert merged([["abc"], pa.array([None], pa.string()), ["", "äöü€"]]).total_length == 7
    assert profiled(pa.array([None], pa.string())).min_length is None


@pytest.mark.parametrize("make", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_text_is_text_in_every_layout(make):
    plain = [None, "a", "bb", "a" * 30, "ä"] * 3
    column = profiled(pa.array(plain, make))
    assert column.counts == {"a": 3, "bb": 3, "a" * 30: 3, "ä": 3}
    assert column.registers.tolist() == profiled(pa.array(plain).dictionary_encode()).registers.tolist()
    assert (column.nulls, column.min_length, column.max_length, column.total_length) == (3, 1, 30, 102)


def test_dictionaries_may_change_share_entries_repeat_them_and_hold_nulls():
    first = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1]), pa.array(["a", "b", "unused"]))
    second = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), pa.array(["b", "b", "c"]))
    third = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([None, "a"]))
    column = merged([first, second, third])
    assert (column.rows, column.nulls) == (9, 2)
    assert column.counts == {"a": 2, "b": 4, "c": 1}


def test_a_dictionary_that_repeats_its_entries_has_no_more_values_for_it():
    repeated = pa.DictionaryArray.from_arrays(pa.array(range(1500)), pa.array(["x", "y", "z"] * 500))
    assert profiled(repeated).counts == {"x": 500, "y": 500, "z": 500}


@pytest.mark.parametrize(
    ("values", "lengths"),
    [
        (pa.array([[1, 2], None, [], [3]]), (0, 2, 3)),
        (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), (2, 2, 4)),
        (pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())), (0, 1, 1)),
        (pa.array([b"abc", None, b""]), (0, 3, 3)),
        (pa.array([b"ab", None], pa.binary(2)), (2, 2, 2)),
        (pa.array([{"a": 1}, None]), (None, None, 0)),
    ],
    ids=["list", "fixed list", "map", "binary", "fixed binary", "struct"],
)
def test_nested_and_binary_columns_are_counted_measured_and_typed(values, lengths):
    column = profiled(values)
    assert (column.kind, column.rows, column.nulls) == ("other", len(values), 1)
    assert (column.min_length, column.max_length, column.total_length) == lengths
    assert column.type == str(values.type)
    sliced = profiled(values.slice(1))
    assert (sliced.rows, sliced.nulls) == (len(values) - 1, 1)


def test_sums_beyond_a_float_end_in_infinity_and_not_in_an_error():
    column = profiled([1.7e308, 1.7e308, -1.7e308] * 400 + [1e308 - number * 1e300 for number in range(1100)])
    assert np.isfinite(column.mean)
    assert column.m2 == np.inf


@pytest.mark.parametrize("null_share", [0, 0.1])
def test_figures_are_those_of_pandas_on_many_rows(null_share):
    rng = np.random.default_rng(3)
    rows = 40_000
    mask = rng.random(rows) < null_share
    frame = {
        "normal": rng.normal(5, 3, rows),
        "integer": rng.integers(-(10**12), 10**12, rows),
        "near": rng.integers(100, 9000, rows).astype(np.int32),
        "few": rng.integers(0, 9, rows).astype(np.uint8),
        "single": rng.normal(size=rows).astype(np.float32),
    }
    for name, values in frame.items():
        column = profiled(pa.array(values, mask=mask).slice(3), rows_per_batch=7000)
        series = pd.Series(values)[~mask].astype(float)
        series = series[series.index >= 3]
        assert column.nulls == mask[3:].sum(), name
        assert column.count == len(series)
        assert column.mean == pytest.approx(series.mean(), rel=1e-9)
        assert column.standard_deviation == pytest.approx(series.std(ddof=0), rel=1e-9)
        assert (float(column.minimum), float(column.maximum)) == (series.min(), series.max())
        if column.counts is not None:
            assert column.counts == series.value_counts().to_dict()
    assert profiled(frame["few"]).counts is not None


@pytest.mark.parametrize("kinds", [[True, False, None], [True, None], [None]], ids=["both", "true", "none"])
def test_flags_whose_order_is_kept_no_longer_are_counted_exactly(kinds):
    column = profiled(pa.array([True, False] * 1500 + kinds * 2000, pa.bool_()), rows_per_batch=3000)
    true, false = (1500 + 2000 * (flag in kinds) for flag in (True, False))
    assert column.counts == {1: true, 0: false} and column.nulls == 2000
    assert (column.minimum, column.maximum) == (0, 1)
    assert column.mean == pytest.approx(true / (true + false), rel=1e-12)


@pytest.mark.parametrize("entries", [8, 9], ids=["looked for one by one", "in bins"])
def test_a_dictionary_counts_its_entries_and_no_nulls(entries):
    words = [f"w{place}" for place in range(entries)]
    values = [word for place, word in enumerate(words) for _ in range(place)] + [None] * 5
    codes = pa.array([None if word is None else words.index(word) for word in values], pa.int32())
    dictionary = pa.DictionaryArray.from_arrays(codes, pa.array(words))
    column = profiled(dictionary)
    assert column.counts == {word: place for place, word in enumerate(words) if place}
    assert column.nulls == 5


def test_texts_that_were_hashed_already_give_the_same_profile():
    texts = pa.array([f"{number:x}" for number in range(20_000)])
    batch = pa.record_batch({"n": pa.array(range(20_000)), "id": texts})
    plain, shared = ProfileBuilder(batch.schema), ProfileBuilder(batch.schema)
    for part in (batch[:9000], batch[9000:]):
        plain.add(part)
        shared.add(part, {1: hash_text(part.column(1))})
    assert shared.finish().to_table().equals(plain.finish().to_table())
