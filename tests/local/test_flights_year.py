"""The year of flights, month by month and unattended: bench.flights_year, held to what it must show."""

from collections import Counter

import pytest

from bench import flights_year
from tidegate_cli.narration import Narrator

pytestmark = pytest.mark.slow  # some ten minutes


@pytest.fixture(scope="module")
def months():
    return flights_year.replay(Narrator())


def test_every_month_ends_in_a_verdict_with_its_reason(months):
    assert [each.month for each in months] == list(flights_year.MONTHS)
    assert {each.verdict for each in months} <= {"promoted", "rejected", "quarantined"}
    assert all(each.reason for each in months)


def test_some_candidates_are_promoted_and_some_are_not(months):
    verdicts = Counter(each.verdict for each in months)
    assert verdicts["promoted"] >= 1 and verdicts["rejected"] >= 1


def test_who_was_promoted_scored_better_on_the_newest_week_and_nobody_waited_in_vain(months):
    assert all(each.candidate > each.champion for each in months if each.verdict == "promoted")
    assert sum(each.asked for each in months) > 0
    assert sum(each.failed for each in months) == 0
