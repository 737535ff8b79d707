"""What happens in the month, day by day: traffic, drops, labels and the faults on their days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

WEEK = timedelta(days=7)
DAYS = 31
# of so many flights one is asked about by itself, and its outcome told; the others hour by hour
SINGLE_EVERY = 12

BROKEN_DAY = 8  # its drop has a renamed column and Celsius
DRIFT_DAYS = range(12, 16)  # callers send wind in km/h, a third of visibility, all from one airport
OUTAGE_DAY = 20  # somebody deletes the endpoint, and puts it back an hour later
LATE_DAYS = range(16, 19)  # outcomes told on LATE_TOLD
LATE_TOLD = 23


@dataclass(frozen=True)
class Day:
    """Flights of one day, as they are asked about and as they are dropped once they are over."""

    number: int  # from 1
    flights: pa.Table
    asked: pa.Table  # the same rows; the drift is in the requests alone

    @property
    def singles(self) -> pa.Table:
        return self.asked.take(pa.array(range(0, self.asked.num_rows, SINGLE_EVERY)))

    def batches(self) -> Iterator[pa.Table]:
        """The rest, by hour of departure, as a dispatcher asks for them."""
        rows = pa.array([i for i in range(self.asked.num_rows) if i % SINGLE_EVERY])
        rest = self.asked.take(rows)
        hours = rest["hour"].to_pylist()
        for hour in sorted(set(hours)):
            yield rest.filter(pc.equal(rest["hour"], hour))


def days(data: ModuleType, month: int, by: timedelta) -> Iterator[Day]:
    """The days of a month of 2013, moved."""
    table = moved(data.flights([month]), by)
    moments = table["scheduled_departure"].cast(pa.timestamp("s"))
    start = pc.min(moments).as_py().replace(hour=0, minute=0, second=0)
    for number in range(1, DAYS + 1):
        low = start + timedelta(days=number - 1)
        inside = pc.and_(pc.greater_equal(moments, low), pc.less(moments, low + timedelta(days=1)))
        flights = table.filter(inside)
        yield Day(number, flights, drifted(flights) if number in DRIFT_DAYS else flights)


def moved(table: pa.Table, by: timedelta) -> pa.Table:
    """Every time moved by whole weeks; ids begin with their departure, so they move too."""
    for name in ("scheduled_departure", "landed_at"):
        later = pc.add(table[name].cast(pa.timestamp("us")), pa.scalar(by, pa.duration("us")))
        table = table.set_column(table.column_names.index(name), name, later)
    stamps = pc.strftime(table["scheduled_departure"].cast(pa.timestamp("s")), format="%Y%m%dT%H%MZ")
    rest = pc.utf8_slice_codeunits(table["flight_id"], 14)
    ids = pc.binary_join_element_wise(stamps, rest, "")
    return table.set_column(table.column_names.index("flight_id"), "flight_id", ids)


def weeks_to(first: datetime, month: int) -> timedelta:
    """By how many whole weeks that month of 2013 moves to begin at `first` or within the week after."""
    return -((datetime(2013, month, 1) - first) // WEEK) * WEEK  # noqa: DTZ001  UTC, as in the tables


def drifted(table: pa.Table) -> pa.Table:
    """Wind in km/h instead of mph, and visibility a third of what it is."""
    changes: Mapping[str, Any] = {
        "wind_speed": pc.multiply(table["wind_speed"], 1.609),
        "visib": pc.divide(table["visib"], 3.0),
        "origin": pa.array(["JFK"] * table.num_rows),
    }
    for name, column in changes.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table
