"""Verdicts against those that another validator's own tests expect of it.

A case agrees when the verdict is the same and, where rows are named, these are. Every case that does not
agree, and every kind of case that does not apply, is written down below with its reason, so that a change of
either is noticed.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from data_rules import EXPECTATIONS, Data

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[2] / "../shared/cases")).resolve()
FOLDER = CASES / "data-rules"
LEAST_AGREEMENT = 0.95
LEAST_WITH_FILTERS = 0.92  # where those of filtered rows count as failures too

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)

POPULATION = "they divide by n - 1, we by n, as SageMaker's statistics do"
OF_ALL_ROWS = "`mostly` is of the rows that have a value, a percentage of ODCS is of all rows"
NOT_COMPARED = "a missing value differs from any other there, here such a row is not compared"
BOTH_MISSING = "both_values_are_missing_set_by_default"
DISAGREE = {
    ("column_stdev_to_be_between", "positive_test__exact_min_and_max"): POPULATION,
    (
        "column_stdev_to_be_between",
        "positive_test_missing_value_in_column_complete_result_format",
    ): POPULATION,
    (
        "column_values_to_be_between",
        "negative_test_to_verify_that_the_denominator_for_mostly_works_with_missing_values",
    ): OF_ALL_ROWS,
    (
        "column_values_to_be_between_tz_naive",
        "negative_test_to_verify_that_the_denominator_for_mostly_works_with_missing_values",
    ): OF_ALL_ROWS,
    (
        "column_values_to_be_unique",
        "negative_case_using_mostly",
    ): "they count every row of a repeated key, we those after the first",
    (
        "column_pair_values_to_be_equal",
        f"a_negative_example_with_mismatched_null_values_and_ignore_row_if__{BOTH_MISSING}",
    ): NOT_COMPARED,
    ("column_pair_values_to_be_in_set", "negative_test_with_nulls"): NOT_COMPARED,
}

DISTRIBUTION = "tests the distribution or the dependence of columns: here drift and anomalies do"
TEXT_FORMAT = "parses texts in another language (JSON, JSON Schema, strftime, dateutil)"
ORDER = "compares a row with those around it or with the whole column: no row can be judged as it streams by"
OTHER_DOMAIN = {
    "column_kl_divergence_to_be_less_than": (22, DISTRIBUTION),
    "column_parameterized_distribution_ks_test_p_value_to_be_greater_than": (9, DISTRIBUTION),
    "column_bootstrapped_ks_test_p_value_to_be_greater_than": (9, DISTRIBUTION),
    "column_chisquare_test_p_value_to_be_greater_than": (5, DISTRIBUTION),
    "column_pair_cramers_phi_value_to_be_less_than": (4, DISTRIBUTION),
    "column_values_to_be_json_parseable": (3, TEXT_FORMAT),
    "column_values_to_match_json_schema": (2, TEXT_FORMAT),
    "column_values_to_match_strftime_format": (3, TEXT_FORMAT),
    "column_values_to_be_dateutil_parseable": (1, TEXT_FORMAT),
    "column_value_z_scores_to_be_less_than": (1, ORDER),
    "column_values_to_be_increasing": (1, ORDER),
    "column_values_to_be_decreasing": (1, ORDER),
}
REFUSAL = "expects arguments to be refused: a contract is refused where it is compiled, before there is data"
FILTER = "looks at the rows that a text in pandas' query language selects"
CLASS = "names a class of pandas or numpy that is no type of data"
NOT_FOR_FRAMES = "is not run on data frames by the source either"
OTHERWISE = {REFUSAL: 21, FILTER: 6, CLASS: 3, NOT_FOR_FRAMES: 58}
CLASSES = ("object_", "DatetimeTZDtypeType", "datetime64")


def cases():
    """Every test of every file: its name, expectation, data and the test itself."""
    for path in sorted(FOLDER.rglob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        for dataset in case["datasets"]:
            schema = dataset.get("pandas_schema") or {}
            moments = frozenset(n for n, kind in schema.items() if kind.startswith(("datetime", "timestamp")))
            data = Data(values=dataset["data"], moments=moments)
            for test in dataset["tests"]:
                name = (path.stem.removeprefix("expect_"), test["title"])
                yield name, case["expectation_type"].removeprefix("expect_"), data, test


def why_not(expectation, test):
    """The reason why a case does not apply; None for those that do."""
    if not test["pandas"]:
        return NOT_FOR_FRAMES
    if expectation in OTHER_DOMAIN:
        return OTHER_DOMAIN[expectation][1]
    if "error" in test or "traceback_substring" in test["out"]:
        return REFUSAL
    if "row_condition" in test["in"]:
        return FILTER
    return CLASS if test["in"].get("type_") in CLASSES else None


def expected_rows(expectation, out):
    """0-based rows that the source names; of repeated keys those after the first, as a rule here counts."""
    named = out.get("unexpected_index_list")
    if named is None or not expectation.endswith("to_be_unique"):
        return None if named is None else [row["pk_index"] for row in named]
    seen, later = set(), []
    for row in named:
        key = tuple(sorted((name, value) for name, value in row.items() if name != "pk_index"))
        later += [row["pk_index"]] if key in seen else []
        seen.add(key)
    return later


@pytest.fixture(scope="module")
def results():
    """Names of the cases that agree and of those that do not, and how many do not apply for what reason."""
    agree, disagree, aside = [], [], Counter()
    for name, expectation, data, test in cases():
        if reason := why_not(expectation, test):
            aside[expectation if expectation in OTHER_DOMAIN and test["pandas"] else reason] += 1
            continue
        found = EXPECTATIONS[expectation](data, test["in"])
        rows = expected_rows(expectation, test["out"])
        same = found.holds == test["out"]["success"] and rows in (None, found.rows)
        (agree if same else disagree).append(name)
    return agree, disagree, aside


def shares(results):
    """Of the cases that apply, those that agree; the same with those of filtered rows as failures."""
    agree, disagree, aside = results
    applying = len(agree) + len(disagree)
    return tuple(len(agree) / (applying + more) for more in (0, aside[FILTER]))


def told(results):
    agree, disagree, aside = results
    share, with_filters = shares(results)
    yield f"{len(agree)} of {len(agree) + len(disagree)} data rules agree ({share:.1%})"
    yield f"({with_filters:.1%} with those of filtered rows as failures)"
    yield from (f"  disagrees: {' '.join(name)}: {DISAGREE.get(name)}" for name in disagree)
    for what, count in sorted(aside.items()):
        yield f"  {count} do not apply: {what}" + (
            f": {OTHER_DOMAIN[what][1]}" if what in OTHER_DOMAIN else ""
        )


def test_verdicts_agree_with_the_source_where_a_rule_can_say_the_same(results):
    print("", *told(results), sep="\n")  # noqa: T201  # what agrees is a figure to be seen
    _, disagree, _ = results
    share, with_filters = shares(results)
    assert sorted(disagree) == sorted(DISAGREE)
    assert share >= LEAST_AGREEMENT
    assert with_filters >= LEAST_WITH_FILTERS


def test_what_does_not_apply_is_what_is_written_down(results):
    _, _, aside = results
    assert aside == Counter({name: count for name, (count, _) in OTHER_DOMAIN.items()}) + Counter(OTHERWISE)


def test_every_expectation_is_either_mapped_or_of_another_domain():
    known = {expectation for _, expectation, _, test in cases() if test["pandas"]}
    assert known == set(EXPECTATIONS) | set(OTHER_DOMAIN)
    assert not set(EXPECTATIONS) & set(OTHER_DOMAIN)


def test_a_wrong_verdict_would_be_noticed():
    data = Data(values={"x": [1, 2, None]}, moments=frozenset())
    found = EXPECTATIONS["column_values_to_be_between"](data, {"column": "x", "max_value": 1})
    assert (found.holds, found.rows) == (False, [1])
