"""Feast's historical features from files, defined as its guide does: `... duckdb|dask ROWS LABELS`."""

import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
import peak

os.environ["FEAST_USAGE"] = "False"

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64

store_kind, rows, labels = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "feature_store.yaml").write_text(
        f"""
project: bench
registry: {folder}/registry.db
provider: local
online_store: {{type: sqlite, path: {folder}/online.db}}
offline_store: {{type: {store_kind}}}
entity_key_serialization_version: 3
"""
    )
    entity = Entity(name="eid", join_keys=["eid"], value_type=ValueType.INT64)
    view = FeatureView(
        name="fv",
        entities=[entity],
        ttl=timedelta(days=7),
        schema=[Field(name=f"f{i}", dtype=Float64) for i in range(5)],
        source=FileSource(path=rows, timestamp_field="event_ts", created_timestamp_column="known_ts"),
        online=True,
    )
    service = FeatureService(name="svc", features=[view])
    store = FeatureStore(repo_path=folder)
    store.apply([entity, view, service])
    wanted = pd.read_parquet(labels).rename(columns={"label_ts": "event_timestamp"})
    wanted["event_timestamp"] = wanted["event_timestamp"].dt.tz_localize("UTC")
    made = store.get_historical_features(entity_df=wanted, features=service).to_df()
    total = float(made["f0"].sum())
    print(json.dumps({"rows": len(made), "sum": total, "megabytes": peak.megabytes()}))
