"""The account of one pipeline as Collect sees it, with sources of the test's."""

import io
import json
import time
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from serving_account import plan

from tidegate.contract.plan import Column, ContractPlan

CONTRACT = ContractPlan(
    id="orders",
    version="1.0.0",
    dataset="orders",
    hash="0",
    columns=(
        Column(name="id", type="integer"),
        Column(name="amount", type="number"),
        Column(name="changed_at", type="timestamp"),
    ),
    rules=(),
)


class Account:
    """`collect(section)` runs the function as its schedule would; the rest looks at what it did."""

    def __init__(self, aws, load, folder):
        self.aws, self.load, self.folder = aws, load, folder
        self.s3 = aws.client("s3")
        self.dynamodb = aws.client("dynamodb")
        self.drops, self.lake, self.table = aws.name("drops"), aws.name("lake"), aws.name("state")
        for bucket in (self.drops, self.lake):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=self.drops, VersioningConfiguration={"Status": "Enabled"})
        self.dynamodb.create_table(
            TableName=self.table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def secret(self, value):
        name = self.aws.name("secret")
        text = value if isinstance(value, str) else json.dumps(value)
        self.aws.client("secretsmanager").create_secret(Name=name, SecretString=text)
        return name

    def function(self, **section):
        """The handler, loaded under a configuration that has this source alone."""
        document = plan().to_json()
        given = {"name": "orders", **section}
        document = {
            **document,
            "contract": CONTRACT.to_json(),
            "config": {**document["config"], "collect": [given]},
        }
        (self.folder / "plan.json").write_text(json.dumps(document))
        return self.load(
            "functions.collect.handler",
            PIPELINE_DIR=str(self.folder),
            STATE_TABLE=self.table,
            DROPS_BUCKET=self.drops,
            LAKE_BUCKET=self.lake,
        )

    def collect(self, *, seconds=900.0, run="run-1", **section):
        return self.function(**section)({"source": "orders"}, lambda_context(seconds, run))

    def drop_keys(self):
        listed = self.s3.list_objects_v2(Bucket=self.drops)
        return [each["Key"] for each in listed.get("Contents", [])]

    def versions(self):
        return len(self.s3.list_object_versions(Bucket=self.drops).get("Versions", []))

    def unfinished(self):
        return self.s3.list_multipart_uploads(Bucket=self.drops).get("Uploads", [])

    def body(self, key):
        return self.s3.get_object(Bucket=self.drops, Key=key)["Body"].read()

    def rows(self, key):
        return pq.read_table(io.BytesIO(self.body(key)))

    def item(self, name):
        found = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": name}}, ConsistentRead=True)
        return found.get("Item")

    @property
    def watermark(self):
        item = self.item("collect#orders")
        return item["watermark"]["S"] if item and "watermark" in item else None


def lambda_context(seconds, run):
    end = time.monotonic() + seconds
    return SimpleNamespace(
        function_name="collect",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:collect",
        aws_request_id=run,
        get_remaining_time_in_millis=lambda: int((end - time.monotonic()) * 1000),
    )


@pytest.fixture
def account(aws, load, tmp_path):
    return Account(aws, load, tmp_path)
