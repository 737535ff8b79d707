"""MeasureSkew over stores that really hold the rows: clean traffic has no skew, faults are caught."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import numpy as np
import pyarrow as pa
import pytest
from serving_account import FLIGHTS, plan
from sklearn.ensemble import HistGradientBoostingClassifier

from tidegate.aws import online
from tidegate.aws.catalog import Catalog
from tidegate.feature_store.feature_file import load as load_features
from tidegate.feature_store.feature_plan import EntityValue
from tidegate.feature_store.transforms import feature_columns
from tidegate.messages.monitoring import CaptureWindow, SkewMeasured
from tidegate.serving.instances import from_json
from tidegate.training import artefact
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task
from training_jobs.serve import read
from training_jobs.serving.invocation import Invocation

NOON = datetime(2013, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIME = pa.timestamp("us", tz="UTC")
CARRIERS, ORIGINS = ("UA", "AA", "B6", "DL"), ("EWR", "JFK")
CARRIER, ORIGIN = "carrier_delay_rate_7d", "origin_delay_rate_7d"
FEATURES = plan().features.features
DEFINED = load_features(FLIGHTS / "features.py", "flight_delay")
TAMPERED = (FLIGHTS / "features.py").read_text().replace("np.log1p(distance)", "np.log(distance)")
RUN = "20130301120000-abcd"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """model.tar.gz of the example's features, as a training job leaves it."""
    folder = tmp_path_factory.mktemp("artefact") / "model"
    matrix = np.arange(40.0 * len(FEATURES)).reshape(40, -1)
    artefact.write(
        folder,
        task=Task("binary"),
        estimator=HistGradientBoostingClassifier(max_iter=1).fit(matrix, [0, 1] * 20),
        encoding=Encoding(FEATURES, {"carrier": CARRIERS, "origin": ORIGINS, "dest": ("ORD",)}),
        plan=plan().features,
        types=plan().instance_types,
        code=FLIGHTS / "features.py",
        run="run-1",
        facts={},
    )
    return folder


