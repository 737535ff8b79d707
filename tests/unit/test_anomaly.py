from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from simulated import mixed_rows, profiled, tell

from tidegate.contract.plan import AnomalySettings
from tidegate.ingestion.anomaly import anomalies, expected
from tidegate.ingestion.figures import PastDrop, figures_of


def drop(seed, *, rows=1000, mean=50.0, missing=0.02, words=20, largest=None):
    rng = np.random.default_rng(seed)
    rows += int(rng.normal(0, rows * 0.03))
    values = rng.normal(mean, 10, rows)
    if largest is not None:
        values[7] = largest
    values = pa.array(values, mask=rng.random(rows) < missing)
    text = pa.array([f"w{number}" for number in rng.integers(0, words, rows)])
    return profiled({"temp": values, "word": text})


def past(profiles, arrived=""):
    """Newest first, as given."""
    return [
        PastDrop(drop_id=str(index), arrived_at=arrived, figures=figures_of(profile))
        for index, profile in enumerate(profiles)
    ]


def found(history, profile, **kwargs):
    return anomalies(figures_of(profile), history, profile, **kwargs)


def keys(anomalous):
    return {anomaly.key for anomaly in anomalous}


HISTORY = past([drop(seed) for seed in range(1, 11)])


def test_a_drop_like_the_others_has_none():
    assert [keys(found(HISTORY, drop(seed))) for seed in range(20, 40)] == [set()] * 20


def test_fahrenheit_that_became_celsius_is_a_certain_one():
    anomalous = found(HISTORY, drop(20, mean=10.0))
    assert (
        {("temp", "mean"), ("temp", "p50")}
        <= keys(anomalous)
        <= {("temp", name) for name in ("mean", "p01", "p50", "p99", "minimum", "maximum")}
    )
    mean = next(anomaly for anomaly in anomalous if anomaly.figure == "mean")
    assert mean.is_certain and mean.drops == 10
    assert 49 < mean.usual < 51
    assert anomalous == sorted(anomalous, key=lambda anomaly: anomaly.adjusted_p)


def test_what_is_hardly_farther_than_earlier_drops_went_is_unusual_and_not_certain():
    stormy = past([drop(seed, mean=80.0 if seed == 4 else 50.0) for seed in range(1, 20)])
    named = {anomaly.key: anomaly for anomaly in found(stormy, drop(30, mean=85.0))}
    assert named["temp", "mean"].adjusted_p < 1e-4
    assert not named["temp", "mean"].is_certain
    named = {anomaly.key: anomaly for anomaly in found(stormy, drop(30, mean=150.0))}
    assert named["temp", "mean"].is_certain


def test_half_the_rows_more_missing_values_and_fewer_words_are_each_named():
    assert (None, "rows") in keys(found(HISTORY, drop(20, rows=500)))
    assert ("temp", "missing share") in keys(found(HISTORY, drop(20, missing=0.3)))
    assert ("word", "different values") in keys(found(HISTORY, drop(20, words=5)))


def test_one_wild_row_is_named_and_never_certain():
    anomalous = found(HISTORY, drop(20, largest=9999.0))
    assert ("temp", "maximum") in keys(anomalous)
    assert not next(anomaly for anomaly in anomalous if anomaly.figure == "maximum").is_certain
    assert found(HISTORY, drop(20, largest=91.0)) == []  # 4.1 standard deviations: one drop in fifty has it


def test_missing_values_where_there_never_were_any_are_seen_among_few_rows():
    never = past([drop(seed, rows=300, missing=0.0) for seed in range(1, 9)])
    assert ("temp", "missing share") in keys(found(never, drop(20, rows=300, missing=0.15)))
    assert found(never, drop(20, rows=300, missing=1 / 300)) == []


def test_four_drops_are_no_history():
    assert found(HISTORY[:4], drop(20, mean=10.0)) == []
    assert expected(("temp", "mean"), HISTORY[:4]) is None
    assert expected(("temp", "mean"), HISTORY[:5]).middle == pytest.approx(50, abs=1)


def test_a_figure_that_never_varied_may_change_by_a_trifle():
    same = past([drop(1)] * 8)
    assert found(same, drop(1, words=20)) == []


