"""A local cloud with a registry: packages with artefacts as the training machine leaves them, and a rollout.

The machine of the rollout is the test's, started by the registry's own event through a rule as in the stack.
"""

import hashlib
import io
import json
import tarfile

import boto3
import pytest
from sagemaker_cloud import SageMakerCloud, unique
from serving_account import plan

from localcloud import server
from tidegate.aws import feature_sets
from tidegate.serving.files import own_digest
from tidegate_cli.commands import models, replay, rollout
from tidegate_cli.place import DUMMY, Place

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ROLLOUT = {"StartAt": "Done", "QueryLanguage": "JSONata", "States": {"Done": {"Type": "Succeed"}}}
SERVICES = ("events", "cloudwatch", "lambda_", "stepfunctions", "sagemaker")


class Registry(SageMakerCloud):
    """The account, and the place as a command sees it."""

    def __init__(self, folder):
        self._folder = folder
        self._running = server.start(names=SERVICES)
        self.cloud = self._running.cloud
        self.client = self.cloud.client
        self.sagemaker = self.client("sagemaker")
        self.bucket = unique("lake")
        self.client("s3").create_bucket(Bucket=self.bucket)
        self.role = self.new_role("s3:*")
        self.group, self.table = unique("group"), unique("state")
        self.sagemaker.create_model_package_group(ModelPackageGroupName=self.group)
        self.client("dynamodb").create_table(
            TableName=self.table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        feature_sets.put(self.client("s3"), self.bucket, plan().features)
        self.place = Place(
            name="a server", prefix="flights-dev", session=boto3.Session(**DUMMY), url=self._running.url
        )
        vars(self.place)["outputs"] = {
            "LakeBucket": self.bucket,
            "StateTable": self.table,
            "ModelPackageGroup": self.group,
            "EndpointName": "none",
            "DeploymentMachine": self._rollouts(),
        }

    def _rollouts(self):
        iam, name = self.client("iam"), unique("states")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        arn = self.client("stepfunctions").create_state_machine(
            name=unique("rollout"), definition=json.dumps(ROLLOUT), roleArn=role
        )["stateMachineArn"]
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {"ModelPackageGroupName": [self.group], "ModelApprovalStatus": ["Approved"]},
        }
        events = self.client("events")
        events.put_rule(Name="approved", EventPattern=json.dumps(pattern))
        given = {
            "InputPathsMap": {"arn": "$.detail.ModelPackageArn"},
            "InputTemplate": '{"model_package_arn": <arn>}',
        }
        target = {"Id": "1", "Arn": arn, "RoleArn": role, "InputTransformer": given}
        events.put_targets(Rule="approved", Targets=[target])
        return arn

    def register(self, *, approval="PendingManualApproval", metric=0.7, **facts):
        """An artefact that no job made, and its package; the ARN of that."""
        run = facts.pop("run", unique("run"))
        manifest, body = packed(run=run, **facts)
        uri = self.put(f"models/{run}/model.tar.gz", body)
        return self.package(manifest, uri, approval=approval, metric=metric)

    def package(self, manifest, uri, *, approval="PendingManualApproval", metric=0.7, image="image"):
        """A package as RegisterCandidate makes it; its ARN."""
        run = manifest["run"]
        evaluation = {
            "metric": "roc_auc",
            "rows": 48,
            "candidate": {
                "run": run,
                "metric": metric,
                "interval": {"value": metric, "low": metric - 0.01, "high": metric + 0.01},
                "brier": 0.2,
            },
            "gate": {"passed": True, "reasons": ["pass: better than guessing"]},
        }
        statistics = self.put(f"evaluations/{run}/evaluation.json", json.dumps(evaluation).encode())
        return self.sagemaker.create_model_package(
            ModelPackageGroupName=self.group,
            ModelApprovalStatus=approval,
            SkipModelValidation="All",
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": uri}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            ModelMetrics={
                "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": statistics}}
            },
            CustomerMetadataProperties={
                "run": run,
                "feature_set_hash": plan().features.hash,
                "train_snapshot": manifest["snapshot"],
                "train_sha256": manifest["inputs"]["rows"]["part-0.parquet"],
                "artefact_sha256": manifest["sha256"]["manifest.json"],
                "training_job": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/train-{run}",
                "image": image,
                "metric_name": "roc_auc",
                "metric": str(metric),
                "metric_low": str(metric - 0.01),
                "metric_high": str(metric + 0.01),
            },
        )["ModelPackageArn"]

    def crown(self, arn):
        """Let a package be the champion; without an ARN, none is."""
        dynamodb, key = self.client("dynamodb"), {"id": {"S": "champion"}}
        if arn is None:
            dynamodb.delete_item(TableName=self.table, Key=key)
            return
        texts = {"model_package_arn": arn, "model_name": "m", "variant": "variant-a", "since": "2013"}
        item = key | {name: {"S": value} for name, value in texts.items()}
        item["model_version"] = {"N": arn.rpartition("/")[2]}
        dynamodb.put_item(TableName=self.table, Item=item)

    def rollouts(self):
        """The packages whose rollout was started, oldest first."""
        states = self.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.place.outputs["DeploymentMachine"])
        found = sorted(listed["executions"], key=lambda each: each["startDate"])
        inputs = [states.describe_execution(executionArn=each["executionArn"])["input"] for each in found]
        return [json.loads(text)["model_package_arn"] for text in inputs]

    def describe(self, arn):
        return self.sagemaker.describe_model_package(ModelPackageName=arn)


def packed(*, run, model=b"a model", rows=10, parameters=None, snapshot="flights@7", **facts):
    """The manifest and the bytes of a model.tar.gz."""
    files = {"model.skops": model, "features.py": b"code"}
    manifest = {
        "run": run,
        "feature_hash": plan().features.hash,
        "snapshot": snapshot,
        "rows": rows,
        "parameters": parameters or {"max_iter": 8},
        "seed": 1,
        "code_version": "e" * 64,
        "inputs": {"rows": {"part-0.parquet": hashlib.sha256(snapshot.encode()).hexdigest()}},
        "python": "3.13.0",
        "libraries": {"numpy": "2.3.0"},
        **facts,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    manifest["sha256"]["manifest.json"] = own_digest(manifest)
    files["manifest.json"] = json.dumps(manifest).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return manifest, buffer.getvalue()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    found = Registry(tmp_path_factory.mktemp("registry"))
    yield found
    found.close()


@pytest.fixture
def typed(registry, command, monkeypatch):
    """Type words after `tidegate`, at the registry's place."""
    for verb in (models, replay, rollout):
        monkeypatch.setattr(verb, "current", lambda options: registry.place)
    return command
