"""What is drawn: bins against numpy's histogram, paths worked by hand, intervals against scipy."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from tidegate.ingestion.anomaly import Anomaly
from tidegate.ingestion.figures import Figure, PastDrop
from tidegate.profile import profile_batches
from tidegate.report import bins, charts, history
from tidegate.report.data import Histogram, Track


def column(values, kind=None):
    return profile_batches(pa.table({"x": pa.array(values, kind)}).to_batches()).columns["x"]


def test_bins_hold_what_numpy_counts():
    rng = np.random.default_rng(1)
    before, now = rng.normal(0, 1, 800), rng.normal(0.5, 1, 900)
    found = bins.histogram(column(now), column(before), 12)
    low, high = min(before.min(), now.min()), max(before.max(), now.max())
    for shares, values in ((found.baseline, before), (found.current, now)):
        expected, _ = np.histogram(values, 12, (low, high))
        assert np.array(shares) * len(values) == pytest.approx(expected, abs=1.01)  # a value on an edge
    assert not found.apart


def test_the_most_frequent_of_too_many_texts_to_count_are_shown_where_they_surely_are():
    texts = ["often"] * 3000 + ["rather"] * 1500 + [f"once {number}" for number in range(5500)]
    found = column(texts)
    assert found.counts is None
    shown = dict(bins.top(found, 5))
    assert list(shown)[:2] == ["often", "rather"]
    assert shown["often"] == pytest.approx(0.3, abs=found.heavy_error / 10_000)
    doubtful = replace(found, heavy={"often": 3000, "rather": 40, "once 1": 39}, heavy_error=39)
    assert bins.top(doubtful, 5) == (("often", 0.3), ("rather", 0.004))
    assert bins.top(replace(doubtful, heavy_error=3000), 5) == ()


def test_far_values_do_not_stretch_the_picture_but_are_counted():
    values = [float(i) for i in range(1000)] + [1e12]
    found = bins.histogram(column(values), None, 10)
    assert len(found.current) == 10 and sum(found.current) == pytest.approx(1)
    assert min(found.current) > 0.05


def test_integers_of_a_short_range_have_a_bar_each():
    found = bins.histogram(column([1, 1, 1, 3]), column([1, 2]), 36)
    assert (found.apart, found.current, found.baseline) == (True, (0.75, 0.0, 0.25), (0.5, 0.5, 0.0))
    assert found.title == "1 to 3"


def test_integers_of_a_long_range_share_bins_evenly():
    # 0 to 99 in at most 36 bins: three integers in each, 34 bins, the last with one.
    found = bins.histogram(column(list(range(100))), None, 36)
    assert found.current == pytest.approx([0.03] * 33 + [0.01])


@pytest.mark.filterwarnings("ignore:overflow")  # of the profile's squares
@pytest.mark.parametrize(
    "values, kind",
    [
        ([-1.7e308, 0.0, 1.7e308], pa.float64()),
        ([5e-324, 1e-323], pa.float64()),
        ([-(2**63), 0, 2**63 - 1], pa.int64()),
        ([2**63 - 3, 2**63 - 2, 2**63 - 1], pa.int64()),
        ([float("inf"), 1.0, float("nan")], pa.float64()),
    ],
)
def test_numbers_at_the_ends_of_their_types_are_drawn(values, kind):
    profiled = column(values, kind)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = bins.histogram(profiled, None, 36)
    assert len(found.current) <= 37 and sum(found.current) == pytest.approx(1)
    assert min(found.current) >= 0


def test_truth_values_have_two_bars():
    found = bins.histogram(column([True, False, True, None], pa.bool_()), None, 36)
    assert found.current == pytest.approx((1 / 3, 2 / 3))


def test_one_value_is_one_bar():
    assert bins.histogram(column([2.5, 2.5]), None, 36).current == (1.0,)


def test_texts_are_bars_in_the_order_of_the_baseline():
    now, before = column(["a", "c", "c", "d"]), column(["b", "b", "a", "c"])
    found = bins.histogram(now, before, 36)
    assert found.title == "b, a, c and 1 more"
    assert found.baseline == (0.5, 0.25, 0.25, 0.0)
    assert found.current == (0.0, 0.25, 0.5, 0.25)


def test_times_are_never_laid_over_earlier_ones():
    now, before = (column([day, day + 1], pa.date32()) for day in (20_000, 10_000))
    found = bins.histogram(now, before, 36)
    assert found.baseline == () and found.title == "2024-10-04 to 2024-10-05"


@pytest.mark.parametrize(
    "values, kind",
    [
        ([None, None], pa.float64()),
        ([], pa.string()),
        ([[1], [2]], None),
        ([f"t{i}" for i in range(1500)], None),
    ],
)
def test_what_cannot_be_counted_is_not_drawn(values, kind):
    empty = pa.table({"x": pa.array(values, kind)})
    profile = profile_batches(empty.to_batches() or [pa.RecordBatch.from_pylist([], empty.schema)])
    assert bins.histogram(profile.columns["x"], None, 36) is None


def test_a_column_of_another_kind_is_no_baseline():
    assert bins.histogram(column([1, 2]), column(["a"]), 36).baseline == ()


def test_an_outline_is_steps_from_the_floor_and_back():
    drawn = charts.histogram(Histogram(baseline=(0.5, 1.0, 1.0, 0.0), current=(), apart=False, title="t"), 40)
    # Heights 13 26 26 0 over bins of 10 pixels; the floor is at 28.
    assert '<path d="M0 28v-13h10v-13h20v26"/>' in drawn and "class=b" not in drawn


def test_a_line_runs_through_the_middles_of_the_bins():
    drawn = charts.histogram(Histogram(baseline=(), current=(0.5, 1.0, 0.0), apart=False, title="t"), 30)
    assert '<path class=b d="M5 15l10-13 10 26"/>' in drawn


def test_bars_stand_apart_and_skip_what_is_empty():
    drawn = charts.histogram(Histogram(baseline=(1.0, 0.0, 0.5), current=(), apart=True, title="t"), 30)
    assert '<path d="M0 28m0 0v-26h8v26m12 0v-13h8v13"/>' in drawn


def test_a_share_that_is_not_nothing_is_seen():
    drawn = charts.histogram(Histogram(baseline=(1.0, 0.0001), current=(), apart=True, title="t"), 30)
    assert "v-1h" in drawn


def test_titles_are_text():
    assert "<title>&lt;b&gt;</title>" in charts.histogram(
        Histogram(baseline=(1.0,), current=(1.0,), apart=True, title="<b>"), 30
    )


def test_a_sparkline_lies_within_its_box():
    track = Track(
        figure="mean",
        column="x",
        now="9",
        usual="1",
        interval="",
        p_value="",
        status="certain",
        past=(1.0, 2.0, 0.5),
        value=9.0,
        low=0.2,
        high=2.2,
        middle=1.0,
        shift=1,
    )
    drawn = charts.sparkline(track, 180)
    # 0.2 is lowest, at 36 - 4 = 32; 9 is highest, at 4; 28 pixels between them.
    assert "<circle class=certain cx=172 cy=4 " in drawn
    assert '<path class=b d="M4 29L60 26L116 31"/>' in drawn
    assert '<path class=r d="M0 26h180V32H0z"/>' in drawn
    assert '<path class=s d="M60 0v36"/>' in drawn


def told(values, tested, name):
    """The track of a figure whose earlier drops had `values`, and this one the first of them."""
    known = [Figure(value=v, tested=t, scale=1.0) for v, t in zip(values, tested, strict=True)]
    past = [PastDrop(drop_id=str(at), arrived_at="", figures={("x", name): f}) for at, f in enumerate(known)]
    out = Anomaly(column="x", figure=name, value=values[0], usual=values[0], drops=len(past), adjusted_p=0.5)
    [track], _ = history.tracks([out], {("x", name): known[0]}, past)
    return track


def test_the_interval_is_the_robust_t_interval():
    values = [10.0, 11.0, 9.0, 10.5, 9.5, 10.0]
    track = told(values, values, "mean")
    reach = (
        stats.t.ppf(1 - 0.0013, 5) * stats.median_abs_deviation(values) * 1.4826 * (8 / 6) * np.sqrt(7 / 6)
    )
    assert (track.low, track.middle, track.high) == pytest.approx((10 - reach, 10, 10 + reach))


def test_the_interval_of_counts_and_shares_is_on_their_own_scale():
    rows = np.array([900.0, 1000, 1100, 1000, 950, 1050])
    track = told(rows.tolist(), np.log(rows).tolist(), "different values")
    assert track.middle == pytest.approx(1000) and track.low * track.high == pytest.approx(1000**2)
    shares = np.array([0.01, 0.012, 0.009, 0.011, 0.01, 0.02])
    track = told(shares.tolist(), np.log(shares / (1 - shares)).tolist(), "missing share")
    assert 0 < track.low < 0.01 < track.high < 1 and track.now == "1%"


def test_below_five_drops_there_is_no_interval():
    track = told([1.0] * 4, [1.0] * 4, "mean")
    assert (track.low, track.usual, track.interval) == (None, "4 drops known, 5 needed", "")


def past(values, shifted_at=None):
    return [
        PastDrop(
            drop_id=str(age),
            arrived_at="",
            figures={("x", "mean"): Figure(value=value, tested=value, scale=1.0)},
            shifted=frozenset({("x", "mean")} if age == shifted_at else ()),
        )
        for age, value in enumerate(values)
    ]


def test_drops_before_an_accepted_shift_are_drawn_but_not_counted():
    newest_first = [20.0, 21, 19, 20, 20.5, 20, 1, 2, 1, 2]
    now = Figure(value=20.2, tested=20.2, scale=1.0)
    anomaly = Anomaly(column="x", figure="mean", value=20.2, usual=20, drops=6, adjusted_p=0.5)
    [track], left_out = history.tracks([anomaly], {("x", "mean"): now}, past(newest_first, shifted_at=5))
    assert track.past == tuple(reversed(newest_first)) and left_out == 0
    assert track.middle == 20 and track.low > 10  # of the six since the shift
    assert track.past[track.shift] == 20.0 and track.past[track.shift - 1] == 1


def test_figures_beyond_the_fortieth_are_counted_only():
    found = [
        Anomaly(column=f"c{i}", figure="mean", value=1.0, usual=2.0, drops=6, adjusted_p=0.001)
        for i in range(50)
    ]
    now = {(a.column, "mean"): Figure(value=1.0, tested=1.0, scale=1.0) for a in found}
    shown, left_out = history.tracks(found, now, [])
    assert (len(shown), left_out) == (40, 10)
    assert re.search("0 drops known, 5 needed", shown[0].usual)