def test_a_contract_leaves_out_columns_and_figures_and_sets_what_is_large():
    hot = drop(20, mean=60.0)
    assert ("temp", "mean") in keys(found(HISTORY, hot))
    for settings in (
        AnomalySettings(watched=False),
        AnomalySettings(figures=("spread", "missing share")),
        AnomalySettings(minimum_change=0.5),
    ):
        assert found(HISTORY, hot, settings={"temp": settings}) == []


def test_a_new_level_that_a_person_accepted_is_learned_anew():
    shifted = frozenset({("temp", name) for name in ("mean", "p01", "p50", "p99", "minimum", "maximum")})
    hot = past([drop(seed, mean=80.0) for seed in range(40, 46)])
    accepted = [*hot[:-1], replace(hot[-1], shifted=shifted), *HISTORY]
    assert found(accepted, drop(20, mean=80.0)) == []
    assert ("temp", "mean") in keys(found(accepted, drop(20, mean=50.0)))
    learning = [*hot[:3], replace(hot[3], shifted=shifted), *HISTORY]
    assert found(learning, drop(20, mean=50.0)) == []  # four drops of the new level


def test_a_quiet_sunday_is_compared_with_sundays():
    week = (1000, 1300, 1200, 1250, 1100, 400, 300)
    days = [f"2026-10-{day:02d}T06:00:00Z" for day in range(31, 0, -1)]  # the 31st is a Saturday
    history = [
        replace(past([drop(age, rows=week[(5 - age) % 7])])[0], arrived_at=day)
        for age, day in enumerate(days)
    ]
    sunday = drop(99, rows=300)
    assert found(history, sunday, arrived_at="2026-11-01T06:00:00Z") == []
    anomalous = found(history, drop(99, rows=1200), arrived_at="2026-11-01T06:00:00Z")
    [rows] = [anomaly for anomaly in anomalous if anomaly.key == (None, "rows")]
    assert (rows.weekday, rows.drops) == (6, 4)
    assert 270 < rows.usual < 330


def false_alarms(series, rows, *, wander=0.0, first=5, last=14):
    """Share of drops with any anomaly, all drops being made alike, or each with its own levels."""
    rng = np.random.default_rng(5)
    alarms = judged = 0
    for _ in range(series):
        history = []
        for age in range(last + 1):
            columns = mixed_rows(rng, rows)
            for index in range(4 if wander else 0):
                columns[f"normal {index}"] += rng.normal(0, wander)
            profile = profiled(columns)
            figures = figures_of(profile, size_bytes=200 * rows)
            if age >= first:
                alarms += bool(anomalies(figures, history, profile))
                judged += 1
            history.insert(0, PastDrop(drop_id="", arrived_at="", figures=figures))
    return alarms / judged, judged, len(figures)


def test_small_drops_that_are_all_alike_hardly_ever_alarm(capsys):
    rate, drops, figures = false_alarms(15, 300)
    tell(
        capsys,
        f"{rate:.2%} of {drops} drops of 300 rows with {figures} figures and 5 to 14 drops before alarm",
    )
    assert rate <= 0.015


@pytest.mark.slow
@pytest.mark.parametrize("rows, wander", [(100, 0.0), (300, 0.0), (1000, 0.0), (300, 1.0), (3000, 2.0)])
def test_false_alarms_stay_rare_whatever_the_drops_size_and_wander(rows, wander, capsys):
    rate, drops, _ = false_alarms(100, rows, wander=wander, first=8)
    tell(capsys, f"{rate:.2%} of {drops} drops of {rows} rows alarm, means wandering by {wander} of 10")
    assert rate <= 0.015


def test_a_change_of_40_percent_is_seen_at_14_drops_after_all_corrections(capsys):
    rng = np.random.default_rng(3)
    caught = alarms = 0
    for _ in range(60):
        levels = 100 * (1 + rng.normal(0, 0.05, 15))
        *history, now = (
            {"x": rng.normal(level, 10, 400), "y": rng.normal(0, 1, 400)} for level in levels.tolist()
        )
        known = past([profiled(columns) for columns in history])
        alarms += bool(found(known, profiled(now)))
        raised = profiled({**now, "x": now["x"] + 40})
        caught += ("x", "mean") in keys(found(known, raised))
    tell(capsys, f"{caught / 60:.0%} of changes by 40% are seen at 14 drops, {alarms / 60:.1%} without one")
    assert caught >= 57
    assert alarms <= 1
