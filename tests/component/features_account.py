"""The account of one pipeline as its functions of features see it, and flights to count by hand."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from serving_account import plan

from tidegate.aws import online
from tidegate.aws.catalog import Catalog
from tidegate.aws.state import State
from tidegate.feature_store.feature_tally import tally
from tidegate.feature_store.looked_up import flat
from tidegate.plan import Plan

START = datetime(2013, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
CARRIERS, ORIGINS = ("UA", "AA", "B6"), ("EWR", "JFK")
FLIGHTS = 360  # one each hour, fifteen days


def departed(number):
    return START + number * HOUR


def flight(number):
    """Carriers in turn; the label changes with a rhythm that no carrier shares; down three hours later."""
    return {
        "scheduled_departure": departed(number),
        "carrier": CARRIERS[number % 3],
        "origin": ORIGINS[number % 2],
        "dest": "ORD",
        "distance": 700 + number % 50,
        "hour": departed(number).hour,
        "humid": 50.0,
        "wind_speed": None if number % 10 == 0 else 5.0,
        "precip": 0.0,
        "visib": 10.0,
        "arr_delay": None if number % 40 == 0 else float(number * 7 % 31),
        "landed_at": departed(number) + 3 * HOUR,
    }


def late(number):
    delay = flight(number)["arr_delay"]
    return int(delay is None or delay >= 15)


def rate(moment, *, carrier, count=FLIGHTS, numbers=None):
    """Share of late flights in the week to `moment` that had landed by then, counted one by one."""
    known = [
        late(n)
        for n in numbers or range(count)
        if flight(n)["carrier"] == carrier
        and moment - WEEK < departed(n) <= moment
        and departed(n) + 3 * HOUR <= moment
    ]
    return sum(known) / len(known) if known else None


@pytest.fixture(scope="module")
def plan_document():
    document = plan().to_json()
    training = {**document["config"]["training"], "minimum_rows": 100, "test_days": 2, "gap_hours": 6}
    config = {
        **document["config"],
        "training": training,
        "features": {**document["config"]["features"], "partitions": 2, "lambda_rows": 70_000},
    }
    return {**document, "config": config}


@pytest.fixture
def pipeline(aws, load, context, plan_document, tmp_path):
    """An account with an empty lake, and the steps of the features machine over it."""
    (tmp_path / "plan.json").write_text(json.dumps(plan_document))
    s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
    lake, online_table, state, group = (aws.name(name) for name in ("lake", "online", "state", "group"))
    database = aws.name("db").replace("-", "_")
    s3.create_bucket(Bucket=lake)
    create_table(dynamodb, online_table, "entity", "view")
    create_table(dynamodb, state, "id")
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    catalog = Catalog(s3, lake_bucket=lake, database=database)
    environment = {
        "PIPELINE_DIR": str(tmp_path),
        "LAKE_BUCKET": lake,
        "GLUE_DATABASE": database,
        "ONLINE_TABLE": online_table,
        "STATE_TABLE": state,
        "PREFIX": group,
    }

    loaded = {}  # a function lives as long as its environment and plan.json do

    def handler(name):
        """A function as it is called, from several threads too."""
        if name not in loaded:
            loaded[name] = load(f"functions.{name}.handler", **environment)
        return lambda event: json.loads(json.dumps(loaded[name](event, context)))

    def call(name, event):
        return handler(name)(event)

    def deliver(flights, schema=SCHEMA):
        """Record rows as a drop and return its messages.DatasetVersion."""
        rows = pa.Table.from_pylist(flights, schema=schema)
        return event_of(catalog.append("flights", rows, key=aws.name("drop")), rows.num_rows)

    def version(first, last):
        """The flights first..last as a drop."""
        return deliver([flight(n) for n in range(first, last + 1)])

    def run(dataset_version):
        """The features machine; it cuts `batches` out of the plan it hands to each of them."""
        planned = call("plan_features", dataset_version)
        cut = {**planned, "batches": []}
        computed = [call("compute_features", {"plan": cut, "batch": b}) for b in planned["batches"]]
        return planned, computed, call("record_features", {"plan": planned})

    def visible(view):
        """The rows of a view that count: of each entity and tick that of the highest revision."""
        if catalog.head(view.table) is None:
            return {}
        found = catalog.read(view.table, row_filter=f"feature_hash == '{view.hash}'").sort_by("ord")
        return {
            (*(row[key] for key in view.keys), row["event_ts"]): tuple(row[name] for name in view.outputs)
            for row in found.to_pylist()
        }

    def look_up(moment, carrier="UA", origin="EWR"):
        row = {"carrier": carrier, "origin": origin}
        at = moment.timestamp()
        read = online.read(dynamodb, online_table, features.views, [row], [at])
        told = tally(features, [row], read.views, [at]).told()
        asked = {features.source.event_ts: moment.isoformat(), **row, "views": read.views[0]}
        values = {name: flat(features, asked)[name] for name in features.aggregates}
        return SimpleNamespace(values=values, **{lack: tuple(names) for lack, names in told.items()})

    features = Plan.from_json(plan_document).features
    return SimpleNamespace(
        aws=aws,
        s3=s3,
        lake=lake,
        dynamodb=dynamodb,
        online=online_table,
        state=state,
        facts=State(dynamodb, state),
        folder=tmp_path,
        group=group,
        catalog=catalog,
        features=features,
        call=call,
        forget=loaded.clear,
        handler=handler,
        deliver=deliver,
        version=version,
        visible=visible,
        run=run,
        look_up=look_up,
    )


SCHEMA = pa.schema(
    {
        "scheduled_departure": TIME,
        "carrier": pa.string(),
        "origin": pa.string(),
        "dest": pa.string(),
        "distance": pa.int64(),
        "hour": pa.int64(),
        **dict.fromkeys(("humid", "wind_speed", "precip", "visib", "arr_delay"), pa.float64()),
        "landed_at": TIME,
    }
)


def event_of(snapshot, rows):
    """What ingestion says of a state of the dataset."""
    return {
        "dataset": "flights",
        "version": f"{snapshot.snapshot_id:064x}",
        "snapshot_id": str(snapshot.snapshot_id),
        "drop_id": "d",
        "rows": rows,
        "total_rows": snapshot.total_rows,
        "first_event": "",
        "last_event": "",
    }


def create_table(dynamodb, name, *keys):
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )
