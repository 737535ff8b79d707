"""The account of one pipeline as its serving functions see it, and an endpoint with a model of the test's."""

import dataclasses
import json
import threading
import time
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import signed_archive

from tidegate.aws import feature_sets
from tidegate.aws.state import State, ViewState
from tidegate.contract import compile_contract
from tidegate.contract.plan import ContractPlan
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.plan import Plan
from tidegate.settings.config import PipelineConfig

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
ROLE = "arn:aws:iam::123456789012:role/test"


@cache
def plan():
    """The compiled example in its dev environment."""
    return Plan(
        config=PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev"),
        contract=ContractPlan.from_json(compile_contract(FLIGHTS / "contract.yaml")),
        feature_document=compile_feature_set(FLIGHTS / "features.py", "flight_delay"),
        code_version="test",
    )


VERSIONS = {view.name: view.version for view in plan().features.views}


def other_features(**changes):
    """The example with another window of carrier_delay, so with another version of that view only."""
    features = plan().features
    views = tuple(
        dataclasses.replace(view, hash="c" * 64, **changes) if view.name == "carrier_delay" else view
        for view in features.views
    )
    return dataclasses.replace(features, hash="e" * 64, views=views)


@pytest.fixture
def model(monkeypatch):
    """Answers InvokeEndpoint over real HTTP; `model.answer` makes (status, document) of the instances."""
    served = Model()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", served.url)
    yield served
    served.close()


class Model:
    """Says one half to everything, as variant-a, until a test says otherwise."""

    def __init__(self):
        self.requests = []  # (target variant, inference id, instances)
        self.bodies = []
        self.variant = "variant-a"
        self.seconds = 0.0
        self.answer = lambda instances: (200, {"predictions": [{"probability": 0.5}] * len(instances)})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(self):
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                instances = asked["instances"]
                model.bodies.append(asked)
                prefix = "X-Amzn-SageMaker-"
                target, inference_id = (
                    self.headers[f"{prefix}{name}"] for name in ("Target-Variant", "Inference-Id")
                )
                model.requests.append((target, inference_id, instances))
                time.sleep(model.seconds)
                status, document = model.answer(instances)
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("x-Amzn-Invoked-Production-Variant", target or model.variant)
                if status != 200:
                    self.send_header("x-amzn-errortype", "ModelError")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler


