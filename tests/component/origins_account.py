"""A pipeline with two recorded drops, a model of the first, and captured requests that looked values up."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pyarrow as pa
import pytest
from sagemaker_cloud import unique
from served_model import archived, write_artefact
from serving_account import VERSIONS, Account, plan

from tidegate.aws import origins
from tidegate.aws.catalog import Catalog
from tidegate.aws.profiles import put_profile, put_table
from tidegate.compiled.scorer import Scorer
from tidegate.ingestion.snapshots import DROP, VERDICT
from tidegate.profile import profile_batches
from tidegate.training import lineage
from tidegate_cli.commands import impact, why
from tidegate_cli.place import Place

START = datetime(2013, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pa.timestamp("us", tz="UTC")
DROPS = ("aaaa1111", "bbbb2222")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:test"
FEATURES = plan().features
REQUEST = {
    "carrier": "UA",
    "origin": "JFK",
    "dest": "LAX",
    "distance": 2475,
    "hour": 9,
    "humid": 50.0,
    "wind_speed": 5.0,
    "precip": 0.0,
    "visib": 10.0,
}


def flights(first, count):
    """One an hour, UA and AA in turn, out of EWR but every third; down one hour later."""
    return [
        {
            "scheduled_departure": START + n * HOUR,
            "carrier": ("UA", "AA")[n % 2],
            "origin": "JFK" if n % 3 == 0 else "EWR",
            "landed_at": START + (n + 1) * HOUR,
        }
        for n in range(first, first + count)
    ]


def at(hour):
    return int((START + hour * HOUR).timestamp())


def member(revision, hour, **outputs):
    return {"v": outputs, "et": at(hour), "kt": at(hour), "rev": revision}


class World:
    """What tests ask about. `document` is the compiled model."""

    def __init__(self, endpoint_url, folder):
        aws = SimpleNamespace(client=boto3.client, name=unique)
        self.account = account = Account(aws, folder)
        self.s3 = account.s3
        self.database = aws.name("db").replace("-", "_")
        self.ledger = aws.name("ledger")
        aws.client("glue").create_database(DatabaseInput={"Name": self.database})
        account._table(self.ledger, "drop_id")
        self.catalog = Catalog(self.s3, lake_bucket=account.lake, database=self.database)
        self.states = [self.record(DROPS[0], flights(0, 48)), self.record(DROPS[1], flights(48, 24))]
        written = write_artefact(folder / "model", run="run-7", rounds=10)
        self.document = json.loads((written / "compiled.json").read_text())
        self.archive = archived(written)
        self.package = account.register(
            run="run-7", archive=self.archive, baseline_uri=f"s3://{account.lake}/training/run-7/baseline/"
        )
        account.put_feature_set()
        self.put_uncompiled(folder)
        self.tell_lineage("run-7", self.states[0], self.package)
        self.place = Place(name="here", prefix=account.prefix, session=boto3.Session(), url=endpoint_url)
        vars(self.place)["outputs"] = {
            "LakeBucket": account.lake,
            "GlueDatabase": self.database,
            "LedgerTable": self.ledger,
            "StateTable": account.state,
            "EndpointName": account.endpoint,
            "ModelPackageGroup": f"{account.prefix}-group",
        }

    def record(self, drop_id, rows, dataset="flights"):
        """A drop as RecordDatasetVersion records it."""
        table = pa.Table.from_pylist(rows).cast(
            pa.schema(
                [
                    ("scheduled_departure", TIME),
                    ("carrier", pa.string()),
                    ("origin", pa.string()),
                    ("landed_at", TIME),
                ]
            )
        )
        key = f"warehouse/{dataset}/data/{drop_id}/shard-00000.parquet"
        put_table(self.s3, self.account.lake, key, table)
        row = {"drop_id": drop_id, "dataset": dataset, "key": f"drops/{dataset}/{drop_id}.csv"}
        row |= {"state": "recorded", "received_at": "2026-01-01"}
        item = {name: {"S": value} for name, value in row.items()}
        self.account.dynamodb.put_item(TableName=self.ledger, Item=item)
        return self.catalog.append_files(
            dataset,
            table.schema,
            [f"s3://{self.account.lake}/{key}"],
            key=drop_id,
            describe=lambda *_: {DROP: drop_id, VERDICT: "accept"},
        )

    def tell_lineage(self, run, state, package):
        """The event of a run that ended well, its views among the inputs."""
        views = [
            lineage.Catalog(arn=ARN, database=self.database).table(view.table, view.version)
            for view in FEATURES.views
        ]
        ids = {"snapshot": f"flights@{state.snapshot_id}", "feature_hash": FEATURES.hash}
        ids |= {"model_run": run, "package_arn": package, "trigger": "new-data", "cause": "rows came"}
        event = lineage.event("COMPLETE", pipeline="p", run=run, at="now", ids=ids, inputs=views)
        key = f"lineage/{run}/complete.json"
        self.s3.put_object(Bucket=self.account.lake, Key=key, Body=json.dumps(event).encode())

    def put_uncompiled(self, folder):
        """The same model as run-8, served by scikit-learn, and what is usual in training."""
        written = write_artefact(folder / "uncompiled", run="run-8", rounds=10, compiled=False)
        key = "models/run-8.tar.gz"
        self.s3.put_object(Bucket=self.account.lake, Key=key, Body=archived(written))
        baseline = f"s3://{self.account.lake}/training/run-7/baseline/"
        self.account.register(run="run-8", archive=self.archive, model_key=key, baseline_uri=baseline)
        rows = pa.table({name: [2.0, 4.0, None, 9.0] for name in FEATURES.aggregates})
        put_table(self.s3, self.account.lake, "training/run-7/train/part-0.parquet", rows)
        usual = pa.table({"carrier": ["AA", "AA", "UA"], "humid": [10.0, 20.0, 90.0]})
        profile = profile_batches(usual.to_batches())
        put_profile(self.s3, self.account.lake, "training/run-7/baseline/profile.parquet", profile)

    def vector(self, views):
        """What the model of the test sees of REQUEST with these looked-up values."""
        looked_up = {n: v for each in views.values() for n, v in each.get("v", {}).items()}
        known = {**REQUEST, **looked_up}
        return [known.get(name) for name in FEATURES.features]

    def line(self, inference_id, views, *, moment=60, vectors=True, model="run-7"):
        """A record as the endpoint captures it, with the answer of the very model."""
        instance = {**REQUEST, "scheduled_departure": (START + moment * HOUR).isoformat(), "views": views}
        seen = self.vector(views)
        row = dict(zip(FEATURES.features, seen, strict=True))
        scorer = Scorer.load(self.document)
        answer = {"predictions": [{"probability": scorer.one(scorer.vector(row))}], "model": model}
        answer |= {"vectors": [seen]} if vectors else {}
        sides = {"endpointInput": {"instances": [instance]}, "endpointOutput": answer}
        captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
        event = {"eventId": "e", "inferenceId": inference_id, "inferenceTime": "2026-03-01T10:00:00Z"}
        return json.dumps({"captureData": captured, "eventMetadata": event}) + "\n"

    def capture(self, *lines, variant="variant-a", name="one"):
        now = datetime.now(UTC)
        key = f"captures/{self.account.endpoint}/{variant}/{now:%Y/%m/%d/%H}/{name}.jsonl"
        self.s3.put_object(Bucket=self.account.lake, Key=key, Body="".join(lines).encode())
        return key


@pytest.fixture(scope="module")
def lake(aws_server, tmp_path_factory):
    """The world that a module's tests share: its tables are slow to write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws_server)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield World(aws_server, tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(aws, lake):
    """The same with an endpoint of the test's own, so without captures."""
    lake.account.endpoint = aws.name("endpoint")
    lake.account.environment["ENDPOINT_NAME"] = lake.account.endpoint
    vars(lake.place)["outputs"]["EndpointName"] = lake.account.endpoint
    for part in origins.indexes(lake.s3, lake.account.lake):
        lake.s3.delete_object(Bucket=lake.account.lake, Key=part.key)
    return lake


@pytest.fixture
def typed(command, monkeypatch):
    """Type words after `tidegate` at a world's place."""

    def run(world, *words):
        for verb in (why, impact):
            monkeypatch.setattr(verb, "current", lambda options: world.place)
        return command(*words)

    return run


__all__ = ["VERSIONS", "at", "lake", "member", "typed", "world"]
