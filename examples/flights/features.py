"""Will this flight arrive 15 minutes late or more, or not at all? What is known at its scheduled departure.

Temperature, dew point and pressure are left out on purpose: to a model trained on one winter they only name
the season, and that model would be asked about the next one.
"""

import numpy as np

from tidegate.features import Array, Entity, FeatureSet, Label, Source, aggregate, transform

flights = Source("flights", event_ts="scheduled_departure", known_ts="landed_at")

late = Label(
    "late",
    source=flights,
    sql="case when arr_delay >= 15 or arr_delay is null then 1 else 0 end",
)

carrier_delay = aggregate(
    view="carrier_delay",
    source=flights,
    keys=[Entity("carrier")],
    window="7d",
    every="1h",
    ttl="14d",
    sql="""
        select carrier, avg(case when arr_delay >= 15 or arr_delay is null then 1.0 else 0.0 end)
            as carrier_delay_rate_7d
        from source group by carrier
    """,
    outputs={"carrier_delay_rate_7d": "float64"},
)

origin_delay = aggregate(
    view="origin_delay",
    source=flights,
    keys=[Entity("origin")],
    window="7d",
    every="1h",
    ttl="14d",
    sql="""
        select origin, avg(case when arr_delay >= 15 or arr_delay is null then 1.0 else 0.0 end)
            as origin_delay_rate_7d
        from source group by origin
    """,
    outputs={"origin_delay_rate_7d": "float64"},
)


@transform(inputs={"hour": "int64"}, outputs={"hour_sin": "float64", "hour_cos": "float64"})
def time_of_day(hour: Array) -> tuple[Array, Array]:
    """23:00 and 00:00 are neighbours."""
    angle = 2 * np.pi * hour / 24
    return np.sin(angle), np.cos(angle)


@transform(inputs={"scheduled_departure": "timestamp"}, outputs={"day_of_week": "float64"})
def day_of_week(scheduled_departure: Array) -> tuple[Array]:
    """0 is Monday, in UTC. Timestamps come as float seconds since the epoch; 1970-01-01 was a Thursday."""
    return ((np.floor(scheduled_departure / 86400) + 3) % 7,)


@transform(inputs={"distance": "float64"}, outputs={"log_distance": "float64"})
def log_distance(distance: Array) -> tuple[Array]:
    return (np.log1p(distance),)


flight_delay = FeatureSet(
    name="flight_delay",
    label=late,
    request=[
        "scheduled_departure",
        "carrier",
        "origin",
        "dest",
        "distance",
        "hour",
        "humid",
        "wind_speed",
        "precip",
        "visib",
    ],
    aggregates=[carrier_delay, origin_delay],
    transforms=[time_of_day, day_of_week, log_distance],
    features=[
        "carrier",
        "origin",
        "dest",
        "humid",
        "wind_speed",
        "precip",
        "visib",
        "hour",
        "hour_sin",
        "hour_cos",
        "day_of_week",
        "log_distance",
        "carrier_delay_rate_7d",
        "origin_delay_rate_7d",
    ],
)
