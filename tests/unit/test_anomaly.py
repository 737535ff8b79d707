import numpy as np
import pyarrow as pa

from tidegate.anomaly import anomalies
from tidegate.profile import profile_batches


def drop(seed, *, rows=1000, mean=50.0, missing=0.02, words=20):
    rng = np.random.default_rng(seed)
    rows += int(rng.normal(0, rows * 0.03))
    values = pa.array(rng.normal(mean, 10, rows), mask=rng.random(rows) < missing)
    text = pa.array([f"w{number}" for number in rng.integers(0, words, rows)])
    return profile_batches(pa.table({"temp": values, "word": text}).to_batches())


def figures(found):
    return {(anomaly.column, anomaly.figure) for anomaly in found}


HISTORY = [drop(seed) for seed in range(1, 11)]


def test_a_drop_like_the_others_has_none():
    assert [figures(anomalies(HISTORY, drop(seed))) for seed in range(20, 40)] == [set()] * 20


def test_fahrenheit_that_became_celsius_is_a_certain_one():
    found = anomalies(HISTORY, drop(20, mean=10.0))
    assert figures(found) == {("temp", "mean")}
    assert found[0].is_certain and found[0].drops == 10
    assert 49 < found[0].usual < 51


def test_half_the_rows_more_missing_values_and_fewer_words_are_each_named():
    assert (None, "rows") in figures(anomalies(HISTORY, drop(20, rows=500)))
    assert ("temp", "missing share") in figures(anomalies(HISTORY, drop(20, missing=0.3)))
    assert ("word", "different values") in figures(anomalies(HISTORY, drop(20, words=5)))


def test_four_drops_are_no_history():
    assert anomalies(HISTORY[:4], drop(20, mean=10.0)) == []


def test_a_figure_that_never_varied_may_change_by_a_trifle():
    same = [drop(1)] * 8
    assert anomalies(same, drop(1, words=20)) == []


def test_false_alarms_stay_rare_and_power_high():
    rng = np.random.default_rng(3)

    def profile(level):
        return profile_batches(pa.table({"x": np.array([level - 1, level, level + 1.0])}).to_batches())

    alarms = caught = 0
    for _ in range(150):
        past = [profile(100 * (1 + rng.normal(0, 0.05))) for _ in range(14)]
        alarms += ("x", "mean") in figures(anomalies(past, profile(100 * (1 + rng.normal(0, 0.05)))))
        caught += ("x", "mean") in figures(anomalies(past, profile(140 * (1 + rng.normal(0, 0.05)))))
    assert alarms <= 3
    assert caught >= 140
