"""The least that makes a pipeline of made-up customers: ingestion is what is measured."""

from tidegate.features import FeatureSet, Label, Source

customers = Source("customers", event_ts="event_ts", known_ts="event_ts")

left = Label("left", source=customers, sql="label")

feature_set = FeatureSet(
    name="customers",
    label=left,
    request=["event_ts", "age", "plan", "balance"],
    features=["age", "plan", "balance"],
)
