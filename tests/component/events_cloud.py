"""A local cloud with Lambda and events in this process, and short ways to make what a test needs."""

import io
import itertools
import json
import logging
import time
import zipfile

from moto.server import ThreadedMotoServer

from localcloud import cloud, rooms

_numbers = itertools.count(1)


class LocalAws:
    """The account under test: real HTTP, real worker processes, one clock that tests may advance."""

    def __init__(self, folder):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.cloud = cloud.Cloud(f"http://127.0.0.1:{port}", folder)
        cloud.install(self.cloud)
        rooms.install(("cloudwatch", "events", "lambda_"))
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.role = self.client("iam").create_role(RoleName=unique("role"), AssumeRolePolicyDocument=trust)[
            "Role"
        ]["Arn"]

    def close(self):
        self.cloud.close()
        self._server.stop()

    def client(self, service):
        return self.cloud.client(service)

    def function(self, code, **options):
        """A zip function whose app.handler is in `code`; its name."""
        name = options.pop("FunctionName", None) or unique("function")
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=self.role,
            Handler="app.handler",
            Code={"ZipFile": zipped(code)},
            **options,
        )
        return name

    def invoke(self, name, payload=None, **options):
        """(parsed payload, whole answer) of one invocation."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload), **options)
        text = answer["Payload"].read()
        return (json.loads(text) if text else None), answer

    def queue(self, name=None, **attributes):
        """(url, ARN) of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name or unique("queue"), Attributes=attributes)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def received(self, url, count=1, seconds=20.0):
        """The messages that arrive within that time, at most `count`; they are deleted."""
        sqs = self.client("sqs")
        until = time.monotonic() + seconds
        messages = []
        while len(messages) < count and time.monotonic() < until:
            answer = sqs.receive_message(
                QueueUrl=url,
                WaitTimeSeconds=1,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
            )
            for message in answer.get("Messages", ()):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                messages.append(message)
        return messages

    def bodies(self, url, count=1, seconds=20.0):
        return [json.loads(message["Body"]) for message in self.received(url, count, seconds)]

    def rule(self, pattern, *targets, **options):
        """A rule on the default bus, by pattern or by schedule; its name."""
        name = options.pop("Name", None) or unique("rule")
        events = self.client("events")
        if isinstance(pattern, dict):
            options["EventPattern"] = json.dumps(pattern)
        else:
            options["ScheduleExpression"] = pattern
        events.put_rule(Name=name, **options)
        if targets:
            numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
            events.put_targets(Rule=name, Targets=numbered, **_bus(options))
        return name

    def publish(self, source, detail, detail_type="Said", **options):
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), **options}
        return self.client("events").put_events(Entries=[entry])


def unique(word):
    return f"{word}-{next(_numbers)}-{time.time_ns() % 10**9}"


def zipped(code):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", code)
    return buffer.getvalue()


def wait_for(condition, seconds=60.0):
    """Look until `condition` is true; whether it became so in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def _bus(options):
    return {"EventBusName": options["EventBusName"]} if "EventBusName" in options else {}
