"""Training and serving get the same bits: 20,000 rows at once from a table, each alone from JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from flight_rows import ROWS, TYPES, feature_set, table

from tidegate.instances import from_json, from_table
from tidegate.transforms import feature_columns

REPOSITORY = Path(__file__).parents[2]
LESS = "X86_V3 X86_V4 AVX512_ICL"  # what numpy 2.4 calls the instructions it may do without
MOST_ULP = 4


@pytest.fixture(scope="module")
def flights():
    return feature_set()


@pytest.fixture(scope="module")
def rows():
    return table()


@pytest.fixture(scope="module")
def whole(flights, rows):
    """As the training job computes them."""
    return feature_columns(flights, from_table(rows, TYPES))


def same_bits(one, other):
    """NaN has many bits, all of them missing."""
    if one.dtype == object:
        return one.tolist() == other.tolist()
    return bool(((one.view(np.uint64) == other.view(np.uint64)) | (np.isnan(one) & np.isnan(other))).all())


def assert_same(whole, parts):
    for name, column in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        assert len(joined) == ROWS and same_bits(joined, column), name


def test_the_rows_have_missing_values_of_every_kind(rows, whole, flights):
    assert all(0 < rows[name].null_count < ROWS / 10 for name in TYPES)
    assert list(whole) == list(flights.features)
    for name, column in whole.items():
        missing = sum(value is None for value in column) if column.dtype == object else np.isnan(column).sum()
        assert 0 < missing < ROWS / 10, name


def test_each_row_alone_gets_the_bits_it_gets_among_all(flights, rows, whole):
    columns = from_table(rows, TYPES)
    parts = [
        feature_columns(flights, {name: column[row : row + 1] for name, column in columns.items()})
        for row in range(ROWS)
    ]
    assert_same(whole, parts)


def test_each_row_as_a_request_gets_the_bits_it_gets_in_the_training_set(flights, rows, whole):
    sent = (
        json.dumps({**row, "scheduled_departure": moment and moment.isoformat()})
        for row, moment in zip(rows.to_pylist(), rows["scheduled_departure"].to_pylist(), strict=True)
    )
    parts = [feature_columns(flights, from_json([json.loads(text)], TYPES)) for text in sent]
    assert_same(whole, parts)


def test_another_processor_is_within_4_ulp(tmp_path):
    """Two processes, one of which leaves out instructions that this processor has."""
    found = set(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))
    if not found & set(LESS.split()):
        pytest.skip(f"numpy dispatches none of {LESS} on this processor")
    computed = []
    for name, less in (("all", {}), ("fewer", {"NPY_DISABLE_CPU_FEATURES": LESS})):
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | less
        file = tmp_path / f"{name}.npy"
        subprocess.run(
            [sys.executable, Path(__file__).with_name("flight_rows.py"), file], env=environment, check=True
        )
        computed.append(np.load(file))
    every, fewer = computed
    assert every.shape[1] == ROWS and np.isfinite(every).sum() > every.size * 0.9
    np.testing.assert_array_equal(np.isnan(every), np.isnan(fewer))
    assert ulps(every, fewer).max() <= MOST_ULP


def ulps(one, other):
    """How many doubles lie between, 0 where both are missing."""
    missing = np.isnan(one) & np.isnan(other)
    ordered = [
        np.where(bits < 0, np.int64(-(2**63)) - bits, bits)
        for bits in (one.view(np.int64), other.view(np.int64))
    ]
    return np.where(missing, 0, np.abs(ordered[0] - ordered[1]))


def test_ulps_are_counted():
    one = np.array([1.0, 1.0, 0.0, np.nan, -1.0])
    other = np.array([1.0, 1.0 + 2**-51, -5e-324, np.nan, -1.0 - 2**-52])
    assert ulps(one, other).tolist() == [0, 2, 1, 0, 1]


def test_the_processors_of_the_test_differ_where_functions_are_approximated(tmp_path):
    """Else the 4 ULP above would be proved of one and the same computation."""
    found = set(np.show_config(mode="dicts")["SIMD Extensions"].get("found", ()))
    if "X86_V4" not in found:
        pytest.skip("numpy's log1p has another form on processors with AVX-512 only")
    script = "import numpy as np; print(np.log1p(np.arange(1, 20001) / 7).tobytes().hex())"
    told = [
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | less, capture_output=True, check=True
        ).stdout
        for less in ({}, {"NPY_DISABLE_CPU_FEATURES": LESS})
    ]
    assert told[0] != told[1]
