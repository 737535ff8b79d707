"""Rows that repeat a key: as pandas finds them, whatever the split, the type and the number of them."""

import io
from decimal import Decimal
from itertools import accumulate, pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks import KeyFile, repeated
from tidegate.checks.key_files import PARTITIONS, RUN_ROWS, KeySpill
from tidegate.checks.keys import hashes_of, read_keys
from tidegate.checks.repeats import EXACT_ROWS
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.profile.distinct import hash_numbers, hash_text

WORD = 2**64
ROWS = 2 * RUN_ROWS + 1000  # of a shard that is spilled in three runs


class Staged:
    """A shard's rows and keys, as ValidateShard leaves them."""

    def __init__(self, table, *, batch_rows=65_536):
        names = table.column_names
        self.names, self.rows_read = names, 0
        plan = ContractPlan(
            id="p", version="1", dataset="p", hash="",
            columns=tuple(Column(name=name, type="string") for name in names),
            rules=(Rule(kind="columns"), Rule(kind="unique", columns=tuple(names))),
        )  # fmt: skip
        spill = KeySpill(plan)
        for batch in table.to_batches(max_chunksize=batch_rows):
            spill.add(batch)
        self.rows, self.keys = io.BytesIO(), io.BytesIO()
        spill.write(self.keys)
        pq.write_table(table, self.rows, row_group_size=1 << 16)
        self.size = table.num_rows

    def fetch(self, rows):
        self.rows_read += len(rows)
        return read_keys(pq.ParquetFile(self.rows), self.names, rows)


def counted(shards):
    return repeated(
        1,
        [KeyFile(shard.keys) for shard in shards],
        rows_before=list(accumulate((shard.size for shard in shards), initial=0))[:-1],
        fetch=lambda shard, rows: shards[shard].fetch(rows),
    )


def later_rows(frame):
    """1-based rows that repeat an earlier one, by pandas; those with a gap are left out."""
    return (np.flatnonzero(frame.duplicated() & frame.notna().all(axis=1)) + 1).tolist()


