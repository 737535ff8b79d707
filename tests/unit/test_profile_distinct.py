import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.profile.distinct import (
    empty_registers,
    estimate,
    fold_numbers,
    fold_texts,
    hash_numbers,
    hash_text,
)

PATTERNS = {
    "counting": lambda numbers: numbers,
    "times": lambda numbers: 1_767_225_600_000_000 + numbers * 1_000_000,
    "powers of two": lambda numbers: numbers << 32,
    "whole floats": lambda numbers: numbers.astype(float),
    "cents": lambda numbers: numbers / 100,
    "negative": lambda numbers: -numbers,
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("n", [2_000, 20_000, 200_000])
def test_distinct_values_are_estimated_within_their_standard_error(pattern, n):
    errors = []
    for start in range(12):
        registers = empty_registers()
        fold_numbers(registers, PATTERNS[pattern](np.arange(n) + start * n))
        errors.append(estimate(registers) / n - 1)
    # Twelve trials of a standard error of 1.63 percent: the root mean square stays below twice of it.
    assert np.sqrt(np.mean(np.square(errors))) < 2 * 0.0163


def plain_registers(hashes):
    """HyperLogLog as its paper writes it, one value at a time."""
    registers = [0] * 4096
    for value in hashes.tolist():
        rest = f"{value:064b}"[12:]
        rank = (rest.index("1") if "1" in rest else 52) + 1
        registers[value >> 52] = max(registers[value >> 52], rank)
    return registers


def test_sifting_hashes_changes_no_register():
    values = np.random.default_rng(1).normal(size=150_000)
    registers = empty_registers()
    for part in np.split(values, 3):  # from the second on most hashes are sifted out
        fold_numbers(registers, part)
    assert registers.min() >= 2
    assert registers.tolist() == plain_registers(hash_numbers(values))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["a" * 256, "b" * 257, "c\0"])), max_size=30))
def test_a_text_has_one_hash_wherever_it_lies(words):
    alone = [int(hash_text(pa.array([word]))[0]) for word in words]
    among = pa.array(["padding", *words, "more padding"]).slice(1, len(words))
    assert hash_text(among).tolist() == alone
    assert hash_text(pa.array(words, pa.large_string())).tolist() == alone
    assert len(set(alone)) == len(set(words))


def test_texts_of_one_length_hash_as_they_do_among_others():
    ids = [f"cust-{number:09d}" for number in range(20_000)]
    mixed = hash_text(pa.array([*ids, "x"]))
    assert hash_text(pa.array(ids)).tolist() == mixed[:-1].tolist()
    assert len(set(mixed.tolist())) == 20_001


def test_negative_zero_is_zero_and_width_does_not_matter():
    zero, negative = hash_numbers(np.array([0.0, -0.0]))
    assert zero == negative
    assert hash_numbers(np.array([5], np.int8)) == hash_numbers(np.array([5], np.uint64))
    assert hash_numbers(np.array([0.5], np.float32)) == hash_numbers(np.array([0.5]))


def test_text_that_ends_in_zero_bytes_is_not_the_text_without_them():
    assert hash_text(pa.array(["a"]))[0] != hash_text(pa.array(["a\0"]))[0]


def test_no_text_occurs_more_often_than_its_register_was_chosen():
    assert fold_texts(empty_registers(), pa.array(["a"] * 70 + ["b"] * 10)) >= 70
    assert fold_texts(empty_registers(), pa.array([], pa.string())) == 0
