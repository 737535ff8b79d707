"""The metric store: what is kept, for how long, and on which grid it is read."""

from localcloud.cloudwatch.distribution import Distribution
from localcloud.cloudwatch.store import FINE_SECONDS, KEPT_SECONDS, Datum, Metric, MetricStore

NOON = 1_700_006_400  # 2023-11-15T00:00:00Z, a multiple of a day
LATENCY = Metric.of("Shop", "Latency", {"Route": "/buy"})


def put(store, value, *, at, metric=LATENCY, unit="None", resolution=60, now=None):
    sample = Distribution()
    sample.add(value)
    datum = Datum(metric=metric, sample=sample, unit=unit, when=at, resolution=resolution)
    store.record(datum, now or at)


def sums(store, *, start, end, period, metric=LATENCY, unit="None"):
    found = store.read(metric, unit, start=start, end=end, period=period)
    return {when - NOON: distribution.total for when, distribution in found.items()}


def test_periods_group_minutes():
    store = MetricStore()
    for minute in range(10):
        put(store, 1.0, at=NOON + minute * 60 + 30)
    assert sums(store, start=NOON, end=NOON + 600, period=300) == {0: 5, 300: 5}


def test_a_window_may_start_at_any_minute():
    store = MetricStore()
    for minute in range(10):
        put(store, 1.0, at=NOON + minute * 60)
    assert sums(store, start=NOON + 120, end=NOON + 420, period=300) == {120: 5}


def test_only_the_same_dimensions_are_the_same_metric():
    store = MetricStore()
    put(store, 1.0, at=NOON)
    for other in ({}, {"Route": "/sell"}, {"Route": "/buy", "Zone": "a"}):
        assert (
            sums(store, start=NOON, end=NOON + 60, period=60, metric=Metric.of("Shop", "Latency", other))
            == {}
        )


def test_the_order_of_dimensions_does_not_matter():
    assert Metric.of("N", "m", {"a": "1", "b": "2"}) == Metric.of("N", "m", {"b": "2", "a": "1"})


def test_units_are_kept_apart():
    store = MetricStore()
    put(store, 60.0, at=NOON, unit="Seconds")
    put(store, 60_000.0, at=NOON, unit="Milliseconds")
    assert store.units(LATENCY) == ["Milliseconds", "Seconds"]
    assert sums(store, start=NOON, end=NOON + 60, period=60, unit="Seconds") == {0: 60}


def test_high_resolution_is_read_by_the_second_and_rolled_up_by_the_minute():
    store = MetricStore()
    put(store, 1.0, at=NOON + 1, resolution=1)
    put(store, 2.0, at=NOON + 11, resolution=1)
    assert sums(store, start=NOON, end=NOON + 60, period=10) == {0: 1, 10: 2}
    assert sums(store, start=NOON, end=NOON + 60, period=60) == {0: 3}


def test_standard_resolution_lies_at_the_start_of_its_minute():
    store = MetricStore()
    put(store, 5.0, at=NOON + 45)
    assert sums(store, start=NOON, end=NOON + 60, period=30) == {0: 5}


def test_seconds_last_three_hours_and_minutes_fifteen_days():
    store = MetricStore()
    put(store, 1.0, at=NOON + 5, resolution=1)
    later = NOON + FINE_SECONDS + 60
    put(store, 1.0, at=later)
    assert sums(store, start=NOON, end=NOON + 60, period=10) == {}
    assert sums(store, start=NOON, end=NOON + 60, period=60) == {0: 1}
    put(store, 1.0, at=NOON + KEPT_SECONDS + 60)
    assert sums(store, start=NOON, end=NOON + 60, period=60) == {}


def test_a_metric_without_data_is_forgotten():
    store = MetricStore()
    put(store, 1.0, at=NOON)
    put(store, 1.0, at=NOON + KEPT_SECONDS + 60, metric=Metric.of("Shop", "Other", {}))
    assert [metric.name for metric in store.metrics()] == ["Other"]


def test_what_is_too_old_is_not_taken():
    store = MetricStore()
    put(store, 1.0, at=NOON, now=NOON + KEPT_SECONDS)
    assert store.metrics() == {}


def test_memory_stays_bounded_while_time_goes_on():
    store = MetricStore()
    for minute in range(6 * 60):
        sample = Distribution()
        for n in range(500):
            sample.add(1000 + minute + n / 7)
        store.record(Datum(metric=LATENCY, sample=sample, when=NOON + 60 * minute), NOON + 60 * minute)
    series = store._series[LATENCY]["None"]
    assert len(series.seconds) <= FINE_SECONDS / 60
    oldest = series.minutes[NOON]
    assert oldest.count == 500
    assert len(oldest.weights) <= 3  # 1000 to 1071 in two digits: 1000 and 1100


def test_readers_do_not_share_the_store_s_numbers():
    store = MetricStore()
    put(store, 1.0, at=NOON)
    store.read(LATENCY, "None", start=NOON, end=NOON + 60, period=60)[NOON].add(99.0)
    assert sums(store, start=NOON, end=NOON + 60, period=60) == {0: 1}
