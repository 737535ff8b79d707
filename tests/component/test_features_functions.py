"""From a dataset version to feature rows and a training set, as the state machines call the functions."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import io
import json
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from features_account import (  # noqa: F401
    CARRIERS,
    FLIGHTS,
    HOUR,
    ORIGINS,
    START,
    departed,
    flight,
    late,
    pipeline,
    plan_document,
    rate,
)

from tidegate.aws import feature_sets, online
from tidegate.errors import InsufficientDataError
from tidegate.feature_store.feature_plan import EntityValue
from tidegate.plan import Plan
from tidegate.training import tuning


def read_parquet(pipeline, uri):
    key = uri.removeprefix(f"s3://{pipeline.lake}/")
    [found] = pipeline.s3.list_objects_v2(Bucket=pipeline.lake, Prefix=key)["Contents"]
    body = pipeline.s3.get_object(Bucket=pipeline.lake, Key=found["Key"])["Body"].read()
    return pq.read_table(io.BytesIO(body))


def test_a_dataset_version_becomes_rows_offline_and_the_newest_online(pipeline):
    planned, computed, recorded = pipeline.run(pipeline.version(0, 71))

    assert (planned["engine"], planned["revision"]) == ("functions", 1)
    assert [(b["partitions"], b["of"]) for b in planned["batches"]] == [([0, 1], 2)]
    rows = pipeline.catalog.read("features_carrier_delay")
    assert recorded["rows"] == sum(part["rows"] for part in computed)
    assert recorded["online_rows"] == len(CARRIERS) + len(ORIGINS)
    assert set(rows["feature_hash"].to_pylist()) == {pipeline.features.views[0].hash}
    found = {(r["carrier"], r["event_ts"]): r["carrier_delay_rate_7d"] for r in rows.to_pylist()}
    expected = {
        (carrier, departed(hour)): pytest.approx(value)
        for hour in range(72)  # the last departure is on a tick, which sees it
        for carrier in CARRIERS
        if (value := rate(departed(hour), carrier=carrier, count=72)) is not None
    }
    assert found == expected

    newest = pipeline.look_up(departed(71))
    assert newest.values["carrier_delay_rate_7d"] == pytest.approx(rate(departed(71), carrier="UA", count=72))
    assert (newest.stale, newest.missing) == ((), ())


def test_the_same_version_again_changes_nothing(pipeline):
    version = pipeline.version(0, 47)
    pipeline.run(version)
    snapshot = pipeline.catalog.head("features_carrier_delay")
    before = pipeline.dynamodb.scan(TableName=pipeline.online)["Items"]
    planned, computed, recorded = pipeline.run(version)
    assert (planned["batches"], computed, recorded["rows"]) == ([], [], 0)
    assert pipeline.catalog.head("features_carrier_delay") == snapshot
    after = pipeline.dynamodb.scan(TableName=pipeline.online)["Items"]
    assert values(after) == values(before) and len(before) == len(CARRIERS) + len(ORIGINS)


def values(items):
    """What is stored of each entity; `exp` runs with the wall clock."""
    return {item["entity"]["S"]: (item["view"], item["v"], item["et"], item["kt"]) for item in items}


def test_a_drop_that_comes_late_corrects_the_ticks_that_should_have_seen_it(pipeline):
    pipeline.run(pipeline.version(48, 95))
    _, _, recorded = pipeline.run(pipeline.version(0, 23))
    delivered = [*range(24), *range(48, 96)]
    found = pipeline.look_up(departed(96)).values["carrier_delay_rate_7d"]
    assert found == pytest.approx(rate(departed(95), carrier="UA", numbers=delivered))
    assert found != pytest.approx(rate(departed(95), carrier="UA", numbers=range(48, 96)))
    assert (recorded["online_rows"], recorded["newer_there"]) == (5, 0)
    ticks = pipeline.catalog.read("features_origin_delay")["event_ts"].to_pylist()
    assert min(ticks) == departed(3) and max(ticks) == departed(95)  # nothing has landed before 3:00


def test_a_drop_of_long_ago_leaves_the_newer_value_online(pipeline):
    pipeline.run(pipeline.version(300, 311))
    newest = pipeline.look_up(departed(312)).values
    planned, _, recorded = pipeline.run(pipeline.version(0, 23))
    # ticks 0 to 23 + 168 of two views; the first run computed 300 to 311
    assert planned["ticks"] == 2 * (23 + 168 + 1)
    assert (recorded["online_rows"], recorded["newer_there"]) == (0, 5)
    assert pipeline.look_up(departed(312)).values == newest


@pytest.fixture
def one_value(pipeline):
    """UA's carrier_delay with a value of one tick, written straight into the store."""
    view = pipeline.features.views[0]

    def write(event_ts, value, revision=1):
        entity = EntityValue(
            entity="carrier_delay|UA",
            outputs={"carrier_delay_rate_7d": value},
            event_ts=event_ts,
            known_ts=event_ts,
            revision=revision,
        )
        return online.write(pipeline.dynamodb, pipeline.online, view, [entity])

    return write


