"""Everything that made one prediction, gathered from AWS: model, training data, values looked up, outcome."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tidegate.aws import feature_sets, origins
from tidegate.errors import TidegateError
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan
from tidegate.feature_store.looked_up import VIEWS, lack_of
from tidegate.ingestion.snapshots import VERDICT, Snapshot, iso
from tidegate.moments import seconds
from tidegate.origins import source_rows
from tidegate.origins.history import History
from tidegate_cli import ledger
from tidegate_cli.failure import CommandError
from tidegate_cli.origins import captures, runs
from tidegate_cli.origins.captures import Captured
from tidegate_cli.origins.explained import explain
from tidegate_cli.origins.runs import TrainingRun
from tidegate_cli.place import Place


@dataclass(frozen=True)
class _Known:
    """What is read once: states of the dataset, and the ledger's rows of its drops."""

    place: Place
    history: History
    drops: Mapping[str, Mapping[str, Any]]


def why(place: Place, inference_id: str, position: int) -> dict[str, Any]:
    """The walk from a prediction to its rows, as JSON; a part that nobody knows any more says so.

    Args:
        position: which instance of the request, from 0.

    Raises:
        CommandError: there is no such captured prediction or instance.
    """
    found = captures.find(place, inference_id)
    if position >= len(found.instances):
        raise CommandError(
            f"`{inference_id}` has {len(found.instances)} instances", hint="--instance counts from 0"
        )
    run = runs.one(place, found.model)
    package = runs.package(place, run, found.model)
    dataset = run.dataset if run else ""
    history = (
        origins.history(place.client("glue"), place.client("s3"), place.outputs["GlueDatabase"], dataset)
        if dataset
        else History("", {}, None)
    )
    drops = ledger.some(place, (state.drop_id for state in history.states.values() if state.drop_id))
    score, plan = _score(place, found, position, package)
    plan = plan or _plan(place, run)
    known = _Known(place, history, drops)
    values = [] if plan is None else list(_values(known, plan, found.instances[position]))
    return {
        "prediction": _prediction(found, position),
        "outcome": _outcome(place, inference_id),
        "model": _model(found, package),
        "training": _training(run, history, drops),
        "score": score,
        "values": values,
    }


def _prediction(found: Captured, position: int) -> dict[str, Any]:
    instance = {name: value for name, value in found.instances[position].items() if name != VIEWS}
    return {
        "inference_id": found.inference_id,
        "at": found.at,
        "variant": found.variant,
        "answer": found.answers[position],
        "instance": instance,
        "position": position,
        "instances": len(found.instances),
        "capture": found.key,
        "repeated": found.repeated,
    }