KEYS = st.lists(
    st.tuples(st.none() | st.sampled_from(["", "a", "b", "a\x1fb"]), st.none() | st.integers(-1, 1)),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(
    keys=KEYS,
    cuts=st.lists(st.integers(0, 60), max_size=4),
    batch_rows=st.integers(1, 20),
    encode=st.booleans(),
)
def test_repeated_rows_are_those_of_pandas_whatever_the_split(keys, cuts, batch_rows, encode):
    frame = pd.DataFrame(keys, columns=["a", "b"])
    table = pa.table(
        {"a": pa.array([a for a, _ in keys], pa.string()), "b": pa.array([b for _, b in keys], pa.int64())}
    )
    bounds = [0, *sorted(min(cut, len(keys)) for cut in cuts), len(keys)]
    shards = []
    for number, (start, stop) in enumerate(pairwise(bounds)):
        part = table.slice(start, stop - start)
        if encode and number % 2:  # one shard may hold dictionaries and the next not
            part = part.set_column(0, "a", part["a"].dictionary_encode())
        shards.append(Staged(part, batch_rows=batch_rows))
    found = counted(shards)
    expected = later_rows(frame)
    assert found.failed == len(expected)
    assert list(found.first_rows) == expected[:20]
    assert found.first_values == tuple(f"{keys[row - 1][0]}, {keys[row - 1][1]}" for row in expected[:20])


@pytest.mark.parametrize(
    "values, type_",
    [
        ([1, 2, None, 1], pa.int64()),
        ([1, 2, None, 1], pa.int32()),
        ([0.0, 1.0, None, -0.0], pa.float64()),
        ([0.5, 1.0, None, 0.5], pa.float32()),
        ([True, False, None, True], pa.bool_()),
        ([Decimal("-1.50"), Decimal("1.50"), None, Decimal("-1.50")], pa.decimal128(10, 2)),
        ([10**30, 10**30 + 1, None, 10**30], pa.decimal128(38, 0)),
        ([1, 2, None, 1], pa.date32()),
        ([1, 2, None, 1], pa.time64("us")),
        ([1, 2, None, 1], pa.timestamp("us", tz="UTC")),
        (["a" * 300, "a" * 299 + "b", None, "a" * 300], pa.string()),
    ],
    ids=str,
)
def test_keys_of_every_type_are_compared(values, type_):
    table = pa.table({"a": pa.array(values, type_)})
    assert counted([Staged(table)]).first_rows == (4,)
    assert counted([Staged(table.slice(0, 2)), Staged(table.slice(2))]).first_rows == (4,)


def test_nan_is_like_no_other():
    assert counted([Staged(pa.table({"a": [float("nan"), float("nan"), 1.0, None]}))]).failed == 0


def test_a_million_rows_in_shards_are_those_of_pandas():
    rng = np.random.default_rng(3)
    values = np.arange(2 * ROWS)
    rng.shuffle(values)
    values[rng.integers(0, 2 * ROWS, 3000)] = values[rng.integers(0, 2 * ROWS, 3000)]
    shards = [Staged(pa.table({"a": part})) for part in np.split(values, 2)]
    expected = later_rows(pd.DataFrame({"a": values}))
    found = counted(shards)
    assert 2900 < found.failed == len(expected) < EXACT_ROWS / 2
    assert list(found.first_rows) == expected[:20]
    assert list(found.first_values) == [str(values[row - 1]) for row in expected[:20]]
    # Only candidates are read again: each repeated row and the one it repeats.
    assert sum(shard.rows_read for shard in shards) <= 2 * found.failed


def test_more_repeats_than_are_compared_are_counted_by_hash():
    values = np.arange(ROWS) % (ROWS - 2 * EXACT_ROWS)
    shards = [Staged(pa.table({"a": part})) for part in np.array_split(values, 3)]
    found = counted(shards)
    first = ROWS - 2 * EXACT_ROWS
    assert found.failed == 2 * EXACT_ROWS
    assert found.first_rows == tuple(range(first + 1, first + 21))
    assert found.first_values == tuple(str(value) for value in range(20))
    assert sum(shard.rows_read for shard in shards) == 20


@pytest.mark.parametrize("keys", [1, 5, 40])
def test_few_keys_in_many_rows_neither_fill_memory_nor_lose_count(keys):
    values = np.arange(ROWS) % keys
    shards = [Staged(pa.table({"a": values})), Staged(pa.table({"a": values}))]
    found = counted(shards)
    assert found.failed == 2 * ROWS - keys
    assert found.first_rows == tuple(range(keys + 1, keys + 21))
    entries = KeyFile(shards[0].keys).sizes(1)
    assert entries.max() <= 3 * 2 * RUN_ROWS // PARTITIONS  # what a partition may keep of each run


def inverse_mix(hashed):
    """The one number that `hash_numbers` turns into `hashed`: splitmix64 without its last step, backwards."""
    hashed = hashed * pow(0x94D049BB133111EB, -1, WORD) % WORD
    hashed = unshift(hashed, 27) * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    number = (unshift(hashed, 30) - 0x9E3779B97F4A7C15) % WORD
    return number - WORD if number >= WORD // 2 else number


def unshift(value, shift):
    result = value
    for _ in range(64 // shift + 1):
        result = value ^ (result >> shift)
    return result


def test_equal_hashes_are_not_taken_for_equal_keys():
    # Of two numbers the hash is mixed from h(a) * m ^ h(b): choose b so that it is the same for another a.
    multiplier = 0x9E3779B97F4A7C15
    h1, h2, other = (int(h) for h in hash_numbers(np.array([1, 2, 3])))
    twin = (3, inverse_mix((other * multiplier ^ h1 * multiplier ^ h2) % WORD))
    keys = [(1, 2), twin, (1, 2), twin, (5, 6)]
    table = pa.table({name: [key[place] for key in keys] for place, name in enumerate("ab")})
    hashes, _ = hashes_of(table.to_batches()[0].columns)
    assert hashes[0] == hashes[1], "the collision must be there for the test to mean anything"
    assert counted([Staged(table.slice(0, 2))]).failed == 0
    found = counted([Staged(table.slice(0, 2)), Staged(table.slice(2))])
    assert (found.failed, found.first_rows) == (2, (3, 4))
    assert found.first_values == ("1, 2", ", ".join(map(str, twin)))


def test_shards_without_rows_are_no_trouble():
    empty = pa.table({"a": pa.array([], pa.int64())})
    full = pa.table({"a": [7, 7]})
    assert counted([Staged(empty)]).failed == 0
    assert counted([Staged(empty), Staged(full), Staged(empty), Staged(full)]).first_rows == (2, 3, 4)


def test_hashes_of_keys_serve_the_profile_where_they_are_those_of_every_text():
    plan = ContractPlan(
        id="p", version="1", dataset="p", hash="",
        columns=tuple(Column(name=name, type="string") for name in ("a", "b", "c", "d")),
        rules=tuple(Rule(kind="unique", columns=names) for names in (("a",), ("b",), ("c",), ("a", "d"))),
    )  # fmt: skip
    texts = pa.array(["x", "yy", "x"])
    gaps, encoded = pa.array(["x", None, "y"]), texts.dictionary_encode()
    spill = KeySpill(plan)
    spill.add(pa.record_batch([texts, gaps, encoded, texts], names=["a", "b", "c", "d"]))
    assert list(spill.text_hashes) == [0]
    assert spill.text_hashes[0].tolist() == hash_text(texts).tolist()
    spill.add(pa.record_batch([gaps, gaps, encoded, texts], names=["a", "b", "c", "d"]))
    assert spill.text_hashes == {}