def test_a_value_is_used_up_to_the_second_of_its_ttl(pipeline, one_value):
    tick = int(START.timestamp())
    ttl = timedelta(days=14)
    one_value(tick, 0.25)
    column = "carrier_delay_rate_7d"
    assert pipeline.look_up(START + ttl).values[column] == 0.25
    too_late = pipeline.look_up(START + ttl + timedelta(seconds=1))
    assert (too_late.values[column], too_late.stale) == (None, (column,))
    too_early = pipeline.look_up(START - timedelta(seconds=1))
    assert too_early.values[column] is None and column in too_early.missing
    assert pipeline.look_up(START).values[column] == 0.25


def test_an_older_value_never_replaces_a_newer_one_and_an_equal_one_does(pipeline, one_value):
    tick = int(START.timestamp())
    assert one_value(tick, 0.5) == 1
    assert one_value(tick - 1, 0.1) == 0
    assert pipeline.look_up(START + HOUR).values["carrier_delay_rate_7d"] == 0.5
    assert one_value(tick, 0.6) == 1
    assert one_value(tick + 1, None) == 1  # the newest may be missing; it is not stale
    found = pipeline.look_up(START + HOUR)
    assert (found.values["carrier_delay_rate_7d"], found.stale) == (None, ())


def test_of_one_tick_the_value_of_the_higher_revision_stays(pipeline, one_value):
    tick = int(START.timestamp())
    assert one_value(tick, 0.5, revision=3) == 1
    assert one_value(tick, 0.1, revision=2) == 0
    assert pipeline.look_up(START + HOUR).values["carrier_delay_rate_7d"] == 0.5
    assert one_value(tick, 0.7, revision=4) == 1
    assert one_value(tick + 1, 0.9, revision=1) == 1  # a newer tick is newer whatever it was made from
    assert pipeline.look_up(START + HOUR).values["carrier_delay_rate_7d"] == 0.9


def test_many_rows_are_looked_up_in_few_reads(pipeline, one_value):
    one_value(int(START.timestamp()), 0.5)
    rows = [{"carrier": f"C{n}", "origin": "EWR"} for n in range(150)] + [{"carrier": "UA"}]
    [view] = [view for view in pipeline.features.views if view.name == "carrier_delay"]
    moments = [START.timestamp()] * len(rows)
    found = online.read(pipeline.dynamodb, pipeline.online, [view], rows, moments).views
    members = [views[view.version] for views in found]
    assert members[:150] == [{"state": "missing"}] * 150
    assert members[150]["v"] == {"carrier_delay_rate_7d": 0.5}


def test_the_training_set_sees_each_flight_as_its_moment_did(pipeline):
    pipeline.run(pipeline.version(0, 312))
    served = pipeline.look_up(departed(312), CARRIERS[312 % 3], ORIGINS[312 % 2]).values
    pipeline.run(pipeline.version(313, FLIGHTS - 1))
    built = pipeline.call("build_training_set", {"run": "run-1"})

    train, test = read_parquet(pipeline, built["train_uri"]), read_parquet(pipeline, built["test_uri"])
    # the last flight is 359: test is 312..359, training ends six hours before 311
    assert [round((m - START) / HOUR) for m in train["event_ts"].to_pylist()] == list(range(305))
    assert [round((m - START) / HOUR) for m in test["event_ts"].to_pylist()] == list(range(312, 360))
    assert (built["rows"], built["test_rows"]) == (305, 48)
    assert train["label"].to_pylist() == [late(n) for n in range(305)]
    assert test["carrier_delay_rate_7d"].to_pylist() == [
        pytest.approx(rate(departed(n), carrier=CARRIERS[n % 3])) for n in range(312, 360)
    ]
    # flight 3 departs as flight 0 of its carrier lands, late
    assert train["carrier_delay_rate_7d"].to_pylist()[:4] == [None, None, None, 1.0]
    [trained] = test.slice(0, 1).select(list(served)).to_pylist()
    assert trained == served  # no skew between the value served at a moment and the one trained on
    assert (built["champion_package_arn"], built["champion_model_uri"]) == (None, None)
    head = pipeline.catalog.head("flights")
    assert built["snapshot"] == f"flights@{head.snapshot_id}"
    assert pipeline.catalog.read("flights", tag="run-run-1").num_rows == FLIGHTS
    # a model of this run may serve when features.py has moved on
    assert feature_sets.get(pipeline.s3, pipeline.lake, built["feature_hash"]) == pipeline.features


