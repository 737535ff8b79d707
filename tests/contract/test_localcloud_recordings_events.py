"""Conversations of EventBridge, SQS, SNS, Lambda and S3 recorded on AWS, held again with the local cloud."""

import json
import logging
import os
from collections import Counter
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from recordings import Conversation, NotApplicableError

from localcloud import cloud, rooms

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
SERVICES = ("events", "lambda", "s3", "sns", "sqs")

# How many conversations go as on AWS, to the last field. Fewer is a failure; raise it with the code.
AGREE = {"events": 68, "lambda": 8, "s3": 3, "sns": 7, "sqs": 17}

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    here = cloud.Cloud(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("cloud"))
    cloud.install(here)
    rooms.install(("cloudwatch", "events", "lambda_"))
    yield here
    here.close()
    server.stop()


@pytest.fixture(scope="module")
def role_arn(aws):
    role = aws.client("iam").create_role(RoleName="recorded", AssumeRolePolicyDocument="{}")
    return role["Role"]["Arn"]


@pytest.mark.parametrize("service", SERVICES)
def test_as_many_conversations_as_ever_go_as_on_aws(aws, role_arn, service, record_property):
    agree, reasons, differ = 0, Counter(), []
    for number, file in enumerate(sorted((CASES / "service-recordings" / service).rglob("*.json"))):
        mark = f"{service}{number}"
        try:
            wrong = Conversation(file.read_text(), mark, aws.client, role_arn).differences()
        except NotApplicableError as reason:
            reasons[str(reason)] += 1
            continue
        agree += not wrong
        differ += [f"{file.stem}: {wrong[0]}"] if wrong else []
    report = f"{service}: {agree} agree, {len(differ)} differ, not applicable: {json.dumps(reasons)}"
    record_property("conformance", report)
    print(report, *differ, sep="\n  ")  # noqa: T201  what a failure needs to be understood
    assert agree >= AGREE[service], report
