"""`tidegate train` as it is typed, on state machines that end as a test says."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tidegate_cli.commands import train

PACKAGE = "arn:aws:sagemaker:us-east-1:1:model-package/models/7"
MACHINES = {
    f"{stage}Machine": f"arn:aws:states:us-east-1:1:stateMachine:{stage}"
    for stage in ("Training", "Deployment")
}


class Aws:
    """Step Functions and SageMaker of one pipeline: what is started has ended, as `ends` says by machine."""

    def __init__(self, *, approval="Approved", **ends):
        self.approval = approval
        self.ends = ends
        self.inputs = {}  # execution arn -> input
        if "Deployment" in ends:
            self.inputs[self._arn("Deployment", "by-event")] = json.dumps({"model_package_arn": PACKAGE})

    @staticmethod
    def _arn(machine, name):
        return f"arn:aws:states:us-east-1:1:execution:{machine}:{name}"

    def start_execution(self, stateMachineArn, name, input):  # noqa: A002, N803  AWS's names
        arn = self._arn(stateMachineArn.rpartition(":")[2], name)
        self.inputs[arn] = input
        return {"executionArn": arn}

    def describe_execution(self, executionArn):  # noqa: N803
        status, rest = self.ends[executionArn.split(":")[-2]]
        now = datetime.now(UTC)
        described = {"executionArn": executionArn, "status": status, "startDate": now, "stopDate": now}
        return {**described, "input": self.inputs[executionArn], **rest}

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, operation))

    def get_execution_history(self, executionArn):  # noqa: N803
        return [{"events": []}]

    def list_executions(self, stateMachineArn, PaginationConfig):  # noqa: N803
        kind = stateMachineArn.rpartition(":")[2]
        arns = [arn for arn in self.inputs if f":{kind}:" in arn]
        return [{"executions": [{"executionArn": arn, "startDate": datetime.now(UTC)} for arn in arns]}]

    def describe_model_package(self, ModelPackageName):  # noqa: N803
        assert ModelPackageName == PACKAGE
        return {"ModelApprovalStatus": self.approval}


@pytest.fixture
def typed(command, monkeypatch):
    """Type words after `tidegate train --json`; returns the exit code and the answer."""

    def run(aws, *words):
        place = SimpleNamespace(name="a test", outputs=MACHINES, client=lambda service: aws)
        monkeypatch.setattr(train, "current", lambda options: place)
        ended = command("train", "--json", *words)
        return ended.code, ended.json

    return run


def output(**facts):
    return {"output": json.dumps(facts)}


REGISTERED = ("SUCCEEDED", output(outcome="registered", package_arn=PACKAGE, reasons=["pass: better"]))
FAILURE = {"error": "OutOfMemory", "cause": "the job ended\nwith a long trace"}


@pytest.mark.parametrize(
    "aws, code, verdict, reason",
    [
        (Aws(Training=REGISTERED, Deployment=("SUCCEEDED", {})), 0, "promoted", "pass: better"),
        (Aws(Training=REGISTERED, approval="PendingManualApproval"), 0, "waits for approval", "pass: better"),
        (
            Aws(Training=REGISTERED, Deployment=("FAILED", FAILURE)),
            1,
            "rolled back",
            "OutOfMemory: the job ended",
        ),
        (
            Aws(
                Training=(
                    "SUCCEEDED",
                    output(outcome="rejected", package_arn=None, reasons=["fail: worse", "x"]),
                )
            ),
            1,
            "rejected",
            "fail: worse; x",
        ),
        (Aws(Training=("SUCCEEDED", output(outcome="skipped", reason="busy"))), 1, "skipped", "busy"),
        (Aws(Training=("FAILED", FAILURE)), 1, "failed", "OutOfMemory: the job ended"),
    ],
    ids=["promoted", "manual approval", "rolled back", "rejected", "skipped", "failed"],
)
def test_a_run_is_followed_to_its_verdict(typed, aws, code, verdict, reason):
    ended, told = typed(aws)
    assert (ended, told["verdict"], told["reason"]) == (code, verdict, reason)
    assert told.get("version") == (7 if "Deployment" in aws.ends or aws.approval != "Approved" else None)


def test_it_starts_as_a_persons_command_which_no_cooldown_refuses(typed):
    aws = Aws(Training=("RUNNING", {}))
    code, told = typed(aws, "--no-follow", "--reason", "a new feature")
    assert (code, told["verdict"]) == (0, "started")
    assert [json.loads(text) for text in aws.inputs.values()] == [
        {"trigger": "command", "cause": "a new feature"}
    ]


def test_again_asks_to_pay_for_the_same_inputs_once_more(typed):
    aws = Aws(Training=("RUNNING", {}))
    typed(aws, "--no-follow", "--again")
    [given] = [json.loads(text) for text in aws.inputs.values()]
    assert given["again"] is True
