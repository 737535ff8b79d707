"""Which values, training runs and predictions some rows of a dataset have touched.

Pure. A value is touched when its tick sees one of the rows in the state it was computed from; a training run,
when its state holds rows of them; a prediction, when its model or a value that it took is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.feature_store.ticks import Interval
from tidegate.origins.history import History

Entities = Mapping[str, Sequence[Interval]]  # entity -> ticks that see its rows, in seconds, apart


@dataclass(frozen=True, kw_only=True)
class Touch:
    """Rows of one drop and the values they are behind, of states from `first` to before `gone`."""

    drop_id: str
    rows: int
    first: int
    gone: int | None
    views: Mapping[str, Entities]  # by version

    def is_behind(self, value: "Value") -> bool:
        """Whether the value was computed from one of the rows. Of an unknown revision, whether it may be."""
        if value.revision >= 0 and not (
            self.first <= value.revision and (self.gone is None or value.revision < self.gone)
        ):
            return False
        spans = self.views.get(value.view, {}).get(value.entity, ())
        return any(span.start <= value.tick <= span.stop for span in spans)


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of a view as it was looked up. `revision` is -1 where nobody told it."""

    view: str  # version
    entity: str
    tick: int  # its event time, seconds since the epoch
    revision: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run: the state it learned from, and what its model looks up."""

    run: str
    snapshot_id: int | None
    views: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    inference_id: str
    model: str  # training run
    values: frozenset[Value] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Reasons:
    """Why a prediction is touched: what its model learned from, and the values it took."""

    by_model: bool
    by_values: frozenset[Value]

    def __bool__(self) -> bool:
        return self.by_model or bool(self.by_values)


class Impact:
    """What the rows of some touches became."""

    def __init__(self, history: History, touches: Iterable[Touch]) -> None:
        self.touches = tuple(touches)
        self._history = history
        self._drops = frozenset(touch.drop_id for touch in self.touches if touch.rows)
        # thousands of predictions share a value, and more of them a model
        self._values: dict[Value, bool] = {}
        self._runs: dict[Run, frozenset[str]] = {}

    def of_run(self, run: Run) -> frozenset[str]:
        """Drops of the rows that the run learned from."""
        if run not in self._runs:
            held = self._history.held(run.snapshot_id)
            self._runs[run] = frozenset(state.drop_id for state in held) & self._drops
        return self._runs[run]

    def of_value(self, value: Value) -> bool:
        if value not in self._values:
            self._values[value] = any(touch.is_behind(value) for touch in self.touches)
        return self._values[value]

    def of_prediction(self, prediction: Prediction, run: Run | None) -> Reasons:
        """Of a prediction whose model nobody knows, any value that was looked up counts as taken."""
        taken = [v for v in prediction.values if run is None or v.view in run.views]
        return Reasons(
            by_model=run is not None and bool(self.of_run(run)),
            by_values=frozenset(value for value in taken if self.of_value(value)),
        )


def values_of(spans: Entities, every: int, last: int | None) -> int:
    """How many values lie in the spans, none of a tick after `last`."""
    total = 0
    for intervals in spans.values():
        for span in intervals:
            stop = span.stop if last is None else min(span.stop, last)
            total += max(0, (stop - span.start) // every + 1)
    return total
