"""A local cloud with SageMaker in this process, tiny images, and short ways to make what a test needs."""

import io
import itertools
import json
import tarfile
import time

from localcloud import cloud, images, server
from localcloud.assembly import Assembly, ImageAsset, Stack

_numbers = itertools.count(1)

DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nENV GREETING=hello\nENTRYPOINT ["python", "entry.py"]\n'
ENDED = {"Completed", "Failed", "Stopped"}


class SageMakerCloud:
    """The account under test: real HTTP, real processes, one clock that tests may advance."""

    def __init__(self, folder):
        self._folder = folder
        self._running = server.start(names=("events", "cloudwatch", "sagemaker", "autoscaling"))
        self.cloud = cloud.current()
        self.client = self.cloud.client
        self.sagemaker = self.client("sagemaker")
        self.bucket = unique("bucket")
        self.client("s3").create_bucket(Bucket=self.bucket)
        self.role = self.new_role("s3:*")
        self._queue = self._listen()

    def close(self):
        self._running.close()

    def new_role(self, *actions):
        """The ARN of a role that may do that with the bucket."""
        iam, name = self.client("iam"), unique("role")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        resources = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": resources}
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=json.dumps(policy))
        return arn

    def image(self, script):
        """The URI of an image whose entry point is `script`."""
        tag = unique("tag")
        folder = self._folder / tag
        folder.mkdir()
        (folder / "Dockerfile").write_text(DOCKERFILE)
        (folder / "entry.py").write_text(script)
        asset = ImageAsset(
            id=tag,
            folder=folder,
            dockerfile="Dockerfile",
            target="",
            arguments={},
            destinations=(("images", tag),),
        )
        stack = Stack(id=tag, name=tag, template_file=folder / "none.json", images=(asset,))
        images.register(Assembly(folder, (stack,)))
        return f"123456789012.dkr.ecr.us-east-1.amazonaws.com/images:{tag}"

    def put(self, key, body):
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def get(self, uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, prefix):
        listed = self.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def uri(self, key):
        return f"s3://{self.bucket}/{key}"

    def training_request(self, image, **changes):
        algorithm = {"TrainingImage": image, "TrainingInputMode": "File", **changes.pop("algorithm", {})}
        return {
            "TrainingJobName": unique("train"),
            "AlgorithmSpecification": algorithm,
            "RoleArn": self.role,
            "OutputDataConfig": {"S3OutputPath": self.uri("models/")},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }

    def train(self, script, **changes):
        """The description of a training job that ran `script` to its end."""
        request = self.training_request(self.image(script), **changes)
        self.sagemaker.create_training_job(**request)
        return self.ended("training", request["TrainingJobName"])

    def ended(self, kind, name, seconds=120):
        """The description of a job once it has ended."""
        member = {"training": "Training", "processing": "Processing", "tuning": "HyperParameterTuning"}[kind]
        operation = {"tuning": "hyper_parameter_tuning"}.get(kind, kind)
        describe = getattr(self.sagemaker, f"describe_{operation}_job")
        status = f"{member}JobStatus"
        return wait_for(lambda: _if(describe(**{f"{member}JobName": name}), status, ENDED), seconds)

    def channel(self, name, uri, **source):
        data = {"S3DataType": "S3Prefix", "S3Uri": uri, **source}
        return {"ChannelName": name, "DataSource": {"S3DataSource": data}}

    def events(self, key, value):
        """The details of SageMaker's events so far whose `key` is `value`."""
        sqs = self.client("sqs")
        found = []
        while messages := sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages", []):
            found += [json.loads(message["Body"]) for message in messages]
        return [event for event in found if event["detail"].get(key) == value]

    def logs(self, group, stream_prefix):
        """What was logged to the streams with that prefix."""
        client = self.client("logs")
        streams = client.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream_prefix)
        return [
            event["message"]
            for stream in streams["logStreams"]
            for event in client.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])[
                "events"
            ]
        ]

    def _listen(self):
        sqs, events = self.client("sqs"), self.client("events")
        url = sqs.create_queue(QueueName=unique("heard"))["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
        events.put_targets(Rule="heard", Targets=[{"Id": "1", "Arn": found["Attributes"]["QueueArn"]}])
        return url


def unique(word):
    return f"{word}-{next(_numbers)}-{time.time_ns() % 10**9}"


def tarred(**files):
    """The bytes of a .tar.gz with those texts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(text)
            tar.addfile(item, io.BytesIO(text.encode()))
    return buffer.getvalue()


def untarred(content):
    """{name: text} of a .tar.gz."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {item.name: tar.extractfile(item).read().decode() for item in tar if item.isfile()}


def wait_for(probe, seconds=60.0):
    """What `probe` gives once it gives something."""
    until = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < until, "nothing came in time"
        time.sleep(0.02)
    return found


def _if(answer, member, values):
    return answer if answer[member] in values else None
