"""Requests, errors, latency, fallbacks and ages of a span, worked by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.monitoring import operations
from tidegate.monitoring.ages import model_age, oldest, view_age
from tidegate.monitoring.spans import Span

NOON = 1_795_608_000  # 2026-11-25T12:00:00Z
QUARTER = Span(start=NOON, end=NOON + 900)


def test_a_variant_is_counted_over_its_minutes():
    series = {
        "requests": {NOON: 60.0, NOON + 60: 120.0, NOON + 600: 20.0},
        "client_errors": {NOON: 2.0},
        "failures": {NOON: 1.0, NOON + 60: 3.0},
        "unanswered": {NOON + 60: 9.0},  # the container failed more often than SageMaker answered 5xx
        "fallbacks": {NOON: 4.0},
        "cpu": {NOON: 35.0, NOON + 60: 80.0},
    }
    found = operations.variant("variant-a", series, QUARTER)
    assert (found.requests, found.busiest, found.requests_per_second) == (200, 120, 200 / 900)
    assert (found.client_errors, found.errors, found.error_share) == (2, 9, 9 / 200)
    assert (found.fallbacks, found.timeouts) == (4, 0)
    assert (found.cpu_percent, found.memory_percent) == (80.0, None)


def test_what_nobody_measured_is_none_and_not_zero():
    found = operations.variant("variant-b", {}, QUARTER)
    assert (found.requests, found.error_share, found.model_latency, found.cpu_percent) == (
        0,
        None,
        None,
        None,
    )
    assert operations.predictions({}).fallback_share is None
    assert operations.look_ups({}).stale is None


def test_latency_is_that_of_the_usual_request_and_of_the_slowest_period():
    """Two busy minutes of 3 ms outweigh a minute of one slow request."""
    series = {
        "requests": {NOON: 100.0, NOON + 60: 1.0, NOON + 120: 100.0},
        "model_p50": {NOON: 3000.0, NOON + 60: 90000.0, NOON + 120: 4000.0},
        "model_p99": {NOON: 9000.0, NOON + 60: 90000.0, NOON + 120: 8000.0},
    }
    latency = operations.variant("variant-a", series, QUARTER).model_latency
    assert (latency.p50, latency.p99, latency.slowest_at) == (4.0, 90.0, NOON + 60)


def test_requests_by_the_minute_weigh_the_longer_periods_of_percentiles():
    day = Span(start=NOON, end=NOON + 86400)
    assert (day.count_period, day.latency_period) == (60, 3600)
    series = {
        "requests": {NOON: 5.0, NOON + 1800: 6.0, NOON + 3600: 10.0},
        "model_p50": {NOON: 1000.0, NOON + 3600: 2000.0},
        "model_p99": {NOON: 1000.0, NOON + 3600: 2000.0},
    }
    assert operations.variant("variant-a", series, day).model_latency.p50 == 1.0  # 11 of 21 requests


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 9)), min_size=1, max_size=20))
def test_the_weighted_median_is_numpys_of_every_value_as_often_as_it_weighs(pairs):
    values = {60 * i: float(value) for i, (value, _) in enumerate(pairs)}
    weights = {60 * i: float(weight) for i, (_, weight) in enumerate(pairs)}
    repeated = np.repeat([v for v, _ in pairs], [w for _, w in pairs])
    expected = np.quantile(repeated, 0.5, method="inverted_cdf")
    assert operations.weighted_median(values, weights) == expected


def test_fallbacks_are_a_share_of_all_that_was_asked():
    series = {"answered": {NOON: 90.0}, "degraded": {NOON: 9.0}, "failed": {NOON: 10.0}}
    found = operations.predictions(series)
    assert (found.answered, found.failed, found.fallback_share) == (90, 10, 0.09)


@pytest.mark.parametrize(
    ("seconds", "counts", "latency"),
    [(60, 60, 60), (3600, 60, 300), (86400, 60, 3600), (3 * 86400, 300, 21600), (40 * 86400, 3600, 86400)],
)
def test_a_span_is_counted_in_periods_that_one_answer_holds(seconds, counts, latency):
    span = Span(start=NOON, end=NOON + seconds)
    assert (span.count_period, span.latency_period) == (counts, latency)
    assert seconds / counts <= 1440 or counts == 3600


def test_a_span_is_of_whole_minutes_and_at_least_one():
    assert Span.touching(NOON + 59.5, NOON + 60.5) == Span(start=NOON, end=NOON + 120)
    assert Span.touching(NOON + 5, NOON + 5) == Span(start=NOON, end=NOON + 60)


def test_ages_are_of_the_model_and_of_the_view_that_waits_longest():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    model = model_age(
        3, "variant-a", trained=now - timedelta(days=2.5), serving=now - timedelta(days=1), now=now
    )
    assert (model.trained_days, model.serving_days) == (2.5, 1.0)
    views = (
        view_age("a@1", (now - timedelta(hours=2)).isoformat(), NOON, now=now),
        view_age("b@1", (now - timedelta(hours=3)).isoformat(), NOON, now=now),
        view_age("c@1", None, None, now=now),
    )
    assert oldest(views) == 3 * 3600
    assert oldest(views[2:]) is None


def test_a_clock_that_is_ahead_makes_no_age_negative():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert view_age("a@1", (now + timedelta(seconds=3)).isoformat(), NOON, now=now).age_seconds == 0


def test_only_what_is_known_is_published():
    values = operations.metrics(model_age_days=1.0, feature_age_seconds=None, fallback_share=0.0)
    assert list(values) == [("ModelAgeDays", 1.0), ("FallbackShare", 0.0)]