def test_a_warm_search_begins_with_the_searches_of_its_kind_and_keeps_checkpoints_of_its_run(pipeline):
    pipeline.run(pipeline.version(0, 179))
    cold = pipeline.call("build_training_set", {"run": "run-1"})["tuning"]
    assert list(cold["request"]) == ["HyperParameterTuningJobConfig"]
    assert list(cold["definition"]) == ["StoppingCondition"]
    document = json.loads((pipeline.folder / "plan.json").read_text())
    document["config"]["training"]["tuning"] |= {"warm_start": 1, "spot": True}
    (pipeline.folder / "plan.json").write_text(json.dumps(document))
    pipeline.forget()
    kind = tuning.kind(Plan.load(pipeline.folder).config.training)
    for name in ("tune-1", "tune-2"):
        pipeline.facts.record_search(kind, name)
    warm = pipeline.call("build_training_set", {"run": "run-2"})["tuning"]
    [parent] = warm["request"]["WarmStartConfig"]["ParentHyperParameterTuningJobs"]
    assert parent == {"HyperParameterTuningJobName": "tune-2"}
    assert warm["definition"]["CheckpointConfig"]["S3Uri"] == f"s3://{pipeline.lake}/checkpoints/run-2/"


def test_a_retried_run_tags_the_state_that_its_rows_are_of_and_another_run_its_own(pipeline):
    pipeline.run(pipeline.version(0, 179))
    first = pipeline.call("build_training_set", {"run": "run-1"})
    pipeline.run(pipeline.version(180, 239))
    other = pipeline.call("build_training_set", {"run": "run-2"})
    again = pipeline.call("build_training_set", {"run": "run-1"})
    assert first["snapshot"] != again["snapshot"] == other["snapshot"]
    assert pipeline.catalog.head("flights").tags == ("run-run-1", "run-run-2")
    assert pipeline.catalog.read("flights", tag="run-run-1").num_rows == 240


def test_the_baseline_holds_the_columns_a_caller_sends_and_the_champion_is_named(pipeline):
    pipeline.run(pipeline.version(0, 179))
    arn = champion(pipeline, "s3://lake/models/model.tar.gz")
    built = pipeline.call("build_training_set", {"run": "run-3"})
    assert built["champion_package_arn"] == arn
    assert built["champion_model_uri"] == "s3://lake/models/model.tar.gz"

    prefix = built["baseline_uri"].removeprefix(f"s3://{pipeline.lake}/")
    body = pipeline.s3.get_object(Bucket=pipeline.lake, Key=f"{prefix}statistics.json")["Body"].read()
    features = {each["name"]: each for each in json.loads(body)["features"]}
    assert set(features) == set(pipeline.features.request) - {"scheduled_departure"}
    # 125 flights, of which every tenth has no wind
    wind = features["wind_speed"]["numerical_statistics"]
    assert (built["rows"], wind["mean"]) == (125, 5.0)
    assert wind["common"] == {"num_present": 112, "num_missing": 13}
    distances = [flight(n)["distance"] for n in range(125)]
    assert features["distance"]["numerical_statistics"]["mean"] == pytest.approx(np.mean(distances))


def champion(pipeline, model_uri):
    """Register a package and make it the one that serves."""
    sagemaker, group = pipeline.aws.client("sagemaker"), pipeline.aws.name("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    specification = {
        "Containers": [{"Image": "image", "ModelDataUrl": model_uri}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    arn = sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=specification)[
        "ModelPackageArn"
    ]
    texts = {"id": "champion", "model_package_arn": arn, "model_name": "m", "variant": "a", "since": "2013"}
    item = {name: {"S": value} for name, value in texts.items()} | {"model_version": {"N": "1"}}
    pipeline.dynamodb.put_item(TableName=pipeline.state, Item=item)
    return arn


def test_without_any_drop_training_is_skipped_with_the_reason(pipeline):
    with pytest.raises(InsufficientDataError, match="dataset `flights` has no rows yet"):
        pipeline.call("build_training_set", {"run": "run-5"})


def test_without_rows_of_this_feature_version_training_is_skipped_with_the_reason(pipeline):
    pipeline.version(0, 10)
    with pytest.raises(InsufficientDataError, match=r"`carrier_delay@[0-9a-f]{16}` has no rows"):
        pipeline.call("build_training_set", {"run": "run-6"})


def test_with_too_few_rows_training_is_skipped_with_the_numbers(pipeline):
    pipeline.run(pipeline.version(0, 100))
    with pytest.raises(InsufficientDataError, match="46 rows to train on, at least 100 are needed"):
        pipeline.call("build_training_set", {"run": "run-7"})
