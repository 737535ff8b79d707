"""Where figures usually lie; the rates that the intervals keep, simulated as reference figures were."""

import numpy as np
import pytest
from scipy import stats
from simulated import tell

from tidegate.ingestion.usual import usual, weekday

DAYS = [day % 7 for day in range(400)]
WEEK = np.array([0, 0.2, 0.3, 0.3, 0.2, -0.6, -0.8])


def test_the_interval_is_the_one_worked_by_hand():
    # Median 10; deviations -2 -1 0 1 2: MAD 1; 1.4826 (1 + 2/5) = 2.07564 exceeds the sd, 1.58.
    found = usual([8.0, 9.0, 10.0, 11.0, 12.0])
    scale = 1.4826 * 1.4 * np.sqrt(1.2)
    assert (found.middle, found.degrees, found.weekday) == (10.0, 4, None)
    assert found.scale == pytest.approx(scale)
    assert found.p_value(16.0) == pytest.approx(2 * stats.t.sf(6 / scale, 4), rel=1e-9)
    assert found.interval[1] == pytest.approx(10 + scale * stats.t.isf(0.0013, 4), rel=1e-9)


def test_one_mad_drop_among_many_moves_the_interval_little():
    values = np.random.default_rng(1).normal(100, 1, 20).tolist()
    clean, spoilt = usual(values), usual([*values[:-1], 1e6])
    assert abs(spoilt.middle - clean.middle) < 1
    assert spoilt.scale < 1.5 * clean.scale


def test_a_figure_that_never_varied_has_a_floor_and_one_that_is_always_zero_has_none():
    assert usual([50.0] * 8).scale == pytest.approx(0.05 * np.sqrt(1 + 1 / 8))
    assert usual([0.0] * 8).p_value(0.0) == 1.0
    assert usual([0.0] * 8).p_value(0.1) == 0.0


def test_weekdays_are_read_from_the_time_of_arrival():
    assert weekday("2026-11-27T02:18:11Z") == 4  # a Friday
    assert weekday("") is None
    assert weekday("yesterday") is None


def weekly(seasons, seed=1, season=1.0):
    noise = np.random.default_rng(seed).normal(0, 0.05, 7 * seasons)
    return (1 + season * np.tile(WEEK, seasons) + noise).tolist()


def test_a_sunday_is_compared_with_sundays_when_the_week_explains_enough():
    values, days = weekly(6), DAYS[:42]
    sunday = usual(values, days, 6)
    assert sunday.weekday == 6 and sunday.degrees == 35
    assert sunday.middle == pytest.approx(0.2, abs=0.05)
    assert sunday.p_value(1.0) < 1e-6 < usual(values).p_value(1.0)


@pytest.mark.parametrize(
    "values, days, today",
    [
        (weekly(6, season=0), DAYS[:42], 6),  # the week explains nothing
        (weekly(3), DAYS[:21], 6),  # too short
        (weekly(6), DAYS[:42], None),  # when this drop arrived is unknown
        (weekly(6), [None, *DAYS[1:42]], 6),  # when another did
        (weekly(6), [day % 5 for day in range(42)], 1),  # no drops at weekends
    ],
    ids=["no season", "three weeks", "unknown today", "unknown past", "working days"],
)
def test_without_a_season_all_drops_are_alike(values, days, today):
    assert usual(values, days, today).weekday is None


def series(rng, drops, *, season=0.0, trend=0.0):
    """One metric, as reference figures were simulated: sd 0.05, 2 percent outliers of 0.5 to 1."""
    values = 1 + season * np.resize(WEEK, drops) + trend * np.arange(drops) + rng.normal(0, 0.05, drops)
    is_outlier = rng.random(drops) < 0.02
    sign = np.where(rng.random(drops) < 0.5, -1, 1)
    return values + is_outlier * sign * rng.uniform(0.5, 1, drops), is_outlier


def rates(history, *, season=0.0, use_season=False, repetitions=60, drops=120):
    """Shares of ordinary drops that alarm, and of the same drops raised by 40 percent that do."""
    rng = np.random.default_rng(17)
    alarms = caught = judged = 0
    for _ in range(repetitions):
        values, is_outlier = series(rng, drops, season=season)
        for now in np.flatnonzero(~is_outlier[history:]) + history:
            days = DAYS[now - history : now] if use_season else ()
            prediction = usual(values[now - history : now].tolist(), days, DAYS[now] if use_season else None)
            alarms += prediction.p_value(values[now]) < 0.0026
            caught += prediction.p_value(values[now] + 0.4) < 0.0026
            judged += 1
    return alarms / judged, caught / judged, judged


@pytest.mark.parametrize("history", [8, 14, 28])
def test_of_one_figure_false_alarms_are_rare_and_40_percent_is_seen(history, capsys):
    false, power, drops = rates(history)
    tell(
        capsys, f"one figure, {history} drops before: {false:.2%} of {drops} alarm, {power:.1%} of them +40%"
    )
    assert false <= 0.015
    assert power >= (0.95 if history >= 14 else 0.6)


@pytest.mark.parametrize("season", [0.0, 0.15], ids=["level", "weekly"])
@pytest.mark.parametrize("history", [28, 42, 56, 84])
def test_with_the_weekly_season_too(history, season, capsys):
    false, power, drops = rates(history, season=season, use_season=True, drops=history + 40)
    told = f"one figure, {history} drops before, weekly season {season}: "
    tell(capsys, f"{told}{false:.2%} of {drops} alarm, {power:.1%} of them +40%")
    assert false <= 0.015
    assert power >= 0.9
