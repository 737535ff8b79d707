import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from simulated import mixed_rows, profiled

from tidegate.ingestion.figure_file import pack_figures, unpack_figures
from tidegate.ingestion.figures import PastDrop, figure, figures_of, shown, since_shift

NAMES = st.sampled_from(["rows", "lag", "missing share", "mean", "p50", "psi recent", "unseen share"])
FLOATS = st.floats(0, 1) | st.integers(0, 10**6).map(float)


def test_figures_of_a_number_are_those_of_its_rows():
    values = np.random.default_rng(1).lognormal(0, 1, 800)
    found = figures_of(profiled({"x": values}))
    shown = {name: item.value for (column, name), item in found.items() if column == "x"}
    assert shown == {
        "missing share": 0.0,
        "different values": 800,
        "distinct share": 1.0,
        "mean": pytest.approx(values.mean()),
        "spread": pytest.approx(values.std()),
        "p01": np.sort(values)[7],  # the 8th of 800 is the first to reach one percent
        "p50": np.sort(values)[399],
        "p99": np.sort(values)[791],
        "minimum": values.min(),
        "maximum": values.max(),
    }
    assert found["x", "mean"].error == pytest.approx(values.std() / np.sqrt(800))
    kurtosis = stats.kurtosis(values, fisher=False)
    assert found["x", "spread"].error == pytest.approx(values.std() * np.sqrt((kurtosis - 1) / 3200))
    assert found["x", "mean"].scale == pytest.approx(max(values.mean(), stats.iqr(values) / 1.349), rel=0.01)


def test_the_error_of_a_mean_and_a_spread_is_what_samples_show():
    rng = np.random.default_rng(2)
    made = [figures_of(profiled({"x": rng.exponential(2, 400)})) for _ in range(300)]
    for name in ("mean", "spread"):
        seen = np.std([found["x", name].value for found in made])
        assert np.median([found["x", name].error for found in made]) == pytest.approx(seen, rel=0.15)


def test_shares_are_tested_as_log_odds_with_half_a_row_added():
    found = figures_of(profiled({"x": pa.array([1.0, None, None, float("nan"), 5.0])}))
    assert found["x", "missing share"].value == 0.6
    assert found["x", "missing share"].tested == pytest.approx(math.log(3.5 / 2.5))


def test_of_times_only_missing_values_count_and_the_lag_of_the_newest_in_logarithms():
    times = pa.array([1, 2, None], pa.timestamp("s", "UTC"))
    found = figures_of(profiled({"at": times, "day": times.cast(pa.date32())}), size_bytes=77, lag_seconds=60)
    assert set(found) == {
        (None, "rows"),
        (None, "bytes"),
        (None, "lag"),
        *((n, "missing share") for n in ("at", "day")),
    }
    assert found[None, "lag"].tested == pytest.approx(math.log(60))
    assert figures_of(profiled({}), lag_seconds=-5)[None, "lag"].tested == 0.0  # from a clock that is ahead


def test_texts_truth_and_nothing_have_the_figures_that_they_can_have():
    columns = {"t": ["a", "bb", "bb"], "b": [True, False, True], "n": pa.array([None] * 3, pa.float64())}
    found = figures_of(profiled(columns))
    of = {name: {key for column, key in found if column == name} for name in columns}
    assert of["n"] == {"missing share"}
    assert of["b"] == {"missing share", "mean", "different values", "distinct share"}
    assert of["t"] >= {"missing share", "different values", "distinct share"}


def test_the_mean_length_of_a_text_has_at_most_the_error_its_bounds_allow():
    column = profiled({"t": ["x"] * 100}).columns["t"]
    lengths = {"min_length": 1, "max_length": 5, "total_length": 200}
    profile = profiled({"t": ["x"] * 100})
    profile.columns["t"] = type(column)(**{**vars(column), **lengths})
    found = figures_of(profile)["t", "mean length"]
    assert (found.value, found.error) == (2.0, pytest.approx(math.sqrt((5 - 2) * (2 - 1) / 100)))


