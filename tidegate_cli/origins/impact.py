"""What rows became, gathered from AWS: values of features, training runs, models, predictions."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from boto3.dynamodb.types import TypeDeserializer

from tidegate import lake_keys
from tidegate.aws import origins
from tidegate.aws.objects import get_bytes, get_json
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.feature_store.ticks import Interval
from tidegate.ingestion.snapshots import iso
from tidegate.origins import source_rows
from tidegate.origins.captured import Index
from tidegate.origins.history import History
from tidegate.origins.impact import Impact, Prediction, Touch, Value, values_of
from tidegate_cli import ledger
from tidegate_cli.failure import CommandError
from tidegate_cli.origins import runs
from tidegate_cli.origins.runs import TrainingRun
from tidegate_cli.place import Place

_DESERIALIZE = TypeDeserializer().deserialize


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Rows that are asked about: of one drop, or with these values; both None is all of them."""

    dataset: str
    drop_id: str | None = None
    entity: Mapping[str, str] | None = None


def impact(place: Place, asked: Asked, shown: int) -> dict[str, Any]:
    """What the rows became, as JSON.

    Args:
        shown: ids of the newest predictions, at most.

    Raises:
        CommandError: no row of the dataset is asked about.
    """
    history = origins.history(
        place.client("glue"), place.client("s3"), place.outputs["GlueDatabase"], asked.dataset
    )
    plans = views(place, asked.dataset)
    touches = list(_touches(place, asked, history, plans))
    if asked.entity is not None and not touches:
        named = ", ".join(f"{name}={value}" for name, value in asked.entity.items())
        raise CommandError(
            f"no row of `{asked.dataset}` has {named}", hint="tidegate data read --limit 3 shows its columns"
        )
    found = Impact(history, touches)
    every = runs.every(place)
    drops = ledger.some(place, (touch.drop_id for touch in touches))
    return {
        "asked": {"dataset": asked.dataset, "drop_id": asked.drop_id, "entity": asked.entity},
        "rows": sum(touch.rows for touch in touches),
        "drops": [_drop(touch, drops) for touch in touches],
        "views": list(_views(place, plans, touches)),
        "training": [_run(run, found) for run in every if found.of_run(run.lineage())],
        "predictions": _predictions(place, found, every, plans, shown),
    }


def views(place: Place, dataset: str) -> dict[str, ViewPlan]:
    """Every version of every view of a dataset that was computed or trained on."""
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=lake_keys.FEATURE_SETS)
    found: dict[str, ViewPlan] = {}
    for page in pages:
        for item in page.get("Contents", []):
            plan = FeatureSetPlan.from_json(get_json(s3, bucket, item["Key"]))
            found |= {view.version: view for view in plan.views if view.source.dataset == dataset}
    return found


def _touches(place: Place, asked: Asked, history: History, plans: Mapping[str, ViewPlan]) -> Iterator[Touch]:
    """One for each drop that has rows that are asked about."""
    recorded = [state.drop_id for state in history.line(history.current) if state.drop_id]
    ids = [drop for drop in reversed(recorded) if asked.drop_id in (None, drop)]
    columns = dict.fromkeys(name for view in plans.values() for name in source_rows.columns_of(view))
    names = list(dict.fromkeys([*columns, *(asked.entity or {})]))
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    tables: dict[str, list[pa.Table]] = {}
    for drop_id, rows in origins.rows_of_drops(s3, bucket, asked.dataset, ids, names):
        tables.setdefault(drop_id, []).append(rows)
    for drop_id, parts in tables.items():
        mine = np.concatenate([source_rows.equal(part, asked.entity or {}) for part in parts])
        rows = pa.concat_tables(parts, promote_options="permissive")  # none of no columns, without views
        span = history.span(drop_id)
        if span is not None and mine.any():
            spans = {version: source_rows.spans(view, rows, mine) for version, view in plans.items()}
            yield Touch(drop_id=drop_id, rows=int(mine.sum()), first=span[0], gone=span[1], views=spans)


