"""A month unattended, on a clock that is moved: bench.month, held to what it must show."""

import pytest

from bench import month, month_script

pytestmark = pytest.mark.slow  # some five minutes of CPU


@pytest.fixture(scope="module")
def told():
    return month.live()


def test_every_day_is_lived_through_and_every_prediction_is_answered(told):
    assert told.days == pytest.approx(month_script.DAYS, abs=0.5)
    assert told.predictions >= 25_000
    assert told.unanswered == 0


def test_every_drop_is_recorded_or_quarantined_with_its_reasons(told):
    # a storm is told like a fault: some days of rain are quarantined beside the broken drop
    assert set(told.drops) == {"recorded", "quarantined"}
    assert sum(told.drops.values()) == month_script.DAYS + 2
    assert len(told.reasons) == told.drops["quarantined"] <= 5
    assert [reason for reason in told.reasons if "`destination`" in reason]
    assert all(told.reasons)


def test_the_drift_is_seen_on_its_days_and_on_no_others(told):
    assert sorted(told.drifted) == list(month_script.DRIFT_DAYS)
    assert all("visib" in columns for columns in told.drifted.values())


def test_a_candidate_is_judged_without_anybody_and_says_why(told):
    first, *later = [each for each in reversed(told.trainings) if each[0] != "skipped"]
    assert first[0] == "registered"  # the first model
    assert later and {outcome for outcome, _ in later} <= {"registered", "rejected"}
    assert all(reasons for _, reasons in later)
    assert told.failed == []


def test_while_the_endpoint_was_away_the_champion_in_the_function_answered(told):
    assert 0 < told.degraded < told.predictions / 20


def test_what_rang_is_quiet_at_the_end(told):
    assert {"flights-month-model-monitor-drift", "flights-month-predictions-degraded"} <= set(told.recovered)


def test_outcomes_are_told_however_late(told):
    assert told.outcomes >= month_script.DAYS * 60