@pytest.mark.parametrize(
    "name, value",
    [("rows", 1234.0), ("lag", 60.0), ("missing share", 0.25), ("mean", -3.5), ("psi recent", 0.2)],
)
def test_what_is_tested_turns_back_into_what_is_shown(name, value):
    assert shown(name, figure(name, value, rows=1e9).tested) == pytest.approx(value, rel=1e-6)
    assert shown(name, 1e6) >= shown(name, -1e6)  # no interval is too wide to be shown


def test_infinite_moments_are_no_figures():
    profile = profiled({"x": [1.0, 2.0]})
    column = profile.columns["x"]
    profile.columns["x"] = type(column)(**{**vars(column), "m2": math.inf})
    assert ("x", "spread") not in figures_of(profile)
    assert ("x", "p50") in figures_of(profile)


def test_figures_of_twenty_columns_fit_three_kilobytes_and_of_two_hundred_thirty():
    rng = np.random.default_rng(4)
    twenty = figures_of(profiled(mixed_rows(rng, 5000)), size_bytes=1_234_567, lag_seconds=3605.2)
    for column in dict.fromkeys(column for column, _ in twenty if column):
        for name in ("psi recent", "psi arn:aws:sagemaker:model-package/churn/17"):
            twenty[column, name] = figure(name, rng.random(), rows=5000)
    assert len(twenty) > 200
    assert len(pack_figures(twenty)) <= 3072
    many = {
        (f"{column} of {repeat}", name): figure(
            name, item.value * rng.uniform(0.5, 1), rows=5000, error=item.error
        )
        for repeat in range(10)
        for (column, name), item in twenty.items()
        if column
    }
    assert len(pack_figures(many)) <= 30 * 1024  # 2,000 figures; a ledger row holds 400 KB


@given(st.dictionaries(st.tuples(st.none() | st.text(max_size=5), NAMES), st.tuples(FLOATS, FLOATS, FLOATS)))
def test_packed_figures_come_back_within_their_digits(numbers):
    rows = 1000.0
    numbers[None, "rows"] = (rows, 0.0, 0.0)
    figures = {
        key: figure(
            key[1], min(value, 1.0) if "share" in key[1] else value, rows=rows, error=error, scale=scale
        )
        for key, (value, error, scale) in numbers.items()
    }
    found = unpack_figures(pack_figures(figures))
    assert found.keys() == figures.keys()
    for key, item in figures.items():
        assert found[key].value == pytest.approx(item.value, rel=1e-5)
        assert found[key].tested == pytest.approx(
            item.tested, rel=1e-4, abs=2e-2 if "share" in key[1] else 1e-4
        )
        assert found[key].error == pytest.approx(item.error, rel=0.06)
        assert found[key].scale == pytest.approx(item.scale, rel=0.006)


@pytest.mark.parametrize(
    "packed", [b"", b"junk", pack_figures({})[:-4], __import__("zlib").compress(b"[2,[],[]]")]
)
def test_what_was_not_packed_here_is_refused(packed):
    with pytest.raises(ValueError, match="figures"):
        unpack_figures(packed)


def test_history_of_a_shifted_figure_starts_where_it_was_accepted():
    key, other = ("x", "mean"), ("x", "p50")
    figures = {key: figure("mean", 1, rows=1), other: figure("p50", 1, rows=1)}
    past = [PastDrop(drop_id=str(n), arrived_at="", figures=figures) for n in range(6)]
    past[2] = PastDrop(drop_id="2", arrived_at="", figures=figures, shifted=frozenset({key}))
    past[4] = PastDrop(drop_id="4", arrived_at="", figures={}, shifted=frozenset({other}))
    assert [drop.drop_id for drop in since_shift(past, key)] == ["0", "1", "2"]
    assert [drop.drop_id for drop in since_shift(past, other)] == ["0", "1", "2", "3"]
