"""Sixteen leaks, each planted in the flights that the example trains on, and the example without any."""

from dataclasses import replace

import numpy as np
import pytest
from leaky_flights import GAP, honest, raw, with_column

from tidegate.errors import LeakDetectedError
from tidegate.leaks import detector
from tidegate.settings.config import TrustedColumn
from tidegate.training.splits import Fold
from tidegate.training.task import Task

DAY = 86_400
LABEL = honest().rows.labels.astype(float)
MOMENTS = honest().rows.moments
ROWS = LABEL.size


def objects(values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def target_encoded(keys):
    """Each key's rate over all rows, its own among them."""
    _, codes = np.unique(keys, return_inverse=True)
    return (np.bincount(codes, weights=LABEL) / np.bincount(codes))[codes]


def arrival_delay():
    return with_column("x", raw()["arr_delay"])


def noisy_label():
    flipped = np.random.default_rng(1).random(ROWS) < 0.05
    return with_column(
        "x", np.where(flipped, 1 - LABEL, LABEL) + np.random.default_rng(2).normal(0, 0.01, ROWS)
    )


def status_text():
    return with_column("x", objects(["delayed" if late else "as planned" for late in LABEL]))


def missing_tail_number():
    """No outcome is in it, but all flights without an aircraft were cancelled."""
    return with_column("x", objects([None if name is None else "N" for name in raw()["tailnum"]]))


def sentinel():
    """Departure delay as two classes, and -1 for those that never left."""
    delay = raw()["dep_delay"]
    half = np.random.default_rng(3).integers(0, 2, ROWS).astype(float)
    return with_column("x", np.where(np.isnan(delay), -1.0, half))


def landing_time():
    return with_column("x", raw()["landed_at"])


def identifier_by_outcome():
    """Numbers given at the end of each day, late flights first."""
    day = np.floor(MOMENTS / DAY)
    numbers = np.empty(ROWS)
    numbers[np.lexsort((np.random.default_rng(4).random(ROWS), -LABEL, day))] = np.arange(ROWS)
    return with_column("x", numbers)


def encoded_destination():
    return with_column("x", target_encoded(raw()["dest"].astype(str)))


def smoothed_encoding():
    """Drawn to the overall rate by 20 rows."""
    _, codes = np.unique(raw()["dest"].astype(str), return_inverse=True)
    n = np.bincount(codes)
    return with_column("x", ((np.bincount(codes, weights=LABEL) + 20 * LABEL.mean()) / (n + 20))[codes])


def rate_of_its_day():
    day = np.floor(MOMENTS / DAY).astype(int)
    return with_column(
        "x", target_encoded(day * 3 + np.unique(raw()["origin"].astype(str), return_inverse=True)[1])
    )


def future_rate(days):
    """The carrier's rate over the days after each flight: the example's aggregate with its window turned."""
    out = np.full(ROWS, np.nan)
    for carrier in set(raw()["carrier"]):
        mine = np.flatnonzero(raw()["carrier"] == carrier)
        total = np.r_[0, np.cumsum(LABEL[mine])]
        first = np.searchsorted(MOMENTS[mine], MOMENTS[mine], "right")
        last = np.searchsorted(MOMENTS[mine], MOMENTS[mine] + days * DAY, "right")
        found = last > first
        out[mine[found]] = ((total[last] - total[first])[found]) / (last - first)[found]
    return with_column("x", out)


def twins():
    """One row in twenty came twice, the second time at another moment."""
    sample = honest()
    draw = np.random.default_rng(5)
    picked = draw.choice(ROWS, ROWS // 20, replace=False)
    kept = np.r_[np.arange(ROWS), picked]
    moments = sample.rows.moments[kept]
    moments[ROWS:] = draw.permutation(moments[ROWS:])
    rows = replace(sample.rows.of(kept), moments=moments, known=moments)
    order = np.argsort(moments)
    folds = [Fold(order[: ROWS // 2], order[ROWS // 2 + 3000 :])]
    return replace(
        sample,
        rows=rows,
        folds=folds,
        gap_seconds=None,
        columns={k: v[kept] for k, v in sample.columns.items()},
    )


def inside_the_gap():
    sample = honest()
    learn, validate = sample.folds[-1]
    start = MOMENTS[validate].min()
    near = np.flatnonzero((start - GAP < MOMENTS) & (start > MOMENTS))
    return replace(sample, folds=[Fold(np.r_[learn, near[:5]], validate)])


def label_not_yet_known():
    sample = honest()
    learn, _ = sample.folds[0]
    known = sample.rows.known.copy()
    known[learn[-1]] += 30 * DAY
    return replace(sample, rows=replace(sample.rows, known=known))


def carrier_on_both_sides():
    sample = honest()
    carriers = np.unique(raw()["carrier"].astype(str), return_inverse=True)[1]
    return replace(sample, rows=replace(sample.rows, groups=carriers))


PLANTED = {
    "the arrival's delay": (arrival_delay, "target", "x"),
    "the label with 5 % of it wrong": (noisy_label, "target", "x"),
    "the label as a text": (status_text, "target", "x"),
    "a missing tail number": (missing_tail_number, "target", "x"),
    "a value that stands for cancelled": (sentinel, "target", "x"),
    "when it landed": (landing_time, "time", "x"),
    "an identifier given by outcome": (identifier_by_outcome, "target", "x"),
    "destinations encoded on all rows": (encoded_destination, "target", "x"),
    "destinations encoded with smoothing on all rows": (smoothed_encoding, "target", "x"),
    "the rate of its own day": (rate_of_its_day, "target", "x"),
    "the carrier's rate of the next day": (lambda: future_rate(1), "time", "x"),
    "the carrier's rate of the next week": (lambda: future_rate(7), "time", "x"),
    "rows that came twice": (twins, "duplicate", "*"),
    "rows from inside the gap": (inside_the_gap, "time", "*"),
    "a label that was not known yet": (label_not_yet_known, "time", "*"),
    "a group on both sides": (carrier_on_both_sides, "group", "*"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found_in_its_column_and_nothing_else_is(name):
    plant, kind, column = PLANTED[name]
    [finding] = detector.find(plant())
    assert (finding.kind, finding.column) == (kind, column)
    assert column in finding.evidence or column == "*"
    assert finding.hint


def test_nothing_is_found_in_the_example():
    assert detector.find(honest()) == []


def test_a_run_is_refused_in_three_lines_that_name_column_evidence_and_hint():
    with pytest.raises(LeakDetectedError) as raised:
        detector.refuse(detector.find(arrival_delay()), ())
    what, cause, hint = str(raised.value).splitlines()
    assert what == "target leak in `x`"
    assert "`x` alone" in cause
    assert "training.trusted" in hint


def test_a_trusted_column_passes_and_its_reason_is_kept_beside_what_was_found():
    trusted = (TrustedColumn(column="x", reason="forecast of the tower, issued before departure"),)
    [fact] = detector.refuse(detector.find(arrival_delay()), trusted)
    assert (fact["column"], fact["reason"]) == ("x", trusted[0].reason)
    assert fact["found"][0]["kind"] == "target"
    assert detector.refuse(detector.find(honest()), trusted)[0]["found"] == []


def test_rows_that_came_twice_can_be_vouched_for_but_not_rows_within_the_gap():
    whole_rows = (TrustedColumn(column="*", reason="readings repeat"),)
    assert detector.refuse(detector.find(twins()), whole_rows)[0]["found"][0]["kind"] == "duplicate"
    with pytest.raises(LeakDetectedError, match="time leak in the rows"):
        detector.refuse(detector.find(inside_the_gap()), whole_rows)


@pytest.mark.parametrize("months", [(3, 4), (7, 8), (11, 12)])
def test_nothing_is_found_in_other_months_of_the_example(months):
    assert detector.find(honest(months)) == []


def test_two_hundred_rows_are_enough_for_a_column_that_is_the_label():
    sample = arrival_delay()
    kept = np.arange(0, ROWS, ROWS // 210)
    columns = {name: column[kept] for name, column in sample.columns.items()}
    small = replace(sample, columns=columns, rows=sample.rows.of(kept), folds=())
    assert [finding.column for finding in detector.find(small)] == ["x"]


def test_too_few_rows_and_one_class_are_judged_by_their_sides_only():
    sample = honest()
    few = np.arange(150)
    for rows in (sample.rows.of(few), replace(sample.rows, labels=np.zeros(ROWS, dtype=np.int8))):
        columns = {"x": rows.labels.astype(float)}
        assert detector.find(replace(sample, rows=rows, columns=columns, folds=())) == []


def minutes():
    """Minutes late, as a regression would learn them; flights that never arrived are six hours late."""
    return np.nan_to_num(raw()["arr_delay"], nan=360.0)


def as_numbers(column):
    sample = with_column("x", column)
    return replace(sample, rows=replace(sample.rows, labels=minutes()))


def in_three_classes(column):
    sample = with_column("x", column)
    labels = np.digitize(minutes(), [0, 15])
    return replace(sample, rows=replace(sample.rows, labels=labels.astype(np.intp)))


NUMBERS, CLASSES = Task("regression"), Task("multiclass", ("early", "late", "on time"))


def test_of_a_regression_the_label_itself_is_a_leak_and_what_goes_with_it_is_not():
    [finding] = detector.find(as_numbers(minutes() + np.random.default_rng(4).normal(0, 0.1, ROWS)), NUMBERS)
    assert (finding.kind, finding.column) == ("target", "x")
    # correlated by 0.97: so may be the value of yesterday
    close = minutes() + np.random.default_rng(4).normal(0, minutes().std() / 4, ROWS)
    assert detector.find(as_numbers(close), NUMBERS) == []


def test_a_column_that_tells_one_class_of_three_is_found():
    told = (minutes() >= 15) + np.random.default_rng(5).normal(0, 0.05, ROWS)
    [finding] = detector.find(in_three_classes(told), CLASSES)
    assert (finding.kind, finding.column) == ("target", "x")


def test_nothing_is_found_in_the_example_as_numbers_or_classes():
    chance = np.random.default_rng(6).normal(size=ROWS)
    assert detector.find(as_numbers(chance), NUMBERS) == []
    assert detector.find(in_three_classes(chance), CLASSES) == []


def test_a_constant_column_with_holes_follows_nothing():
    holes = np.where(np.arange(ROWS) % 5 == 0, np.nan, 0.2)
    assert detector.find(as_numbers(holes), NUMBERS) == []
