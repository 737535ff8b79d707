"""Runs of the features machine that come late, twice, at once, half, or with rows that should not be."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import threading
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from features_account import (  # noqa: F401
    CARRIERS,
    HOUR,
    ORIGINS,
    SCHEMA,
    START,
    WEEK,
    departed,
    event_of,
    flight,
    pipeline,
    plan_document,
    rate,
)

from tidegate.aws import feature_sets
from tidegate.errors import BackfillRefusedError, OnlineStoreBusyError, TidegateError, ViewSqlError
from training_jobs import compute_features
from training_jobs.paths import Paths

BACKFILL = {"start": "2013-01-01", "stop": "2013-12-31", "reason": "test"}
COLUMN = "carrier_delay_rate_7d"


def expected(numbers, last):
    """Every row of carrier_delay, counted one by one, for ticks up to hour `last`."""
    return {
        (carrier, departed(hour)): (pytest.approx(value),)
        for hour in range(last + 1)
        for carrier in CARRIERS
        if (value := rate(departed(hour), carrier=carrier, numbers=numbers)) is not None
    }


def carriers(pipeline):
    return pipeline.features.views[0]


def test_drops_in_any_order_with_gaps_and_twice_leave_the_rows_of_one_backfill(pipeline):
    late = pipeline.version(20, 40)
    pipeline.run(late)
    pipeline.run(pipeline.version(90, 100))
    pipeline.run(pipeline.version(60, 70))
    pipeline.run(late)
    last = pipeline.version(0, 5)
    pipeline.run(last)
    delivered = [*range(20, 41), *range(90, 101), *range(60, 71), *range(6)]
    assert pipeline.visible(carriers(pipeline)) == expected(delivered, 100)
    before = pipeline.visible(carriers(pipeline))
    planned, _, _ = pipeline.run({"backfill": BACKFILL})
    assert planned["reason"] == "backfill: test" and planned["ticks"] == 2 * 101
    assert pipeline.visible(carriers(pipeline)) == before
    state = pipeline.facts.view(carriers(pipeline).version)
    assert (state.computed_from, state.computed_to) == tuple(int(departed(n).timestamp()) for n in (0, 100))


def test_a_version_whose_run_never_came_is_made_up_for_by_the_next(pipeline):
    pipeline.run(pipeline.version(0, 20))
    missed = pipeline.version(30, 40)  # recorded, and its run failed
    pipeline.run(pipeline.version(21, 29))
    assert pipeline.visible(carriers(pipeline)) == expected(range(41), 40)
    planned, _, recorded = pipeline.run(missed)  # it comes after all: too late to matter
    assert (planned["views"], recorded["rows"]) == (0, 0)


def test_rows_of_the_future_make_no_ticks_are_told_and_are_seen_when_their_time_comes(pipeline):
    soon = datetime.now(UTC) + timedelta(days=400)
    tomorrow = [flight(n) | {"scheduled_departure": soon, "landed_at": soon} for n in (21, 22)]
    planned, _, _ = pipeline.run(pipeline.deliver([flight(n) for n in range(21)] + tomorrow))
    assert planned["future_rows"] == 2
    assert pipeline.visible(carriers(pipeline)) == expected(range(21), 20)
    assert pipeline.facts.view(carriers(pipeline).version).computed_to == departed(20).timestamp()
    planned, _, _ = pipeline.run(pipeline.version(23, 25))
    assert planned["future_rows"] == 0  # of those that came
    delivered = [*range(21), *range(23, 26)]
    assert pipeline.visible(carriers(pipeline)) == expected(delivered, 25)


@pytest.mark.slow
def test_a_row_of_1970_among_new_ones_costs_the_ticks_around_it(pipeline):
    pipeline.run(pipeline.version(0, 30))
    epoch = datetime(1970, 1, 2, tzinfo=UTC)
    stray = flight(31) | {"scheduled_departure": epoch, "landed_at": epoch}
    planned, _, _ = pipeline.run(pipeline.deliver([flight(n) for n in range(32, 41)] + [stray]))
    # of two views: a week of hours around 1970, and 31 to 40 anew
    assert planned["ticks"] == 2 * (7 * 24 + 1 + 10)
    found = pipeline.visible(carriers(pipeline))
    assert len([moment for _, moment in found if moment.year == 1970]) == 7 * 24
    delivered = [*range(31), *range(32, 41)]
    assert {place: row for place, row in found.items() if place[1].year == 2013} == expected(delivered, 40)


def test_rows_that_are_taken_back_take_the_rows_of_their_ticks_with_them(pipeline):
    pipeline.run(pipeline.version(0, 30))
    pipeline.run(pipeline.version(31, 60))
    gone = pipeline.catalog.delete("flights", "carrier == 'UA'", key="k")
    pipeline.run(event_of(gone, 0))
    view = carriers(pipeline)
    assert pipeline.visible(view) == expected([n for n in range(61) if n % 3], 60)  # 60 was UA's
    assert pipeline.catalog.read(view.table, row_filter="carrier == 'UA'").num_rows == 0


def test_a_job_computes_what_the_functions_compute(pipeline, plan_document, monkeypatch, tmp_path):
    version = pipeline.version(0, 71)
    configure(pipeline, plan_document, features={"lambda_rows": 8000})
    by_functions, _ = rows_of(pipeline, compute_by_functions(pipeline, version))
    configure(pipeline, plan_document, features={"lambda_rows": 1000})
    planned = pipeline.call("plan_features", version)
    assert (planned["engine"], len(planned["batches"])) == ("job", 16)
    for name, value in (
        ("RUN", planned["run"]),
        ("LAKE_BUCKET", pipeline.lake),
        ("GLUE_DATABASE", pipeline.catalog.database),
    ):
        monkeypatch.setenv(name, value)
    compute_features.main(Paths(tmp_path))
    by_job, files = rows_of(pipeline, planned)
    assert by_job == by_functions and len(by_job) == 341 and len(files) > 2
    # a job that does its work is recorded as functions are
    assert pipeline.call("record_features", {"plan": planned})["rows"] == 341
    assert pipeline.visible(carriers(pipeline)) == expected(range(72), 71)


def compute_by_functions(pipeline, version):
    planned = pipeline.call("plan_features", version)
    assert (planned["engine"], len(planned["batches"])) == ("functions", 2)
    for batch in planned["batches"]:
        pipeline.call("compute_features", {"plan": planned, "batch": batch})
    return planned


def rows_of(pipeline, planned):
    """All rows that the batches of a run left in the lake, with the version they are of, and their files."""
    found, files = [], []
    for batch in planned["batches"]:
        key = f"features/runs/{planned['run']}/batch-{batch['index']:05d}.json"
        body = pipeline.s3.get_object(Bucket=pipeline.lake, Key=key)["Body"].read()
        for view in json.loads(body)["views"]:
            files += view["files"]
            for name in view["files"]:
                file = pipeline.s3.get_object(Bucket=pipeline.lake, Key=name)["Body"].read()
                rows = pq.read_table(pa.BufferReader(file)).to_pylist()
                found += [(view["version"], *row.values()) for row in rows]
    return sorted(found, key=str), files


def configure(pipeline, document, *, features=None, feature_set=None):
    config = document["config"]
    config = {**config, "features": {**config["features"], **(features or {})}}
    changed = {**document, "config": config, "features": feature_set or document["features"]}
    (pipeline.folder / "plan.json").write_text(json.dumps(changed))
    pipeline.forget()


@pytest.mark.slow
def test_source_rows_that_were_put_right_or_left_out_are_counted(pipeline):
    odd = [
        flight(1) | {"carrier": None},
        flight(2) | {"landed_at": departed(2) - HOUR},
    ]
    _, computed, recorded = pipeline.run(pipeline.deliver([flight(0), *odd]))
    assert (recorded["without_key"], recorded["known_early"]) == (1, 1 + 1)  # one of two views, two of two
    assert sum(part["without_key"] for part in computed) == 1


def test_a_source_column_of_another_type_fails_the_run_by_name(pipeline):
    position = SCHEMA.get_field_index("arr_delay")
    texts = SCHEMA.set(position, pa.field("arr_delay", pa.string()))
    planned = pipeline.call(
        "plan_features", pipeline.deliver([flight(n) | {"arr_delay": "n/a"} for n in range(5)], texts)
    )
    with pytest.raises(ViewSqlError, match=r"view `carrier_delay` cannot be computed.*arr_delay string"):
        pipeline.call("compute_features", {"plan": planned, "batch": planned["batches"][0]})


@pytest.mark.parametrize(
    ("start", "stop"), [("2013-02-01", "2013-01-01"), ("soon", "2013-01-01"), ("2013-01-01", None)]
)
def test_a_backfill_of_no_interval_is_refused(pipeline, start, stop):
    pipeline.version(0, 3)
    with pytest.raises(BackfillRefusedError, match="nothing between"):
        pipeline.call("plan_features", {"backfill": {"start": start, "stop": stop}})


def test_a_view_that_left_features_py_is_computed_as_long_as_a_model_serves_on_it(pipeline, plan_document):
    pipeline.run(pipeline.version(0, 20))
    assert feature_sets.get(pipeline.s3, pipeline.lake, pipeline.features.hash) == pipeline.features
    origins = pipeline.features.views[1]
    configure(pipeline, plan_document, feature_set=without(pipeline.features, "origin_delay"))
    serve(pipeline, pipeline.features.hash)
    pipeline.run(pipeline.version(21, 30))
    assert max(moment for *_, moment in pipeline.visible(origins)) == departed(30)
    serve(pipeline, "0" * 64)
    planned, _, _ = pipeline.run(pipeline.version(31, 40))
    assert planned["views"] == 1
    assert max(moment for *_, moment in pipeline.visible(origins)) == departed(30)
    serve(pipeline, pipeline.features.hash)  # rolled back: nothing is missing afterwards
    pipeline.run(pipeline.version(41, 44))
    assert {moment for *_, moment in pipeline.visible(origins)} == {departed(n) for n in range(3, 45)}


def without(features, view):
    views = tuple(each for each in features.views if each.name != view)
    return replace(features, hash="1" * 64, views=views).to_json()


def serve(pipeline, hash_):
    item = {"id": {"S": "variant#variant-a"}, "feature_set_hash": {"S": hash_}}
    pipeline.dynamodb.put_item(TableName=pipeline.state, Item=item)


class Throttled:
    """Stands before DynamoDB and refuses the first writes of the online table for their number."""

    def __init__(self, endpoint, refused):
        self.puts = Counter()
        lock = threading.Lock()
        throttled = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                entity = json.loads(body).get("Item", {}).get("entity", {}).get("S")
                with lock:
                    throttled.puts[entity] += 1
                    refuse = entity is not None and refused(entity, throttled.puts[entity])
                if refuse:
                    name = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
                    self._answer(400, json.dumps({"__type": name, "message": "slow down"}).encode(), {})
                    return
                request = urllib.request.Request(endpoint, body, dict(self.headers))  # noqa: S310  our own
                try:
                    with urllib.request.urlopen(request) as answer:  # noqa: S310
                        self._answer(answer.status, answer.read(), answer.headers)
                except urllib.error.HTTPError as error:
                    self._answer(error.code, error.read(), error.headers)

            def _answer(self, status, body, headers):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower().startswith(("x-amz", "content-type")):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def throttle(pipeline, monkeypatch):
    """Put a server that refuses between the functions and DynamoDB."""
    servers = []

    def start(refused):
        servers.append(Throttled(pipeline.aws.endpoint, refused))
        address = f"http://127.0.0.1:{servers[-1].server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
        pipeline.forget()
        return servers[-1]

    yield start
    for each in servers:
        each.server.shutdown()
        each.server.server_close()


def test_throttled_writes_are_tried_again_until_they_are_stored(pipeline, throttle):
    version = pipeline.version(0, 30)
    throttled = throttle(lambda entity, attempt: attempt <= 3)
    _, _, recorded = pipeline.run(version)
    assert recorded["online_rows"] == len(CARRIERS) + len(ORIGINS)
    assert throttled.puts["carrier_delay|UA"] == 4
    assert len(pipeline.dynamodb.scan(TableName=pipeline.online)["Items"]) == recorded["online_rows"]


def test_a_run_that_stopped_half_way_is_finished_by_repeating_it(pipeline, throttle, monkeypatch):
    planned = pipeline.call("plan_features", pipeline.version(0, 30))
    for batch in planned["batches"]:
        pipeline.call("compute_features", {"plan": planned, "batch": batch})
    throttle(lambda entity, attempt: entity == "origin_delay|JFK")
    with pytest.raises(OnlineStoreBusyError, match="took no more writes"):
        pipeline.call("record_features", {"plan": planned})
    # the rows are there, and what the next run builds on says nothing of them
    origins = pipeline.features.views[1]
    rows = pipeline.catalog.read(origins.table).num_rows
    assert rows > 0 and pipeline.facts.view(origins.version) is None
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB")
    pipeline.forget()
    recorded = pipeline.call("record_features", {"plan": planned})
    assert pipeline.catalog.read(origins.table).num_rows == rows
    assert recorded["online_rows"] == len(CARRIERS) + len(ORIGINS)
    assert pipeline.facts.view(origins.version).coverage == 1.0


def test_four_runs_at_once_leave_the_rows_of_one(pipeline):
    """Two overlapping backfills, and the events of two drops."""
    first = pipeline.version(0, 20)
    second = pipeline.version(21, 40)
    asked = [first, second]
    asked += [
        {"backfill": {"start": departed(a).isoformat(), "stop": departed(b).isoformat(), "reason": "t"}}
        for a, b in ((0, 25), (15, 40))
    ]
    plan_, compute, record = (
        pipeline.handler(name) for name in ("plan_features", "compute_features", "record_features")
    )

    def run(event):
        planned = plan_(event)
        for batch in planned["batches"]:
            compute({"plan": planned, "batch": batch})
        return record({"plan": planned})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, asked))
    view = carriers(pipeline)
    assert pipeline.visible(view) == expected(range(41), 40)
    rows = pipeline.catalog.read(view.table).to_pylist()
    equal = {}
    for row in rows:  # rows of one place in the order are equal, so that it does not matter which is taken
        assert equal.setdefault((row["carrier"], row["ord"]), row) == row
    state = pipeline.facts.view(view.version)
    assert (state.revision, state.computed_to) == (2, departed(40).timestamp())
    online = pipeline.look_up(departed(40)).values[COLUMN]
    assert online == pytest.approx(rate(departed(40), carrier="UA", numbers=range(41)))


def test_coverage_is_the_share_of_active_entities_that_can_be_looked_up(pipeline):
    pipeline.run(pipeline.version(0, 2))
    # nine days on only AA flies: of UA and B6 there are rows within the 14 days of TTL, but no new ones
    pipeline.run(pipeline.deliver([flight(n) for n in range(240, 250) if n % 3 == 1]))
    view = carriers(pipeline)
    state = pipeline.facts.view(view.version)
    assert (state.entities, state.online, state.coverage) == (3, 3, 1.0)
    key = {"entity": {"S": "carrier_delay|UA"}, "view": {"S": view.version}}
    pipeline.dynamodb.delete_item(TableName=pipeline.online, Key=key)
    _, _, recorded = pipeline.run(pipeline.deliver([flight(250)]))
    state = pipeline.facts.view(view.version)
    assert (state.entities, state.online, state.coverage) == (3, 2, pytest.approx(2 / 3))
    assert recorded["coverage"] == pytest.approx(2 / 3)
    # and when those are older than that, they are no longer active
    pipeline.run(pipeline.deliver([flight(n) for n in range(900, 910) if n % 3 == 1]))
    state = pipeline.facts.view(view.version)
    assert (state.entities, state.online, state.coverage) == (1, 1, 1.0)


@pytest.fixture
def retire(pipeline, plan_document):
    """The pipeline has moved on from origin_delay; `age(days)` says how long nobody has needed it."""
    pipeline.run(pipeline.version(0, 20))
    sagemaker = pipeline.aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=pipeline.group)
    configure(pipeline, plan_document, feature_set=without(pipeline.features, "origin_delay"))
    origins = pipeline.features.views[1]

    def age(days):
        since = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        pipeline.facts.need_view(origins.version, since)
        pipeline.facts.need_view(carriers(pipeline).version, since)
        return pipeline.call("retire_features", {})

    def register(status, hash_):
        specification = {
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://lake/m.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        }
        return sagemaker.create_model_package(
            ModelPackageGroupName=pipeline.group,
            ModelApprovalStatus=status,
            InferenceSpecification=specification,
            CustomerMetadataProperties={"feature_set_hash": hash_},
        )["ModelPackageArn"]

    age.register = register
    return age


def test_a_version_that_nobody_needs_goes_after_two_weeks_by_metadata_alone(pipeline, retire):
    origins = pipeline.features.views[1]
    rows = len(pipeline.visible(origins))
    assert retire(13.9)["versions"] == []
    files = {f["Key"] for f in objects(pipeline, f"warehouse/{origins.table}/data/")}
    assert retire(14.1) == {"versions": [origins.version], "rows": rows}
    assert pipeline.visible(origins) == {} and pipeline.facts.view(origins.version) is None
    # no data file was written anew
    assert {f["Key"] for f in objects(pipeline, f"warehouse/{origins.table}/data/")} == files
    needed = pipeline.facts.view(carriers(pipeline).version)
    assert datetime.now(UTC) - datetime.fromisoformat(needed.needed_at) < timedelta(minutes=5)
    assert pipeline.visible(carriers(pipeline)) == expected(range(21), 20)
    assert retire(14.1) == {"versions": [], "rows": 0}


def objects(pipeline, prefix):
    return pipeline.s3.list_objects_v2(Bucket=pipeline.lake, Prefix=prefix)["Contents"]


@pytest.mark.parametrize(
    "status", ["Approved", pytest.param("PendingManualApproval", marks=pytest.mark.slow)]
)
def test_what_a_package_needs_that_may_serve_is_kept(pipeline, retire, status):
    origins = pipeline.features.views[1]
    arn = retire.register(status, pipeline.features.hash)
    assert retire(400)["versions"] == []
    assert pipeline.visible(origins)
    pipeline.aws.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert retire(400)["versions"] == [origins.version]


@pytest.mark.slow
def test_what_a_model_needs_that_serves_is_kept_whatever_became_of_its_package(pipeline, retire):
    serve(pipeline, pipeline.features.hash)
    assert retire(400)["versions"] == []


def test_when_it_cannot_be_told_what_a_package_needs_nothing_is_removed(pipeline, retire):
    retire.register("Approved", "f" * 64)
    with pytest.raises(TidegateError, match="feature set ffffffffffffffff is needed, and not in the lake"):
        retire(400)
    assert pipeline.visible(pipeline.features.views[1])
