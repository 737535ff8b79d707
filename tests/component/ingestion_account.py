"""What ingestion keeps, on a moto server, and the steps of its machine over it, called one by one."""

import csv
import functools
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from tidegate.aws.catalog import Catalog
from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.ingestion import envelope, notifications
from tidegate.plan import Plan
from tidegate.settings.config import PipelineConfig

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
COLUMNS = [
    *("flight_id", "scheduled_departure", "carrier", "flight", "origin", "dest", "distance", "hour", "temp"),
    *("dewp", "humid", "wind_speed", "precip", "pressure", "visib", "dep_delay", "arr_delay", "landed_at"),
]


def rows(count, *, first=0, temp=None):
    """Flights that keep the contract, half an hour apart."""
    made = []
    for number in range(first, first + count):
        start = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * number)
        made.append(
            {
                "flight_id": f"{start:%Y%m%dT%H%MZ}-UA{number + 1}-EWR",
                "scheduled_departure": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "carrier": ("UA", "AA", "B6")[number % 3],
                "flight": number % 300 + 1,
                "origin": ("EWR", "JFK", "LGA")[number % 3],
                "dest": ("ORD", "LAX")[number % 2],
                "distance": 700 + number % 50,
                "hour": start.hour,
                "temp": temp if temp is not None else 30 + number % 20,
                "dewp": 20 + number % 10,
                "humid": 50 + number % 30,
                "wind_speed": number % 15,
                "precip": 0,
                "pressure": 1000 + number % 20,
                "visib": 10,
                "dep_delay": number % 40 - 5,
                "arr_delay": "" if number % 25 == 0 else number % 60 - 20,
                "landed_at": f"{start + timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}",
            }
        )
    return made


def as_csv(made, columns=COLUMNS):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[name] for name in COLUMNS] for row in made)
    return out.getvalue().encode()


@functools.cache
def plan_document():
    return Plan(
        config=PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="test",
    ).to_json()


def account(aws, load, context, folder):
    """Buckets, tables and functions of one pipeline, and the steps of the ingestion machine over them."""
    configure = configurator(plan_document(), folder / "plan.json")
    configure()
    s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
    drops, lake, ledger, state = (aws.name(name) for name in ("drops", "lake", "ledger", "state"))
    for bucket in (drops, lake):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=drops, VersioningConfiguration={"Status": "Enabled"})
    create_tables(dynamodb, ledger, state)
    database = aws.name("db").replace("-", "_")
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    machine = aws.client("stepfunctions").create_state_machine(
        name=aws.name("ingestion"),
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/test",
    )["stateMachineArn"]
    environment = {
        "PIPELINE_DIR": str(folder),
        "LAKE_BUCKET": lake,
        "LEDGER_TABLE": ledger,
        "STATE_TABLE": state,
        "GLUE_DATABASE": database,
        "INGESTION_MACHINE": machine,
    }
    delivered = itertools.count(1)

    def call(name, event):
        return load(f"functions.{name}.handler", **environment)(json.loads(json.dumps(event)), context)

    def deliver(body, key="drops/flights/1.csv"):
        put = s3.put_object(Bucket=drops, Key=key, Body=body)
        etag = put["ETag"].strip('"')
        return notification(drops, key, put["VersionId"], etag, len(body), sequencer=next(delivered))

    def arrive(body, key="drops/flights/1.csv"):
        """A drop that was received, as the machine gets it."""
        message = deliver(body, key)
        call("receive_drop", as_messages([message]))
        [found] = notifications.parse(message)[0].notifications
        return envelope.inspect(found, dataset="flights", maximum_mebibytes=100)[0].to_json()

    def judge(drop):
        planned = call("plan_shards", {"drop": drop})
        reports = [
            call("validate_shard", {"drop": drop, "plan": {**planned, "shards": []}, "shard": shard})
            for shard in planned["shards"]
        ]
        return reports, call(
            "judge_drop", {"drop": drop, "plan": {**planned, "shards": []}, "reports": reports}
        )

    def record(drop):
        reports, verdict = judge(drop)
        return call("record_dataset_version", {"drop": drop, "reports": reports, "verdict": verdict})

    def ledger_row(drop_id):
        item = dynamodb.get_item(TableName=ledger, Key={"drop_id": {"S": drop_id}})["Item"]
        return {name: next(iter(value.values())) for name, value in item.items()}

    return SimpleNamespace(
        configure=configure,
        s3=s3,
        drops=drops,
        lake=lake,
        database=database,
        ledger=ledger,
        state=state,
        machine=machine,
        call=call,
        deliver=deliver,
        arrive=arrive,
        judge=judge,
        record=record,
        ledger_row=ledger_row,
        ledger_rows=lambda: dynamodb.scan(TableName=ledger)["Items"],
        kept=lambda key: s3.get_object(Bucket=lake, Key=key)["Body"].read(),
        catalog=lambda: Catalog(s3, lake_bucket=lake, database=database),
    )


def configurator(document, path):
    """Writes the plan; `contract` changes members of the contract, the rest of [ingestion]."""

    def configure(contract=None, **ingestion):
        config = document["config"]
        changed = {**config, "ingestion": {**config["ingestion"], **ingestion}}
        contract = {**document["contract"], **(contract or {})}
        path.write_text(json.dumps({**document, "config": changed, "contract": contract}))

    return configure


def create_tables(dynamodb, ledger, state):
    create_ledger(dynamodb, ledger)
    dynamodb.create_table(
        TableName=state,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def create_ledger(dynamodb, ledger):
    dynamodb.create_table(
        TableName=ledger,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("drop_id", "dataset", "received_at")
        ],
        KeySchema=[{"AttributeName": "drop_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-time",
                "KeySchema": [
                    {"AttributeName": "dataset", "KeyType": "HASH"},
                    {"AttributeName": "received_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def notification(bucket, key, version_id, etag, size, *, sequencer=1):
    found = {"key": key, "size": size, "etag": etag, "version-id": version_id}
    detail = {
        "bucket": {"name": bucket},
        "object": found | {"sequencer": f"{sequencer:018X}"},
        "reason": "PutObject",
    }
    moment = datetime(2013, 2, 1, tzinfo=UTC) + timedelta(days=sequencer)
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": detail,
        "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }


def as_messages(notifications):
    return {
        "Records": [
            {"messageId": f"m{number}", "eventSource": "aws:sqs", "body": json.dumps(body)}
            for number, body in enumerate(notifications)
        ]
    }
