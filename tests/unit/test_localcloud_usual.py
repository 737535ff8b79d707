"""What is usual at an hour: robust centres and deviations, of as fine hours as the history allows."""

import numpy as np
import pytest
from scipy import stats

from localcloud.cloudwatch.time_series import TimeSeries
from localcloud.cloudwatch.usual import train

MONDAY = 1_767_571_200 + 86400  # 2026-01-06 is a Tuesday; only differences matter
DAY, HOUR, PERIOD = 86400, 3600, 300


def history(value_at, *, days, start=MONDAY):
    times = range(start, start + days * DAY, PERIOD)
    return TimeSeries({t: value_at(t) for t in times}, start, start + days * DAY, PERIOD)


def ends(series, when, deviations=3.0):
    upper, lower = train(series).band([when], deviations)
    return lower.get(when), upper.get(when)


def test_centre_and_deviation_are_the_median_and_scaled_mad_of_scipy():
    rng = np.random.default_rng(3)
    values = rng.normal(100, 20, DAY // PERIOD)
    series = history(lambda t: float(values[(t - MONDAY) // PERIOD]), days=1)
    lower, upper = ends(series, MONDAY + DAY)
    centre, deviation = np.median(values), stats.median_abs_deviation(values, scale="normal")
    assert (lower, upper) == pytest.approx((centre - 3 * deviation, centre + 3 * deviation), rel=1e-4)


def test_from_three_days_on_each_hour_of_the_day_has_its_own():
    series = history(lambda t: 500.0 if t % DAY < 12 * HOUR else 10.0, days=3)
    morning, evening = MONDAY + 3 * DAY, MONDAY + 3 * DAY + 20 * HOUR
    morning -= morning % DAY
    # constant: the least deviation, 5 % of the centre or of the median of all hours, (500 + 10) / 2
    assert ends(series, morning) == pytest.approx((500 - 3 * 25, 500 + 3 * 25))
    assert ends(series, evening - evening % DAY + 20 * HOUR) == pytest.approx(
        (10 - 3 * 12.75, 10 + 3 * 12.75)
    )


def test_two_days_are_one_group_whatever_the_hour():
    series = history(lambda t: 500.0 if t % DAY < 12 * HOUR else 10.0, days=2)
    assert ends(series, MONDAY + 2 * DAY) == ends(series, MONDAY + 2 * DAY + 20 * HOUR)


def test_from_two_weeks_on_a_quiet_sunday_is_usual():
    quiet = lambda t: (t // DAY) % 7 == 2  # noqa: E731
    series = history(lambda t: 0.0 if quiet(t) else 100.0, days=14)
    day = next(MONDAY + (14 + d) * DAY for d in range(7) if quiet(MONDAY + (14 + d) * DAY))
    lower, upper = ends(series, day)
    assert lower <= 0 <= upper < 100
    lower, _ = ends(series, day + DAY)
    assert lower > 0


def test_earlier_anomalies_do_not_widen_the_band():
    spoiled = history(lambda t: 5000.0 if t % DAY == 0 else 100.0, days=14)
    clean = history(lambda t: 100.0, days=14)
    when = MONDAY + 14 * DAY
    when -= when % DAY
    assert ends(spoiled, when) == ends(clean, when)


@pytest.mark.parametrize("hours", [0, 23])
def test_less_than_a_day_is_no_model(hours):
    times = range(MONDAY, MONDAY + hours * HOUR, PERIOD)
    assert train(TimeSeries(dict.fromkeys(times, 1.0), MONDAY, MONDAY + hours * HOUR, PERIOD)) is None