def _drop(touch: Touch, drops: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    key = drops.get(touch.drop_id, {}).get("key", "")
    return {"drop_id": touch.drop_id, "key": key, "rows": touch.rows, "replaced": touch.gone is not None}


def _views(place: Place, plans: Mapping[str, ViewPlan], touches: Sequence[Touch]) -> Iterator[dict[str, Any]]:
    """Of each version: entities and values, as far as it was computed; a retired one has none."""
    computed = _computed(place, list(plans))
    for version, view in plans.items():
        last = computed.get(version)
        together: dict[str, list[Interval]] = {}
        for touch in touches:
            for entity, spans in touch.views[version].items():
                together.setdefault(entity, []).extend(spans)
        merged = {entity: source_rows.apart(spans, view.every_seconds) for entity, spans in together.items()}
        yield {
            "view": version,
            "entities": len(merged),
            "values": 0 if last is None else values_of(merged, view.every_seconds, last),
            "computed_to": None if last is None else iso(datetime.fromtimestamp(last, UTC)),
        }


def _computed(place: Place, versions: Sequence[str]) -> dict[str, int]:
    """The last tick that each version was computed to."""
    client, table = place.client("dynamodb"), place.outputs["StateTable"]
    found = {}
    for version in versions:
        item = client.get_item(TableName=table, Key={"id": {"S": f"view#{version}"}}).get("Item")
        if item is not None and "computed_to" in item:
            found[version] = int(_DESERIALIZE(item["computed_to"]))
    return found


def _run(run: TrainingRun, found: Impact) -> dict[str, Any]:
    drops = sorted(found.of_run(run.lineage()))
    version = run.package_arn.rpartition("/")[2]
    return {
        "run": run.run,
        "model_run": run.model_run,
        "ended": run.ended,
        "snapshot": f"{run.dataset}@{run.snapshot_id}",
        "version": int(version) if version.isdecimal() else None,
        "drops": drops,
    }


def _predictions(
    place: Place, found: Impact, every: Sequence[TrainingRun], plans: Mapping[str, ViewPlan], shown: int
) -> dict[str, Any]:
    """Counts, of each model too, and the newest of them."""
    # a model that was registered again by a later run is still of the rows of its own
    of_model = {run.model_run: run.lineage() for run in every if run.run == run.model_run}
    counts = {"captured": 0, "touched": 0, "by_model": 0, "by_values": 0}
    models: dict[str, int] = {}
    newest: list[tuple[int, str]] = []
    for at, prediction in _captured(place, plans):
        counts["captured"] += 1
        reasons = found.of_prediction(prediction, of_model.get(prediction.model))
        if not reasons:
            continue
        counts["touched"] += 1
        counts["by_model"] += reasons.by_model
        counts["by_values"] += bool(reasons.by_values)
        models[prediction.model] = models.get(prediction.model, 0) + 1
        newest.append((at, prediction.inference_id))
        if len(newest) > max(1000, 2 * shown):
            newest = sorted(newest, reverse=True)[:shown]
    listed = [
        {"inference_id": inference_id, "at": iso(datetime.fromtimestamp(at, UTC))}
        for at, inference_id in sorted(newest, reverse=True)[:shown]
    ]
    return {**counts, "models": models, "newest": listed}


def _captured(place: Place, plans: Mapping[str, ViewPlan]) -> Iterator[tuple[int, Prediction]]:
    """Every captured request once, with when it was answered: those of the index, then the files since."""
    s3, bucket = place.client("s3"), place.outputs["LakeBucket"]
    parts = origins.indexes(s3, bucket)
    rest = Index(plans.get)
    for file in origins.unindexed(s3, bucket, place.outputs["EndpointName"], origins.watermark(parts)):
        rest.add_file(file.key, get_bytes(s3, bucket, file.key))
    seen: set[str] = set()
    indexed = (row for table in origins.all_rows(s3, bucket, parts) for row in table.to_pylist())
    for row in itertools.chain(indexed, rest.rows()):
        if row["inference_id"] in seen:
            continue
        seen.add(row["inference_id"])
        values = frozenset(
            Value(view=each["view"], entity=each["entity"], tick=each["et"], revision=each["rev"])
            for each in row["looked_up"]
        )
        yield row["at"], Prediction(inference_id=row["inference_id"], model=row["model"], values=values)