class Account:
    """Tables, a bucket, an endpoint's name and the environment that functions find them by."""

    def __init__(self, aws, folder):
        self.client = aws.client
        self.s3, self.dynamodb = aws.client("s3"), aws.client("dynamodb")
        self.sagemaker, self.cloudwatch = aws.client("sagemaker"), aws.client("cloudwatch")
        self.lake, self.online, self.state = aws.name("lake"), aws.name("online"), aws.name("state")
        self.kms = aws.client("kms")
        self.key = self.new_key()
        self.prefix = aws.name("p")
        self.endpoint = f"{self.prefix}-endpoint"
        self.s3.create_bucket(Bucket=self.lake)
        self._table(self.online, "entity", "view")
        self._table(self.state, "id")
        self.folder = folder
        self.configure()
        self.environment = {
            "PIPELINE_DIR": str(folder),
            "LAKE_BUCKET": self.lake,
            "ONLINE_TABLE": self.online,
            "STATE_TABLE": self.state,
            "ENDPOINT_NAME": self.endpoint,
            "PREFIX": self.prefix,
            "SIGNING_KEY_ARN": self.key,
        }

    def new_key(self):
        """The ARN of a key that signs."""
        made = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        return made["KeyMetadata"]["Arn"]

    def configure(self, **sections):
        """Write the plan, with changes of some sections of its configuration."""
        document = plan().to_json()
        config = document["config"]
        for name, changes in sections.items():
            config = {**config, name: {**config[name], **changes}}
        (self.folder / "plan.json").write_text(json.dumps({**document, "config": config}))

    def put_online(self, entity, view, event_ts, *, text=None, **outputs):
        """A value of a view, by its name or version."""
        item = {
            "entity": {"S": entity},
            "view": {"S": view if "@" in view else VERSIONS[view]},
            "v": {"S": json.dumps(outputs) if text is None else text},
            "et": {"N": str(event_ts)},
            "kt": {"N": str(event_ts)},
            "rev": {"N": "3"},
        }
        self.dynamodb.put_item(TableName=self.online, Item=item)

    def put_feature_set(self, features=None):
        """Keep a feature set in the lake, the deployed one if no other, and record its views as computed."""
        features = features or plan().features
        feature_sets.put(self.s3, self.lake, features)
        for view in features.views:
            self.put_view(view.version)
        return features.hash

    def put_view(self, version, **changes):
        now = datetime.now(UTC).isoformat()
        known = {
            "computed_from": 0,
            "computed_to": 1_362_096_000,
            "revision": 1,
            "entities": 16,
            "online": 16,
        }
        known |= {"coverage": 1.0, "recorded_at": now, "needed_at": now}
        State(self.dynamodb, self.state).record_view(version, ViewState(**(known | changes)))

    def put_champion(self, arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1", **changes):
        champion = {
            "variant": "variant-a",
            "model_name": "m-1",
            "since": "2026-01-01T00:00:00.000Z",
        } | changes
        item = {name: {"S": value} for name, value in champion.items()}
        item |= {"id": {"S": "champion"}, "model_package_arn": {"S": arn}, "model_version": {"N": "1"}}
        self.dynamodb.put_item(TableName=self.state, Item=item)

    def put_state(self, id_, **members):
        item = {"id": {"S": id_}} | {name: {"S": value} for name, value in members.items()}
        self.dynamodb.put_item(TableName=self.state, Item=item)

    def state_item(self, id_):
        return self.dynamodb.get_item(TableName=self.state, Key={"id": {"S": id_}}).get("Item")

    def archive(self, feature_hash, **files):
        """A signed artefact, with other bytes of some files."""
        files = {**signed_archive.FILES, **files}
        manifest = signed_archive.manifest_of(files, feature_hash=feature_hash)
        signature = signed_archive.sign(self.kms, self.key, manifest)
        return signed_archive.pack({**files, "manifest.json": manifest, "manifest.sig.json": signature})

    def register(self, *, approval="Approved", model_key="models/model.tar.gz", archive=None, **metadata):
        """The ARN of a new model package of this pipeline, its artefact in the lake."""
        group = f"{self.prefix}-group"
        if not self.sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]:
            self.sagemaker.create_model_package_group(ModelPackageGroupName=group)
        features = metadata.get("feature_set_hash", plan().features.hash) or ""
        body = self.archive(features) if archive is None else archive
        self.s3.put_object(Bucket=self.lake, Key="models/model.tar.gz", Body=body)
        container = {"Image": "image", "ModelDataUrl": f"s3://{self.lake}/{model_key}"}
        known = {"run": "run-1", "feature_set_hash": plan().features.hash, "baseline_uri": "s3://b/baseline/"}
        return self.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={k: v for k, v in (known | metadata).items() if v is not None},
        )["ModelPackageArn"]

    def serve(self, config="config-1", weights=None):
        """An endpoint InService with that configuration; `weights` of its variants, or variant-a alone."""
        variant = {"VariantName": "variant-a", "ModelName": f"{self.prefix}-m", "InstanceType": "ml.m5.large"}
        container = {"Image": "image"}
        self.sagemaker.create_model(
            ModelName=variant["ModelName"], ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        name = f"{self.prefix}-{config}"
        variants = [
            variant | {"VariantName": each, "InitialVariantWeight": weight, "InitialInstanceCount": 1}
            for each, weight in (weights or {"variant-a": 1.0}).items()
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        self.sagemaker.create_endpoint(EndpointName=self.endpoint, EndpointConfigName=name)
        return name

    def weights(self):
        """Desired weights of the variants."""
        found = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)["ProductionVariants"]
        return {each["VariantName"]: each["DesiredWeight"] for each in found}

    def count(self, variant, metric, value, when=None):
        """What SageMaker would have counted of a variant."""
        dimensions = [
            {"Name": "EndpointName", "Value": self.endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        datum = {"MetricName": metric, "Value": value, "Timestamp": when or datetime.now(UTC)}
        self.cloudwatch.put_metric_data(
            Namespace="AWS/SageMaker", MetricData=[datum | {"Dimensions": dimensions}]
        )

    def _table(self, name, *keys):
        self.dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            BillingMode="PAY_PER_REQUEST",
        )


@pytest.fixture
def account(aws, tmp_path):
    return Account(aws, tmp_path)


@pytest.fixture
def call(load, context, account):
    """Call a function by its name."""

    def call_function(name, event):
        return load(f"functions.{name}.handler", **account.environment)(event, context)

    return call_function


def request(body, **event):
    """POST as an HTTP API of API Gateway hands it on, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "POST /predict",
        "rawPath": "/predict",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    } | event
