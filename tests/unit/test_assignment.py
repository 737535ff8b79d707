"""Who is answered by which variant: always the same, in the shares of the weights, anew in each rollout."""

import dataclasses
import hashlib

import pytest
from scipy.stats import binomtest, chi2_contingency

from tidegate.serving.assignment import Split, charged, entity_of, place, variant_of

SPLIT = Split(champion="variant-a", candidate="variant-b", weight=0.05, salt="rollout-1")
ROWS = [{"customer": f"c{i}", "amount": i} for i in range(20_000)]


def assigned(split, rows=ROWS):
    return [variant_of(split, ["customer"], [row], "request-1") for row in rows]


def test_a_place_is_the_first_eight_bytes_of_the_salted_hash():
    digest = hashlib.blake2b(b"rollout-1:c7", digest_size=8).hexdigest()
    assert place("rollout-1", "c7") == int(digest, 16) / 2**64


@pytest.mark.parametrize("weight", [0.01, 0.05, 0.25, 0.5])
def test_the_share_of_entities_is_the_weight(weight):
    hits = assigned(dataclasses.replace(SPLIT, weight=weight)).count("variant-b")
    assert binomtest(hits, len(ROWS), weight).pvalue > 1e-4


def test_an_entity_that_came_to_the_candidate_stays_while_the_weight_rises():
    small, large = (assigned(dataclasses.replace(SPLIT, weight=w)) for w in (0.05, 0.25))
    assert {b for a, b in zip(small, large, strict=True) if a == "variant-b"} == {"variant-b"}


def test_two_rollouts_deal_independently():
    one, other = (assigned(dataclasses.replace(SPLIT, weight=0.5, salt=s)) for s in ("r1", "r2"))
    table = [[0, 0], [0, 0]]
    for a, b in zip(one, other, strict=True):
        table[a == "variant-b"][b == "variant-b"] += 1
    assert chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("weight", [0, 1])
def test_traffic_that_is_not_shared_is_left_to_the_weights(weight):
    assert set(assigned(dataclasses.replace(SPLIT, weight=weight), ROWS[:100])) == {None}
    assert variant_of(None, ["customer"], ROWS[:1], "request-1") is None


@pytest.mark.parametrize(
    ("columns", "row"), [([], ROWS[0]), (["customer"], {"customer": None}), (["customer"], {"amount": 1})]
)
def test_requests_that_name_no_entity_are_dealt_one_by_one_in_the_share_of_the_weight(columns, row):
    found = [variant_of(SPLIT, columns, [row], f"request-{i}") for i in range(20_000)]
    assert set(found) == {"variant-a", "variant-b"}
    assert binomtest(found.count("variant-b"), len(found), SPLIT.weight).pvalue > 1e-4
    assert found[:100] == [variant_of(SPLIT, columns, [row], f"request-{i}") for i in range(100)]


def test_a_batch_has_a_variant_when_all_its_rows_have_the_same():
    rows = dict(zip(assigned(SPLIT), ROWS, strict=True))
    assert variant_of(SPLIT, ["customer"], [rows["variant-b"]] * 3, "request-1") == "variant-b"


def test_a_batch_of_both_variants_is_dealt_as_one_request():
    rows = dict(zip(assigned(SPLIT), ROWS, strict=True))
    both, half = [rows["variant-a"], rows["variant-b"]], dataclasses.replace(SPLIT, weight=0.5)
    mixed = [row for row in ROWS[:50] if {*assigned(half, ROWS[:50])} == {"variant-a", "variant-b"}]
    assert variant_of(SPLIT, ["customer"], both, "r") == variant_of(SPLIT, [], both, "r")
    found = {variant_of(half, ["customer"], mixed, f"request-{i}") for i in range(50)}
    assert found == {"variant-a", "variant-b"}


def test_a_failure_that_nobody_is_named_in_is_laid_to_the_variant_with_all_the_traffic():
    assert charged(dataclasses.replace(SPLIT, weight=1)) == "variant-b"
    assert charged(SPLIT) is None
    assert charged(None) is None


def test_entities_of_several_columns_are_told_apart():
    one, other = {"a": "x,y", "b": "z"}, {"a": "x", "b": "y,z"}
    assert entity_of(["a", "b"], one) != entity_of(["a", "b"], other)
    assert entity_of(["a"], {"a": 1}) != entity_of(["a"], {"a": "1"})
