"""How warm will it be tomorrow at this hour? What is known when an hour has been observed."""

import numpy as np

from tidegate.features import Array, Entity, FeatureSet, Label, Source, aggregate, transform

weather = Source("weather", event_ts="observed_at", known_ts="next_day_known_at")

tomorrow = Label("temp_next_day", source=weather, sql="temp_next_day")

recent = aggregate(
    view="recent",
    source=weather,
    keys=[Entity("origin")],
    window="7d",
    every="6h",
    ttl="14d",
    sql="select origin, avg(temp_next_day) as week_mean from source group by origin",
    outputs={"week_mean": "float64"},
)


@transform(inputs={"observed_at": "timestamp"}, outputs={"hour_sin": "float64", "hour_cos": "float64"})
def time_of_day(observed_at: Array) -> tuple[Array, Array]:
    angle = 2 * np.pi * (observed_at % 86400) / 86400
    return np.sin(angle), np.cos(angle)


next_day = FeatureSet(
    name="next_day",
    label=tomorrow,
    request=["observed_at", "origin", "temp", "dewp", "humid", "wind_speed", "pressure"],
    aggregates=[recent],
    transforms=[time_of_day],
    features=[
        "temp",
        "dewp",
        "humid",
        "wind_speed",
        "pressure",
        "week_mean",
        "hour_sin",
        "hour_cos",
        "origin",
    ],
)
