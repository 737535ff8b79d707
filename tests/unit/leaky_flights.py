"""Flights of January and February as the training job sees them, for leaks to be planted in."""

import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.compute as pc

from tidegate.feature_store.computation import compute
from tidegate.feature_store.feature_file import load, plan_of
from tidegate.feature_store.transforms import feature_columns
from tidegate.leaks.sample import Sample
from tidegate.serving.instances import from_table
from tidegate.training.splits import Timeline, expanding
from tidegate.training.training_set import KNOWN, LABEL, MOMENT, labelled

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
GAP = 36 * 3600.0
# what the contract has and no honest request holds, and the number by which rows are told apart
OUTCOMES = ("flight_id", "flight", "dep_delay", "arr_delay", "landed_at")
TEXTS = ("flight_id", "carrier", "origin", "dest", "tailnum")
TIMES = ("scheduled_departure", "landed_at")


@cache
def table(months=(1, 2)):
    """Labelled rows of the example with its aggregates, and beside them OUTCOMES and the tail number."""
    data = runpy.run_path(str(FLIGHTS / "data.py"))
    rows = data["flights"](list(months))
    for name in TIMES:
        rows = rows.set_column(
            rows.column_names.index(name), name, pc.assume_timezone(rows[name].cast("timestamp[us]"), "UTC")
        )
    plan = plan_of(load(FLIGHTS / "features.py", "flight_delay"), "flight_delay")
    times = rows["scheduled_departure"]
    span = {"start": pc.min(times).as_py(), "stop": pc.max(times).as_py()}
    with_outcomes = replace(plan, request=(*plan.request, *OUTCOMES))
    made = labelled(with_outcomes, rows, lambda view, _: compute(view, rows, revision=1, **span).to_batches())
    flights = data["_sources"]()[0]
    with duckdb.connect() as connection:
        connection.register("made", made)
        connection.register("flights", flights)
        return connection.sql("""
            select made.*, tailnum from made left join (
                select strftime(time_hour + to_minutes(minute::bigint), '%Y%m%dT%H%MZ-') || carrier || flight
                    || '-' || origin as flight_id, tailnum from flights
            ) using (flight_id) order by event_ts, flight_id
        """).to_arrow_table()


@cache
def raw(months=(1, 2)):
    """Its columns as arrays."""
    rows = table(months)
    types = dict.fromkeys(rows.column_names, "number") | dict.fromkeys(TEXTS, "string")
    return from_table(rows, types | dict.fromkeys((*TIMES, MOMENT, KNOWN), "timestamp"))


def honest(months=(1, 2)):
    """The example's own training rows, folds and gap."""
    columns = raw(months)
    timeline = Timeline(columns[MOMENT], columns[KNOWN], columns[LABEL].astype(np.int8))
    return Sample(
        columns=feature_columns(load(FLIGHTS / "features.py", "flight_delay"), columns),
        rows=timeline,
        folds=list(expanding(timeline.moments, 3, GAP, known=timeline.known)),
        gap_seconds=GAP,
    )


def with_column(name, values):
    sample = honest()
    return replace(sample, columns={**sample.columns, name: values})
