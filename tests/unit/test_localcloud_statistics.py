"""Statistics of CloudWatch against values worked by hand."""

import pytest

from localcloud.cloudwatch.distribution import DISTINCT_VALUES, Distribution
from localcloud.cloudwatch.statistics import statistic


def of(*values: float) -> Distribution:
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    return distribution


ONE_TO_TEN = of(*range(1, 11))


@pytest.mark.parametrize(
    "name, value",
    [("SampleCount", 10), ("Average", 5.5), ("Sum", 55), ("Minimum", 1), ("Maximum", 10)],
)
def test_the_five_simple_statistics(name, value):
    assert statistic(name)(ONE_TO_TEN) == value


@pytest.mark.parametrize(
    "name, value",
    [
        ("p0", 1),
        ("p50", 5.5),  # position 4.5 of 0..9: half way between 5 and 6
        ("p90", 9.1),  # position 8.1: a tenth of the way from 9 to 10
        ("p99.9", 9.991),
        ("p100", 10),
    ],
)
def test_percentiles_lie_linearly_between_neighbours(name, value):
    assert statistic(name)(ONE_TO_TEN) == pytest.approx(value)


def test_a_percentile_counts_repeated_values():
    # 3 x 10 and 1 x 50: positions 0..3; p50 = position 1.5 = 10; p90 = position 2.7 = 10 + 0.7 * 40
    distribution = Distribution()
    distribution.add(10.0, 3)
    distribution.add(50.0)
    assert statistic("p50")(distribution) == 10
    assert statistic("p90")(distribution) == pytest.approx(38)


@pytest.mark.parametrize(
    "name, value",
    [
        ("tm90", 5.0),  # without the 10: 45 / 9
        ("TM(10%:90%)", 5.5),  # without 1 and 10: 44 / 8
        ("TM(2:4)", 3.5),  # 2 is exclusive, 4 inclusive: 3 and 4
        ("TM(:4)", 2.5),
        ("TM(8:)", 9.5),
        ("IQM", 5.5),  # 2.5 to 7.5 of ten: half of 3, 4..7, half of 8 = 27.5 / 5
        ("tc80", 8),
        ("TC(2:4)", 2),
        ("ts80", 36),
        ("TS(80%:)", 19),
        ("wm80", 5.2),  # 9 and 10 become 8: 52 / 10
        ("WM(3:8)", 5.5),  # 1 and 2 become 3, 9 and 10 become 8: 55 / 10
        ("PR(:3)", 30),
        ("PR(3:5)", 20),
    ],
)
def test_the_trimmed_family(name, value):
    assert statistic(name)(ONE_TO_TEN) == pytest.approx(value)


@pytest.mark.parametrize("name", ["p101", "q90", "average", "TM(10%:90)", "PR(1%:2%)", "TM(:)", "p-1", ""])
def test_an_unknown_statistic_is_refused(name):
    with pytest.raises(ValueError, match=r"."):
        statistic(name)


def test_a_statistic_set_has_sums_but_no_percentiles():
    distribution = of(11.0)
    distribution.add_statistic_set(10, 55, 1, 10)
    assert statistic("Sum")(distribution) == 66
    assert statistic("Maximum")(distribution) == 11
    assert statistic("p50")(distribution) is None


def test_a_statistic_set_of_equal_values_is_as_good_as_the_values():
    distribution = Distribution()
    distribution.add_statistic_set(4, 20, 5, 5)
    assert statistic("p90")(distribution) == 5


def test_negative_values_have_no_percentile_but_have_a_trimmed_mean():
    distribution = of(-1.0, 1.0)
    assert statistic("p50")(distribution) is None
    assert statistic("tm50")(distribution) == -1


def test_merging_is_the_same_as_adding_everything():
    merged = of(1.0, 2.0)
    merged.merge(of(2.0, 7.0))
    assert merged == of(1.0, 2.0, 2.0, 7.0)


def test_memory_stays_bounded_and_percentiles_stay_close():
    distribution = of(*(1000 + 0.37 * n for n in range(20_000)))  # 1000 to 8399.63
    assert len(distribution.weights) <= DISTINCT_VALUES
    assert distribution.count == 20_000
    assert distribution.maximum == pytest.approx(8399.63)
    assert statistic("p99")(distribution) == pytest.approx(1000 + 0.37 * 0.99 * 19_999, rel=0.005)