def _outcome(place: Place, inference_id: str) -> dict[str, Any] | None:
    """What was told first of it; None while nothing was."""
    key = f"ground-truth/{inference_id[:2]}/{inference_id}.jsonl"
    try:
        answer = place.client("s3").get_object(Bucket=place.outputs["LakeBucket"], Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    record = json.loads(answer["Body"].read())
    return {"told": record["groundTruthData"]["data"], "observed": record["eventMetadata"]["observedTime"]}


def _model(found: Captured, package: Mapping[str, Any] | None) -> dict[str, Any]:
    if package is None:
        return {"run": found.model, "version": None, "reason": "its package is not in the registry"}
    return {
        "run": found.model,
        "version": package["ModelPackageVersion"],
        "arn": package["ModelPackageArn"],
        "approval": package.get("ModelApprovalStatus", ""),
        "model_uri": package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
    }


def _training(
    run: TrainingRun | None, history: History, drops: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    if run is None:
        return {"reason": "no lineage of the run is kept"}
    held = history.held(run.snapshot_id)
    state = history.states.get(run.snapshot_id or 0)
    told: dict[str, Any] = {**run.to_json(), "drops": [_drop(each, drops) for each in held]}
    if state is None:
        return told | {"reason": "the state of the dataset has expired"}
    return told | {"rows": state.total_rows, "recorded": iso(state.committed_at)}


def _drop(state: Snapshot, drops: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "drop_id": state.drop_id,
        "key": drops.get(state.drop_id, {}).get("key", ""),
        "rows": state.added_rows,
        "verdict": state.properties.get(VERDICT, ""),
        "recorded": iso(state.committed_at),
    }


def _score(
    place: Place, found: Captured, position: int, package: Mapping[str, Any] | None
) -> tuple[dict[str, Any], FeatureSetPlan | None]:
    if package is None:
        return {"reason": "the model is not in the registry"}, None
    uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    baseline = package.get("CustomerMetadataProperties", {}).get("baseline_uri", "")
    training = baseline.rstrip("/").rpartition("/")[0].rpartition("/")[2] or found.model
    try:
        told = explain(place, uri, found, position, training)
    except (TidegateError, ClientError, ValueError, KeyError, OSError) as cause:
        first = str(cause).partition("\n")[0]
        return {"reason": f"the model cannot be asked again: {first}"}, None
    by_feature = told.contributions.by_feature
    seen = told.features or {}
    features = [
        {"feature": name, "value": seen.get(name, found.instances[position].get(name)), "adds": added}
        for name, added in sorted(by_feature.items(), key=lambda pair: -abs(pair[1]))
    ]
    facts = {k: v for k, v in asdict(told.contributions).items() if k != "by_feature"}
    return {**facts, "features": features, "apart": told.apart}, told.plan


def _plan(place: Place, run: TrainingRun | None) -> FeatureSetPlan | None:
    """The feature set of a run whose model is gone; None where that is gone too."""
    if run is None or not run.feature_hash:
        return None
    try:
        return feature_sets.get(place.client("s3"), place.outputs["LakeBucket"], run.feature_hash)
    except LookupError:
        return None


def _values(known: _Known, plan: FeatureSetPlan, instance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was looked up for each view, and the drops whose rows are behind it."""
    moment = seconds(instance[plan.source.event_ts])
    members = instance.get(VIEWS) or {}
    for view in plan.views:
        member = members.get(view.version)
        lack = lack_of(view, member, moment)
        told = member or {}
        yield {
            "view": view.version,
            "entity": [instance.get(key) for key in view.keys],
            "state": lack or "usable",
            "outputs": {} if lack else {name: told["v"].get(name) for name in view.outputs},
            "event_ts": _iso(told.get("et")),
            "known_ts": _iso(told.get("kt", told.get("et"))) if not lack else None,
            "revision": told.get("rev"),
            "drops": [] if lack else _behind(known, view, instance, told),
        }


def _behind(
    known: _Known, view: ViewPlan, instance: Mapping[str, Any], member: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Drops with rows that the value was computed from, and how many."""
    history, drops = known.history, known.drops
    revision, tick = member.get("rev"), int(member["et"])
    state = None if revision is None else history.of_revision(int(revision))
    held = [
        each
        for each in history.held(state.snapshot_id if state else history.current)
        if _may_be_behind(view, drops.get(each.drop_id, {}), tick)
    ]
    ids = [each.drop_id for each in held]
    keys = {key: instance.get(key) for key in view.keys}
    seen: dict[str, list[source_rows.Seen]] = {}
    s3, bucket = known.place.client("s3"), known.place.outputs["LakeBucket"]
    columns = source_rows.columns_of(view)
    for drop_id, rows in origins.rows_of_drops(s3, bucket, history.table, ids, columns):
        if (mine := source_rows.behind(view, rows, keys, tick)) is not None:
            seen.setdefault(drop_id, []).append(mine)
    return [_rows_of(drop_id, parts, drops) for drop_id, parts in seen.items()]


def _rows_of(
    drop_id: str, parts: Sequence[source_rows.Seen], drops: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "drop_id": drop_id,
        "key": drops.get(drop_id, {}).get("key", ""),
        "rows": sum(part.rows for part in parts),
        "first_event": _iso(min(part.first_event for part in parts)),
        "last_event": _iso(max(part.last_event for part in parts)),
    }


def _may_be_behind(view: ViewPlan, drop: Mapping[str, Any], tick: int) -> bool:
    """By the event times of the drop's ledger row; those of a row without are not known."""
    if not drop.get("first_event") or not drop.get("last_event"):
        return True
    return (
        seconds(drop["first_event"]) <= tick and seconds(drop["last_event"]) > tick - view.window_seconds - 1
    )


def _iso(second: float | None) -> str | None:
    return None if second is None else iso(datetime.fromtimestamp(second, UTC)).replace(".000Z", "Z")
