"""Labelled rows as they were known: the label, the aggregates at its moment, and a split by time.

Pure: Arrow in, Arrow out. Transforms are not applied here; the training job and the serving container apply
the same code to the same instances.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.errors import ConfigError, InsufficientDataError
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.feature_store.point_in_time import join_stream
from tidegate.settings.config import TaskName
from tidegate.training.splits import gap

LABEL = "label"
MOMENT = "event_ts"
KNOWN = "label_known_ts"  # when the outcome became known
CLASSES = 2  # at least
_LABELS = {
    "binary": (pa.int8(), "0 or 1"),
    "multiclass": (pa.string(), "the name of a class"),
    "regression": (pa.float64(), "a finite number"),
}

Period = tuple[datetime, datetime]  # both ends belong to it
ViewRows = Callable[[ViewPlan, Period], Iterable[pa.RecordBatch]]


@dataclass(frozen=True)
class Split:
    """Rows to learn from, and the newest period, which nothing learns from."""

    train: pa.Table
    test: pa.Table


def labelled(
    plan: FeatureSetPlan,
    rows: pa.Table | pa.RecordBatchReader,
    view_rows: ViewRows,
    task: TaskName = "binary",
) -> pa.Table:
    """One row for each source row with a label: instance members, `label`, its two times, in order of time.

    A row whose label is null has no outcome yet and is left out. The same rows in another order, or in other
    files, give the same table.

    Args:
        rows: the source's rows; a stream is read once.
        view_rows: gives the rows of a view with event_ts in a period, as `point_in_time.join_stream` takes
            them; more rows do not matter. Not asked when there are no labels.
        task: binary labels become int8, multiclass ones text, those of a regression float64.

    Raises:
        ConfigError: the label's SQL gave something that is no label of this task.
    """
    # the source's own column may be named as MOMENT
    members = dict.fromkeys([*plan.instance, LABEL, MOMENT, KNOWN])
    labels = _with_checked_label(plan, _labels(plan, rows), task)
    for view in plan.views:
        period = _seen(view, labels)
        batches = view_rows(view, period) if period else []
        labels = join_stream(labels, view, batches, moment=MOMENT)
    return labels.select(list(members)).sort_by(MOMENT)


def _labels(plan: FeatureSetPlan, rows: pa.Table | pa.RecordBatchReader) -> pa.Table:
    from tidegate.columns.duck import connect  # a trial needs this module's names and no database

    request = ", ".join(f'"{name}"' for name in plan.request)
    moment = "" if plan.source.event_ts == MOMENT else f', "{plan.source.event_ts}" as {MOMENT}'
    known = f'"{plan.source.known_ts}" as {KNOWN}'
    query = f"""
        select * from (select {request}, {plan.label.sql} as {LABEL}{moment}, {known} from labelled_rows)
        where {LABEL} is not null order by all
    """  # noqa: S608  names and SQL of the user's own features.py
    with connect() as connection:
        connection.register("labelled_rows", rows)
        return connection.sql(query).to_arrow_table()


def _seen(view: ViewPlan, labels: pa.Table) -> Period | None:
    """When all that a label can see of a view has happened; None without any label."""
    ends = pc.min_max(labels[MOMENT].cast(pa.timestamp("us", tz="UTC"))).as_py()
    return ends["max"] and (ends["min"] - timedelta(seconds=view.ttl_seconds), ends["max"])


def _with_checked_label(plan: FeatureSetPlan, labels: pa.Table, task: TaskName) -> pa.Table:
    column = labels[LABEL]
    kind, wanted = _LABELS[task]
    try:
        typed = column.cast(kind)
        bad = pc.invert(_fits(task, column, typed))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        typed, bad = column, pa.chunked_array([pa.repeat(pa.scalar(True), len(column))])
    if wrong := sorted(str(value) for value in pc.unique(column.filter(bad)).to_pylist()):
        raise ConfigError(
            f"label `{plan.label.name}` is {', '.join(wrong[:3])} in some rows",
            cause=f"for task {task} its SQL must give {wanted}, or null: {plan.label.sql}",
        )
    return labels.set_column(labels.column_names.index(LABEL), LABEL, typed)


def _fits(task: TaskName, column: pa.ChunkedArray, typed: pa.ChunkedArray) -> pa.ChunkedArray:
    if task == "binary":
        return pc.is_in(column.cast(pa.float64()), pa.array([0.0, 1.0]))
    if task == "regression":
        return pc.is_finite(typed)
    return pc.not_equal(typed, "")


def split(
    rows: pa.Table, *, test_days: float, gap_hours: float, minimum_rows: int, task: TaskName = "binary"
) -> Split:
    """The newest `test_days` to test, what ends `gap_hours` before them to train.

    The gap is raised to what labels took to become known, see `tidegate.training.splits.gap`; the few rows
    whose label was still unknown when the test period began are left out of both.

    Raises:
        InsufficientDataError: too few rows to train on, an empty test period, or labels in either that do not
            differ.
    """
    if rows.num_rows == 0:
        raise InsufficientDataError("there are no labelled rows", hint="deliver a drop first")
    moments = rows[MOMENT].cast(pa.int64())  # microseconds
    last = pc.max(moments).as_py()
    test_start = last - int(test_days * 86_400e6)
    known = rows[KNOWN].cast(pa.int64())
    took = pc.subtract(known, moments).drop_null().to_numpy() / 1e6
    gap_hours = gap(gap_hours * 3_600, took) / 3_600
    train_stop = test_start - int(gap_hours * 3_600e6)
    train = rows.filter(pc.and_(pc.less(moments, train_stop), pc.less_equal(known, test_start)))
    test = rows.filter(pc.greater(moments, test_start))
    if train.num_rows < minimum_rows:
        raise InsufficientDataError(
            f"{train.num_rows} rows to train on, at least {minimum_rows} are needed",
            cause=f"the newest {test_days:g} days are for testing, {gap_hours:g} hours before them unused",
            hint="deliver older data, or lower training.minimum_rows",
        )
    for name, part in (("training", train), ("test", test)):
        if pc.count_distinct(part[LABEL]).as_py() < CLASSES:
            raise InsufficientDataError(
                f"the {name} rows have {_differing(part, task)}",
                hint="look at the label's SQL in features.py",
            )
    return Split(train, test)


def _differing(rows: pa.Table, task: TaskName) -> str:
    found = pc.count_distinct(rows[LABEL]).as_py()
    if task == "regression":
        return "one label" if found else "no labels"
    return f"{found} of 2 classes" if task == "binary" else f"{found} class" + ("" if found == 1 else "es")