def packed(folder, **replaced):
    """The folder as an archive, some of its files with other bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for file in sorted(folder.iterdir()):
            data = replaced.get(file.name.replace(".", "_"), file.read_bytes())
            member = tarfile.TarInfo(file.name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def kept():
    """What tests share: a session, whose second client of a kind is cheap, and a lake that some only read."""
    return {"session": boto3.Session(region_name="us-east-1")}


@pytest.fixture
def session(aws, kept, monkeypatch):
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", kept["session"])


@pytest.fixture
def cloud(aws, session, load, context, tmp_path):
    """What it takes to make stores, and to call the function over them."""
    return SimpleNamespace(name=aws.name, load=load, context=context, folder=tmp_path)


@pytest.fixture
def stores(cloud, model):
    """Both stores, empty."""
    return Stores(cloud, model)


@pytest.fixture
def recorded(cloud, model, kept):
    """A value of each entity in both stores, for tests that write nothing offline."""
    if "stores" not in kept:
        kept["stores"] = Stores(cloud, model)
        kept["stores"].record_all()
    return Stores(cloud, model, like=kept["stores"])


class Stores:
    """Both stores of the example's two views, a registered model, and captures of what it answered."""

    def __init__(self, cloud, model, like=None):
        self.s3, self.sagemaker, self.cloudwatch, glue = map(
            boto3.client, ("s3", "sagemaker", "cloudwatch", "glue")
        )
        self.lake = like.lake if like else cloud.name("lake")
        self.database = like.database if like else cloud.name("db").replace("-", "_")
        self.committed = like.committed if like else None
        self.online = dict(like.online) if like else {}  # (view, entity) -> (value, event time)
        self.endpoint = cloud.name("endpoint")
        if not like:
            self.s3.create_bucket(Bucket=self.lake)
            glue.create_database(DatabaseInput={"Name": self.database})
        self.catalog = Catalog(self.s3, lake_bucket=self.lake, database=self.database)
        self.views = {view.name: view for view in plan().features.views}
        self.cloud = cloud
        self.put_model(packed(model))
        self.records = []

    def put_model(self, archive, registered=None):
        self.s3.put_object(Bucket=self.lake, Key=f"models/{self.endpoint}/model.tar.gz", Body=archive)
        group = self.endpoint
        if not self.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
            self.sagemaker.create_model_package_group(ModelPackageGroupName=group)
        container = {"Image": "i", "ModelDataUrl": f"s3://{self.lake}/models/{self.endpoint}/model.tar.gz"}
        self.package = self.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"feature_set_hash": registered or plan().features.hash},
        )["ModelPackageArn"]

    def record(self, view, values, *, event_ts=NOON, revision=1, version=None, online=True):
        """Rows of a run of the features machine: {entity: value}; when they were committed offline."""
        its = self.views[view]
        [key], [output] = its.keys, its.outputs
        rows = {
            key: pa.array(list(values), pa.string()),
            output: pa.array(list(values.values()), pa.float64()),
            "event_ts": pa.array([event_ts] * len(values), TIME),
            "known_ts": pa.array([event_ts] * len(values), TIME),
            "ord": pa.array([int(event_ts.timestamp()) << 31 | revision] * len(values), pa.int64()),
            "feature_hash": pa.array([version or its.hash] * len(values), pa.string()),
        }
        snapshot = self.catalog.append(its.table, pa.table(rows), key=f"{view}{event_ts}{revision}{version}")
        if online:
            self.online |= {(view, entity): (value, event_ts) for entity, value in values.items()}
        return snapshot.committed_at

    def record_all(self):
        """A value of each entity in each view, an hour before the first request; when they were there."""
        self.record("carrier_delay", {name: 0.1 + i / 7 for i, name in enumerate(CARRIERS)})
        self.committed = self.record("origin_delay", {name: 0.2 + i / 3 for i, name in enumerate(ORIGINS)})
        return self.committed

    def look_up(self, view, request, moment, *, honour_ttl=True):
        found = self.online.get((view, request[self.views[view].keys[0]]))
        if found is None:
            return {"state": "missing"}
        value, event_ts = found
        known = {"et": int(event_ts.timestamp())}
        if event_ts > moment:
            return {"state": "missing", **known}
        if honour_ttl and moment - event_ts > timedelta(seconds=self.views[view].ttl_seconds):
            return {"state": "stale", **known}
        return {"v": {next(iter(self.views[view].outputs)): value}, **known, "kt": known["et"], "rev": 1}

    def answer(
        self, count=24, *, at, moment=NOON + HOUR, code=DEFINED, name="i", honour_ttl=True, **metadata
    ):
        """Capture `count` requests, answered one by one by a container with `code`."""
        for number in range(count):
            when = moment + timedelta(minutes=number)
            request = {
                "scheduled_departure": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "carrier": CARRIERS[number % 4],
                "origin": ORIGINS[number % 2],
                "dest": "ORD",
                "distance": 700 + number,
                "hour": when.hour,
                "humid": None if number % 5 == 0 else 50.5,
                "wind_speed": 5.0,
                "precip": 0.1,
                "visib": 10.0,
            }
            views = {
                its.version: self.look_up(view, request, when, honour_ttl=honour_ttl)
                for view, its in self.views.items()
            }
            values = {CARRIER: None, ORIGIN: None}
            values |= {k: v for entry in views.values() for k, v in entry.get("v", {}).items()}
            [vector] = vectors(code, request | values)
            self.capture(f"{name}-{number}", at, request | {"views": views}, vector, **metadata)

    def put_online(self, dynamodb, table):
        """What is online, into a table of the pipeline's own making."""
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("entity", "view")],
            KeySchema=[
                {"AttributeName": "entity", "KeyType": "HASH"},
                {"AttributeName": "view", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for (view, entity), (value, when) in self.online.items():
            its, moment = self.views[view], int(when.timestamp())
            stored = EntityValue(
                entity=its.entity({its.keys[0]: entity}),
                outputs=dict.fromkeys(its.outputs, value),
                event_ts=moment,
                known_ts=moment,
                revision=1,
            )
            online.write(dynamodb, table, its, [stored])

    def capture(self, inference_id, at, instance, vector, model="run-1"):
        answer = {"predictions": [{"probability": 0.5}], "model": model, "vectors": [vector]}
        sides = {"endpointInput": {"instances": [instance], "vectors": True}, "endpointOutput": answer}
        data = {side: {"data": json.dumps(body), "encoding": "JSON"} for side, body in sides.items()}
        event = {"eventId": inference_id, "inferenceId": inference_id}
        event["inferenceTime"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.records.append(json.dumps({"captureData": data, "eventMetadata": event, "eventVersion": "0"}))

    def measure(self, **monitoring):
        """What the function returns, and what it wrote into the lake."""
        document = plan().to_json()
        config = document["config"]
        config = config | {"monitoring": config["monitoring"] | monitoring}
        (self.cloud.folder / "plan.json").write_text(json.dumps({**document, "config": config}))
        prefix = f"captures/{self.endpoint}/variant-a/"
        halves = self.records[::2], self.records[1::2]
        names = [f"2026/01/01/00/0{number}.jsonl" for number in range(2)]
        for name, lines in zip(names, halves, strict=True):
            body = "".join(f"{line}\n" for line in lines).encode()
            self.s3.put_object(Bucket=self.lake, Key=prefix + name, Body=body)
        manifest = [{"prefix": f"s3://{self.lake}/{prefix}"}, *names]
        key = f"monitoring/{RUN}/captures.manifest"
        self.s3.put_object(Bucket=self.lake, Key=key, Body=json.dumps(manifest).encode())
        window = CaptureWindow(
            ready=True,
            reason="",
            run=RUN,
            start="",
            end="",
            records=len(self.records),
            manifest_uri=f"s3://{self.lake}/{key}",
            baseline_uri="",
            predictions_uri="",
            model_package_arn=self.package,
        )
        handler = self.cloud.load(
            "functions.measure_skew.handler",
            PIPELINE_DIR=str(self.cloud.folder),
            LAKE_BUCKET=self.lake,
            GLUE_DATABASE=self.database,
            ENDPOINT_NAME=self.endpoint,
        )
        returned = SkewMeasured.from_json(
            json.loads(json.dumps(handler(window.to_json(), self.cloud.context)))
        )
        written = self.s3.get_object(Bucket=self.lake, Key=returned.report_key)["Body"].read()
        report = json.loads(written, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        return SimpleNamespace(returned=returned, **report)

    def metric(self, name, **dimensions):
        """The values of a metric so far."""
        named = [{"Name": k, "Value": v} for k, v in ({"Endpoint": self.endpoint} | dimensions).items()]
        now = datetime.now(UTC)
        points = self.cloudwatch.get_metric_statistics(
            Namespace="Tidegate",
            MetricName=name,
            Dimensions=named,
            StartTime=now - HOUR,
            EndTime=now + HOUR,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        return [point["Maximum"] for point in points]


def vectors(feature_set, *instances):
    """As a container answers: features in order, null for missing."""
    columns = feature_columns(feature_set, from_json(list(instances), plan().instance_types))
    rows = zip(*(columns[name].tolist() for name in FEATURES), strict=True)
    return [[None if value != value else value for value in row] for row in rows]  # noqa: PLR0124  NaN


def differing(report):
    return {each["feature"]: each["differing"] for each in report.features if each["differing"]}


def causes(report):
    return {each["feature"]: each["causes"] for each in report.features if each["causes"]}


def test_clean_traffic_has_no_skew_at_all(recorded):
    recorded.answer(24, at=recorded.committed + HOUR)
    report = recorded.measure()
    assert (report.rows, report.seen, report.not_compared) == (24, 24, {})
    assert {(each["rate"], each["inexact"]) for each in report.features} == {(0.0, 0)}
    assert [each["feature"] for each in report.features] == list(FEATURES)
    assert report.look_ups == {"carrier_delay": {"equal": 24}, "origin_delay": {"equal": 24}}
    assert (report.returned.maximum, report.returned.feature) == (0.0, None)
    assert report.returned.report_key == f"monitoring/{RUN}/skew.json"
    assert recorded.metric("FeatureSkewMax") == [0.0]
    assert [recorded.metric("FeatureSkewRate", Feature=name) for name in FEATURES] == [[0.0]] * 14
    assert (recorded.metric("SkewRowsCompared"), recorded.metric("SkewRowsNotCompared")) == ([24.0], [0.0])


def test_what_our_own_store_and_container_answer_has_no_skew_to_the_bit(recorded, aws, model):
    """Beyond the TTL, with entities that nobody knows, each request by itself."""
    dynamodb, table = boto3.client("dynamodb"), aws.name("online")
    recorded.put_online(dynamodb, table)
    invocation = Invocation(read(model))
    moments = [NOON + HOUR + number * timedelta(minutes=210) for number in range(100)]  # 14.6 days
    requests = [
        {
            "scheduled_departure": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "carrier": (*CARRIERS, "ZZ")[number % 5],
            "origin": ORIGINS[number % 2],
            "dest": "ORD",
            "distance": 700 + number,
            "hour": when.hour,
            "humid": None if number % 5 == 0 else 50.5,
            "wind_speed": 5.0,
            "precip": 0.1,
            "visib": 10.0,
        }
        for number, when in enumerate(moments)
    ]
    views = tuple(recorded.views.values())
    found = online.read(dynamodb, table, views, requests, [when.timestamp() for when in moments])
    for number, (request, looked_up) in enumerate(zip(requests, found.views, strict=True)):
        instance = request | {"views": dict(looked_up)}
        answer = json.loads(invocation(json.dumps({"instances": [instance], "vectors": True}).encode())[0])
        at = recorded.committed + HOUR
        recorded.capture(f"i-{number}", at, instance, answer["vectors"][0], answer["model"])
    states = {
        state for row in found.views for state in (each.get("state", "usable") for each in row.values())
    }
    assert states == {"usable", "stale", "missing"}
    report = recorded.measure()
    assert (report.rows, differing(report), report.not_compared) == (100, {}, {})
    assert {each["inexact"] for each in report.features} == {0}


def test_a_value_changed_in_the_online_store_is_caught(recorded):
    recorded.online["carrier_delay", "AA"] = (0.9, NOON)
    recorded.answer(24, at=recorded.committed + HOUR)
    report = recorded.measure()
    assert causes(report) == {CARRIER: {"look_up": 6}}  # every fourth request is of AA
    example = report.examples[0]
    assert (example["captured"], example["rebuilt"]) == (0.9, 0.1 + 1 / 7)
    assert (report.returned.maximum, report.returned.feature) == (0.25, CARRIER)
    assert recorded.metric("FeatureSkewMax") == [0.25]
    assert recorded.metric("FeatureSkewRate", Feature=CARRIER) == [0.25]
    assert recorded.metric("FeatureSkewRate", Feature=ORIGIN) == [0.0]


def test_a_time_to_live_that_is_not_honoured_is_caught(recorded):
    # 14 days after noon the value is good to the second; the requests come from then on, one a minute
    late = NOON + 14 * DAY
    recorded.answer(24, at=recorded.committed + HOUR, moment=late)
    assert differing(recorded.measure()) == {}
    recorded.records.clear()
    recorded.answer(24, at=recorded.committed + HOUR, moment=late, honour_ttl=False)
    report = recorded.measure()
    assert causes(report) == {CARRIER: {"default": 23}, ORIGIN: {"default": 23}}
    assert {example["rebuilt"] for example in report.examples} == {None}


def test_a_transform_that_differs_is_caught(recorded, tmp_path):
    (tmp_path / "tampered.py").write_text(TAMPERED)
    recorded.answer(
        24, at=recorded.committed + HOUR, code=load_features(tmp_path / "tampered.py", "flight_delay")
    )
    report = recorded.measure()
    assert causes(report) == {"log_distance": {"transform": 24}}
    example = report.examples[0]
    assert example["captured"] == pytest.approx(6.5511, abs=1e-4)  # ln 700
    assert example["rebuilt"] == pytest.approx(6.5525, abs=1e-4)  # ln 701
    assert report.returned.feature == "log_distance"


def test_a_value_that_never_reached_the_online_store_is_caught_as_a_default(recorded):
    del recorded.online["origin_delay", "JFK"]
    recorded.answer(24, at=recorded.committed + HOUR)
    assert causes(recorded.measure()) == {ORIGIN: {"default": 12}}


@pytest.fixture
def recomputed(stores):
    """A second revision of the same tick is in the offline store, and not yet in the online one."""
    stores.record_all()
    return stores.record("carrier_delay", {"UA": 0.5}, revision=2, online=False)


def test_a_late_recomputation_has_its_time_to_reach_the_online_store(stores, recomputed):
    stores.answer(4, at=recomputed + timedelta(seconds=299))
    report = stores.measure()
    assert differing(report) == {}
    assert report.look_ups["carrier_delay"] == {"equal": 3, "propagating": 1}


def test_a_late_recomputation_that_never_came_through_is_caught(stores, recomputed):
    stores.answer(4, at=recomputed + timedelta(seconds=310))
    report = stores.measure()
    assert causes(report) == {CARRIER: {"look_up": 1}}
    assert (report.examples[0]["captured"], report.examples[0]["rebuilt"]) == (0.1, 0.5)


def test_the_time_to_propagate_is_configured(stores, recomputed):
    stores.answer(4, at=recomputed + timedelta(seconds=299))
    assert differing(stores.measure(propagation_seconds=60)) == {CARRIER: 1}


def test_a_value_from_after_the_request_is_caught(stores):
    committed = stores.record_all()
    stores.record("carrier_delay", {"UA": 0.5}, revision=2)
    stores.answer(4, at=committed - HOUR)  # of the wall clock: neither value was there
    assert causes(stores.measure()) == {CARRIER: {"look_up": 4}, ORIGIN: {"look_up": 4}}


def test_rows_of_another_version_are_another_features(stores):
    committed = stores.record_all()
    stores.record("carrier_delay", dict.fromkeys(CARRIERS, 0.9), revision=9, version="f" * 64, online=False)
    stores.answer(8, at=committed + HOUR)
    assert differing(stores.measure()) == {}


def test_a_request_for_the_past_is_told_apart_from_a_store_that_lost_a_value(stores):
    stores.record_all()
    later = NOON + DAY
    committed = stores.record("carrier_delay", dict.fromkeys(CARRIERS, 0.5), event_ts=later)
    stores.answer(4, at=committed + HOUR)
    report = stores.measure()
    assert (differing(report), report.look_ups["carrier_delay"]) == ({}, {"past": 4})
    stores.online["carrier_delay", "UA"] = (0.5, later + HOUR)  # of a tick that nobody computed
    stores.records.clear()
    stores.answer(4, at=committed + HOUR)
    assert causes(stores.measure()) == {CARRIER: {"default": 1}}


def test_only_files_that_may_hold_an_answer_are_read(stores):
    stores.record("carrier_delay", dict.fromkeys(CARRIERS, 0.7), event_ts=NOON - 60 * DAY, online=False)
    listed = {"Bucket": stores.lake, "Prefix": f"warehouse/{stores.views['carrier_delay'].table}/data/"}
    for item in stores.s3.list_objects_v2(**listed)["Contents"]:
        stores.s3.delete_object(Bucket=stores.lake, Key=item["Key"])
    committed = stores.record_all()
    stores.answer(8, at=committed + HOUR)
    assert differing(stores.measure()) == {}


def test_a_view_that_was_never_recorded_offline_has_no_values(stores):
    committed = stores.record("origin_delay", dict.fromkeys(ORIGINS, 0.5))
    stores.answer(4, at=committed + HOUR)
    assert differing(stores.measure()) == {}  # nor has the online store any
    stores.records.clear()
    stores.online["carrier_delay", "UA"] = (0.5, NOON)
    stores.answer(4, at=committed + HOUR)
    assert causes(stores.measure()) == {CARRIER: {"look_up": 1}}


def test_a_window_larger_than_the_sample_is_measured_by_the_same_rows_each_time(recorded):
    recorded.online["carrier_delay", "AA"] = (0.9, NOON)
    recorded.answer(140, at=recorded.committed + HOUR)
    first, second = recorded.measure(skew_rows=100), recorded.measure(skew_rows=100)
    assert (first.seen, first.sampled, first.rows) == (140, 100, 100)
    assert first.examples == second.examples and differing(first) == differing(second)


def test_answers_of_another_model_and_golden_rows_are_not_the_champions(recorded):
    recorded.answer(4, at=recorded.committed + HOUR)
    recorded.answer(3, at=recorded.committed + HOUR, name="other", model="run-0")
    recorded.answer(2, at=recorded.committed + HOUR, name="golden-run-1")
    report = recorded.measure()
    assert (report.rows, report.golden) == (4, 2)
    assert report.not_compared == {"another model than the champion answered": 3}
    assert recorded.metric("SkewRowsNotCompared") == [3.0]


def test_feature_code_that_was_tampered_with_rebuilds_nothing(recorded, model):
    recorded.answer(4, at=recorded.committed + HOUR)
    recorded.put_model(packed(model, features_py=TAMPERED.encode()))
    report = recorded.measure()
    assert report.not_compared == {"the artefact was changed": 4}
    assert (report.rows, report.returned.maximum) == (0, None)
    assert recorded.metric("FeatureSkewMax") == []  # not measured is not zero
    assert recorded.metric("SkewRowsCompared") == [0.0]


def test_code_of_another_feature_set_than_was_registered_rebuilds_nothing(recorded, model):
    recorded.answer(4, at=recorded.committed + HOUR)
    recorded.put_model(packed(model), registered="0" * 64)
    assert recorded.measure().not_compared == {
        "the model's artefact is of another feature set than its package says": 4
    }


def test_the_model_itself_is_never_unpacked(recorded, model):
    recorded.answer(4, at=recorded.committed + HOUR)
    recorded.put_model(packed(model, model_skops=b"not a model"))
    assert (recorded.measure().rows, differing(recorded.measure())) == (4, {})


@pytest.mark.parametrize("body", [b"no archive", b""])
def test_an_artefact_that_is_no_archive_rebuilds_nothing(recorded, body):
    recorded.answer(4, at=recorded.committed + HOUR)
    recorded.put_model(body)
    assert recorded.measure().not_compared == {"the model's artefact cannot be unpacked": 4}
