"""Drifts put into flights one at a time, and a year without any: what monitoring's measures say of both.

The year is the flights of 2013 in an order drawn at random, so that nothing changes in it but by chance; a
model learns from its first part, the rest are windows of a day's traffic. A drift is put into two windows,
and counts as detected when a measure alarms in the first or the second of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.month_script import drifted
from bench.report import Figure
from tidegate.monitoring import attributions
from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Labelled
from tidegate.monitoring.quality import Measured, Promise
from tidegate.profile import BASELINE_RANKS, Profile, profile_batches
from tidegate.settings.config import AlarmsSection, MonitoringSection
from tidegate.statistics.drift import drift
from tidegate.training import metrics
from tidegate.training.task import Task
from tidegate_cli import example
from tidegate_cli.assembly import CHECKOUT

FLIGHTS = CHECKOUT / "examples" / "flights"
SEED = 2013
LEARN_ROWS, TEST_ROWS, WINDOW_ROWS = 60_000, 20_000, 700
WINDOWS = 365
DAY_SECONDS = 86_400
DEFAULTS = MonitoringSection()
PSI, P_VALUE, MARGIN = DEFAULTS.psi_threshold, DEFAULTS.p_value, DEFAULTS.quality_margin
MINIMUM_ROWS = DEFAULTS.minimum_rows
ATTRIBUTION_DRIFT = AlarmsSection().attribution_drift
NOMINAL = {
    "data": P_VALUE,
    "prediction": P_VALUE,
    "attribution": P_VALUE,
    "quality": 0.025,
}  # share of quiet windows that may alarm
WITHIN = 2  # windows
TEXTS = ("carrier", "origin", "dest")


@dataclass(frozen=True)
class Window:
    """Requests, what came of them, and where the two were changed."""

    requests: pa.Table
    outcomes: NDArray[np.int8]


class Watched:
    """A model, what it was trained on, and the measures of a window against both."""

    def __init__(self, learned: Window, tested: Window, columns: list[str]) -> None:
        self._columns = columns
        self._codes = {name: _codes(learned.requests[name]) for name in TEXTS}
        self._model = HistGradientBoostingClassifier(max_iter=40, random_state=SEED)
        self._learned = self._matrix(learned.requests)
        self._model.fit(self._learned, learned.outcomes)
        self._attributions = self._rests_on(self._learned)
        self._baseline = _profile(learned.requests.select(columns), BASELINE_RANKS)
        answers = self.probabilities(tested.requests)
        self._expected = _profile(pa.table({"probability": answers}), BASELINE_RANKS)
        self.promise = Promise(
            metric=metrics.roc_auc(tested.outcomes, answers),
            margin=MARGIN,
            minimum_rows=MINIMUM_ROWS,
            replicates=200,
            seed=SEED,
        )

    def probabilities(self, requests: pa.Table) -> NDArray[np.float64]:
        answers: NDArray[np.float64] = self._model.predict_proba(self._matrix(requests))[:, 1]
        return answers

    def _rests_on(self, matrix: NDArray[np.float64]) -> dict[str, float]:
        found = attributions.attributions(
            matrix, self._learned, lambda rows: self._model.predict_proba(rows)[:, 1], SEED
        )
        return dict(zip(self._columns, found.tolist(), strict=True))

    def alarms(self, window: Window) -> dict[str, str]:
        """Measure -> what it says, of those that alarm."""
        limits: dict[str, Any] = {"alarm": PSI, "q": P_VALUE, "minimum_rows": MINIMUM_ROWS}
        answers = self.probabilities(window.requests)
        inputs = drift(
            self._baseline, _profile(window.requests.select(self._columns)), self._columns, **limits
        )
        told = drift(self._expected, _profile(pa.table({"probability": answers})), ["probability"], **limits)
        found = {}
        for name, columns in (("data", inputs), ("prediction", told)):
            if moved := [column for column in columns if column.status == "alarm"]:
                worst = max(moved, key=lambda column: column.psi)
                found[name] = f"{worst.column}: PSI {worst.psi:.2f}"
        moved_by = attributions.drift(self._attributions, self._rests_on(self._matrix(window.requests)))
        if moved_by is not None and moved_by > ATTRIBUTION_DRIFT:
            found["attribution"] = f"1 - NDCG {moved_by:.2f}"
        quality = Measured(metrics.roc_auc).realised(
            Task("binary"), _labelled(answers, window.outcomes), self.promise
        )
        if quality.status == "breach":
            found["quality"] = f"AUC {quality.value:.3f} of {self.promise.metric:.3f} promised"
        return found

    def _matrix(self, requests: pa.Table) -> NDArray[np.float64]:
        columns = []
        for name in self._columns:
            column = requests[name]
            if name in self._codes:
                column = pc.index_in(column.combine_chunks(), self._codes[name])
            columns.append(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
        return np.column_stack(columns)


Change = Callable[[Window, Watched], Window]


def unseen_units(window: Window, _: Watched) -> Window:
    return Window(drifted(window.requests), window.outcomes)


def harder_questions(window: Window, watched: Watched) -> Window:
    """Only the third of the flights asked about that the model thinks the likeliest to be late."""
    answers = watched.probabilities(window.requests)
    worst = np.argsort(-answers, kind="stable")[: len(answers) // 3]
    rows = np.resize(worst, len(answers))
    return Window(window.requests.take(pa.array(rows)), window.outcomes[rows])


def other_rules(window: Window, _: Watched) -> Window:
    """What made flights late makes them punctual: the same requests, as many late, but others."""
    order = np.random.default_rng(SEED).permutation(len(window.outcomes))
    return Window(window.requests, window.outcomes[order])


def more_late(window: Window, _: Watched) -> Window:
    """Flights that are late three times as often, each class as it was."""
    late, punctual = (np.flatnonzero(window.outcomes == value) for value in (1, 0))
    count = len(window.outcomes)
    many = min(3 * len(late), count - 1)
    rows = np.concatenate([np.resize(late, many), punctual[: count - many]])
    return Window(window.requests.take(pa.array(rows)), window.outcomes[rows])


def a_broken_sensor(window: Window, _: Watched) -> Window:
    """A column that answers hardly rested on says always the same, and moves all of them."""
    requests = window.requests
    place = requests.column_names.index("visib")
    stuck = pa.array([0.1] * requests.num_rows)
    return Window(requests.set_column(place, "visib", stuck), window.outcomes)


# kind -> the measure that is to say so, and the change; outcomes come later than the rest
INJECTED: Mapping[str, tuple[str, Change]] = {
    "data": ("data", unseen_units),
    "prediction": ("prediction", harder_questions),
    "concept": ("quality", other_rules),
    "label": ("prediction", more_late),
    "attribution": ("attribution", a_broken_sensor),
}


def figures() -> list[Figure]:
    """Windows until each drift is detected, and the share of quiet windows in which a measure alarms."""
    watched, windows = _year()
    found: list[Figure] = []
    some = [next(windows) for _ in range(WITHIN)]
    for kind, (measure, change) in INJECTED.items():
        said = [watched.alarms(change(window, watched)) for window in some]
        first = next((number for number, alarms in enumerate(said, 1) if measure in alarms), None)
        told = "; ".join(f"{name} {what}" for name, what in next(filter(None, said), {}).items())
        print(f"{kind:<12} {'not detected' if first is None else f'window {first}: {told}'}")
        found.append(
            Figure(f"drift of {kind}: windows until detected", first, "", WITHIN, skipped="not detected")
        )
    quiet = [watched.alarms(window) for window in windows]
    for name, nominal in NOMINAL.items():
        share = sum(name in alarms for alarms in quiet) / len(quiet)
        print(f"quiet year   {name}: {share:.4f} of {len(quiet)} windows alarm, nominal {nominal}")
        found.append(Figure(f"quiet year: windows that alarm for {name}", share, "", nominal))
    return found


def _year() -> tuple[Watched, Iterator[Window]]:
    data = example.data(FLIGHTS)
    year = data.flights(range(1, 13))
    year = year.take(pa.array(np.random.default_rng(SEED).permutation(year.num_rows)))
    outcomes = np.array(data.outcomes(year), dtype=np.int8)
    columns = [name for name in example.request_columns(FLIGHTS) if name != "scheduled_departure"]

    def rows(begin: int, count: int) -> Window:
        return Window(year.slice(begin, count), outcomes[begin : begin + count])

    begin = LEARN_ROWS + TEST_ROWS
    watched = Watched(rows(0, LEARN_ROWS), rows(LEARN_ROWS, TEST_ROWS), columns)
    return watched, (rows(begin + i * WINDOW_ROWS, WINDOW_ROWS) for i in range(WINDOWS))


def _codes(column: pa.ChunkedArray) -> pa.Array:
    return pc.unique(column)


def _profile(table: pa.Table, ranks: int | None = None) -> Profile:
    batches = table.to_batches()
    return profile_batches(batches) if ranks is None else profile_batches(batches, ranks=ranks)


def _labelled(answers: NDArray[np.float64], outcomes: NDArray[np.int8]) -> list[Labelled]:
    return [
        Labelled(
            prediction=Prediction(
                inference_id=str(number),
                at=float(DAY_SECONDS),
                model="bench",
                answer={"probability": answer},
                slices={},
            ),
            outcome=outcome,
        )
        for number, (answer, outcome) in enumerate(zip(answers.tolist(), outcomes.tolist(), strict=True))
    ]
