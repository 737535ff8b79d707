"""The offline store as of a moment: what the rows of a view said when a request was answered.

Rows are read state by state, those of one version of the view within its TTL of the moments, and none is held
longer than it takes to join it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tidegate.aws.catalog import Catalog
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.offline_states import shown
from tidegate.feature_store.point_in_time import columns_of, join_stream
from tidegate.feature_store.store_parity import OfflineAnswer, Values

MOMENT = "moment"
THERE = "there"
MAX_STATES = 200  # of one table in one measurement, a second or less each
MICROSECONDS = 1_000_000
_YEAR_1 = datetime.min.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one captured row asks the offline store about one view."""

    at: datetime  # when it was answered, by the wall clock
    moment: float  # for which the value is wanted, seconds since the epoch
    keys: Mapping[str, Any]  # the view's key columns
    newer: float | None = None  # event time of a row that the online store told to be later than the moment


def ask(
    catalog: Catalog, view: ViewPlan, questions: Sequence[Question], *, propagation: timedelta
) -> list[OfflineAnswer | None]:
    """The answer to each question; None where a state that counts has expired or is one too many to read.

    A table that is not there has no rows: training would not see any either.
    """
    try:
        states = catalog.log(view.table)
    except LookupError:
        states = ()
    wanted = [shown(states, question.at, propagation) for question in questions]
    order = {state.snapshot_id: number for number, state in enumerate(states)}
    ids = sorted({each for ids in wanted for each in ids or () if each is not None}, key=order.__getitem__)
    found: dict[tuple[int, int | None], Values] = {}
    newer: set[int] = set()
    for state in ids[:MAX_STATES]:
        mine = [i for i, its in enumerate(wanted) if its and state in its]
        for i, values in zip(mine, _values(catalog, view, state, [questions[i] for i in mine]), strict=True):
            found[i, state] = values
        later = [i for i in mine if questions[i].newer is not None and i not in newer]
        newer.update(_with_newer(catalog, view, state, questions, later))
    nothing = dict.fromkeys(view.outputs)
    readable = {None, *ids[:MAX_STATES]}
    return [
        OfflineAnswer(
            candidates=tuple(found.get((i, state), nothing) for state in its), holds_newer=i in newer
        )
        if its is not None and readable.issuperset(its)
        else None
        for i, its in enumerate(wanted)
    ]


def _values(catalog: Catalog, view: ViewPlan, state: int, questions: Sequence[Question]) -> list[Values]:
    """The point-in-time join of each question's entity and moment, without defaults: they are no values."""
    bare = replace(view, defaults={})
    rows = _rows(catalog, bare, state, questions)
    if rows is None:
        return [dict.fromkeys(view.outputs)] * len(questions)
    batches = (batch.select(columns_of(bare)) for batch in rows)
    joined = join_stream(_labels(view, rows.schema, questions), bare, batches, moment=MOMENT)
    values: list[Values] = joined.select(list(view.outputs)).to_pylist()
    return values


def _with_newer(
    catalog: Catalog, view: ViewPlan, state: int, questions: Sequence[Question], which: Sequence[int]
) -> list[int]:
    """Those of the questions whose newer row is there, at the very second that was told."""
    told = [(questions[i], questions[i].newer) for i in which]
    asked = [replace(question, moment=newer) for question, newer in told if newer is not None]
    exact = replace(view, ttl_seconds=0, outputs={THERE: "bool"}, defaults={})
    rows = _rows(catalog, replace(exact, outputs={}), state, asked) if asked else None
    if rows is None:
        return []
    there = (
        batch.append_column(THERE, pa.repeat(pa.scalar(True), batch.num_rows)).select(columns_of(exact))
        for batch in rows
    )
    joined = join_stream(_labels(view, rows.schema, asked), exact, there, moment=MOMENT)
    return [i for i, is_there in zip(which, joined[THERE].to_pylist(), strict=True) if is_there]


def _rows(
    catalog: Catalog, view: ViewPlan, state: int, questions: Sequence[Question]
) -> pa.RecordBatchReader | None:
    """The view's rows that may answer, as a stream; None where the state lacks its columns."""
    moments = [question.moment for question in questions]
    first, last = _time(min(moments) - view.ttl_seconds), _time(max(moments))
    within = f"event_ts >= '{first.isoformat()}' and event_ts <= '{last.isoformat()}'"
    rows = catalog.batches(
        view.table, row_filter=f"feature_hash == '{view.hash}' and {within}", snapshot_id=state
    )
    return rows if set(rows.schema.names).issuperset(columns_of(view)) else None


def _labels(view: ViewPlan, rows: pa.Schema, questions: Sequence[Question]) -> pa.Table:
    keys = {
        key: _array([question.keys.get(key) for question in questions], rows.field(key)) for key in view.keys
    }
    micros = [round(question.moment * MICROSECONDS) for question in questions]
    return pa.table({**keys, MOMENT: pa.array(micros, pa.timestamp("us", tz="UTC"))})


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """Keys in the type of the rows; what cannot be of it is no entity's."""
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, TypeError):
        return pa.concat_arrays([_one(value, field) for value in values])


def _one(value: Any, field: pa.Field) -> pa.Array:
    try:
        return pa.array([value], field.type)
    except (pa.ArrowException, OverflowError, TypeError):
        return pa.nulls(1, field.type)


def _time(moment: float) -> datetime:
    """Years before 1 are cut: no row is as old."""
    return datetime.fromtimestamp(max(moment, _YEAR_1), UTC)
