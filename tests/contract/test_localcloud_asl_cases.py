"""Executions recorded on AWS, run again in the local cloud: the same status, output and error name."""

import json
import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud import server, stepfunctions
from localcloud.lambda_.models import LocalFunction
from localcloud.lambda_.worker import Outcome
from localcloud.stepfunctions import definitions

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
SECONDS = 8.0  # for one case; the longest recorded wait of these is 5 s
# How many agreed when this was written; the rest is named by the test when it fails.
SELF_CONTAINED, WITH_SERVICES = 540, 89
SERVICES = {"callback", "dynamodb", "events", "lambda", "s3", "second-actor", "sns", "sqs", "states"}
NAMES = ("FunctionName", "QueueName", "Bucket", "Name", "TableName", "name")

REFUSED = {  # part of a machine that AWS takes and the local cloud refuses: why
    "arn:aws:states:::http:invoke": "HTTP tasks are not built",
    '"Parameters": [': "moto's grammar wants an object in Parameters",
}

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


@pytest.fixture(scope="module")
def aws():
    """A local cloud whose functions do in this process what the cases say of them: no worker starts."""
    with (
        pytest.MonkeyPatch.context() as patch,
        server.start(names=("events", "cloudwatch", "lambda_", "stepfunctions")) as running,
    ):
        patch.setattr(LocalFunction, "run", behave)
        iam = running.cloud.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="asl-cases", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="asl-cases", PolicyName="all", PolicyDocument=policy)
        yield Aws(running.cloud, role)


class Aws:
    def __init__(self, cloud, role):
        self.cloud = cloud
        self.role = role
        self.known = {"account": cloud.account, "region": cloud.region, "role_arn": role}

    def prepare(self, case, number):
        """The case with names of its own, its set-up made, and its marks filled in."""
        text = json.dumps(case, ensure_ascii=False)
        for step in case.get("setup", []):
            for name in {step["params"][field] for field in NAMES if field in step["params"]}:
                text = text.replace(name, f"{name}-{number}")
        known = dict(self.known)
        for step in json.loads(text).get("setup", []):
            self.make(filled(step, known), known)
        return filled(json.loads(text), known)

    def make(self, step, known):
        params, service = step["params"], step["service"]
        if service == "lambda":
            behaviour = {"BEHAVIOUR": json.dumps(step["behaviour"])}
            params |= {
                "Role": self.role,
                "Runtime": "python3.13",
                "Handler": "app.handler",
                "Code": {"ZipFile": b"PK\x05\x06" + bytes(18)},
                "Environment": {"Variables": behaviour},
            }
        answer = getattr(self.cloud.client(service), step["call"])(**params)
        name = next((params[field] for field in NAMES if field in params), "")
        match step["call"]:
            case "create_queue":
                known[f"queue_url:{name}"] = answer["QueueUrl"]
                known[f"queue_arn:{name}"] = self.cloud.arn("sqs", name)
            case "create_function":
                known[f"function_arn:{name}"] = answer["FunctionArn"]
            case "create_topic":
                known[f"topic_arn:{name}"] = answer["TopicArn"]
            case "create_table":
                known[f"table_arn:{name}"] = answer["TableDescription"]["TableArn"]
            case "put_rule":
                known[f"rule_arn:{name}"] = answer["RuleArn"]
            case "create_state_machine":
                known[f"state_machine_arn:{name}"] = answer["stateMachineArn"]

    def run(self, case, number):
        """(whether it agrees, what came out) of one execution."""
        case = self.prepare(case, number)
        backend = stepfunctions.backend(self.cloud.account, self.cloud.region)
        machine = backend.create_state_machine(
            f"case-{number}-{time.monotonic_ns()}", definition(case), self.role, sm_type=case["machine_type"]
        )
        text = case.get("input_text") or json.dumps(case.get("input", {}))
        execution = backend.start_execution(machine.arn, case.get("execution_name"), text)
        if not execution.ended.wait(SECONDS):
            execution.stop(None, None)
            return False, f"still running after {SECONDS} s"
        found = {"status": execution.status, "output": execution.output, "error": execution.error}
        return agrees(case, found), f"{found} {execution.cause}"


def behave(function, payload, **_):
    """What a function of the cases does with a payload."""
    behaviour = json.loads(function.environment_vars["BEHAVIOUR"])
    match behaviour["kind"]:
        case "return-input":
            return Outcome(result=payload)
        case "return-value":
            return Outcome(result=json.dumps(behaviour["value"]).encode())
        case "return-bytes":
            text = behaviour["value"] if "value" in behaviour else behaviour["repeat"] * behaviour["bytes"]
            return Outcome(result=text.encode())
        case "sleep-then-return-input":
            time.sleep(behaviour["seconds"])
            return Outcome(result=payload)
        case "raise":
            error = {"errorMessage": behaviour["message"], "errorType": behaviour["type"], "stackTrace": []}
            return Outcome(result=json.dumps(error).encode(), failed=True)
    raise AssertionError(behaviour)


def load(folder):
    files = sorted((CASES / "asl-executions" / folder).rglob("*.json*"))
    texts = [
        text
        for file in files
        for text in ([file.read_text()] if file.suffix == ".json" else file.read_text().splitlines())
    ]
    return [json.loads(text) for text in texts]


def filled(value, known):
    if isinstance(value, dict):
        return {name: filled(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{\{([^{}]+)\}\}", lambda mark: known.get(mark[1], mark[0]), value)
    return value


def definition(case):
    return case.get("definition_text") or json.dumps(case["definition"], ensure_ascii=False)


def agrees(case, found):
    expected = case["expected"]
    if found["status"] != expected["status"]:
        return False
    if expected["status"] == "FAILED":
        return same(expected.get("error"), found["error"])
    # a function's request id and stack trace are not of Step Functions' making
    loose = {"requestId", "stackTrace"} | {
        path.rpartition(".")[2] for path in case.get("loose", []) if path.startswith("$..")
    }
    output = json.loads(found["output"] or "null")
    return same(without(expected.get("output"), loose), without(output, loose))


def without(value, keys):
    value = parsed(value)
    if isinstance(value, dict):
        return {name: without(item, keys) for name, item in value.items() if name not in keys}
    return [without(item, keys) for item in value] if isinstance(value, list) else value


def same(expected, found):
    """Equal as the recordings mean it: `<name>` is any text, alone any value; numbers are equal by value."""
    if isinstance(expected, str):
        if re.fullmatch(r"<[^<>]+>", expected):
            return True
        parts = re.split(r"(<[^<>]+>)", expected)
        pattern = "".join(".*" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        return isinstance(found, str) and re.fullmatch(pattern, found, re.DOTALL) is not None
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[name], found[name]) for name in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    return expected == found and isinstance(expected, bool) == isinstance(found, bool)


def parsed(value):
    """Text that holds an object or a list, as the recorder may have parsed it."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def title(case):
    return case["id"].rpartition("::")[2]


def outcome(aws, cases, workers):
    """(how many agree, one line for each that differs)."""

    def run(numbered):
        number, case = numbered
        try:
            agreed, text = aws.run(case, number)
        except Exception as error:  # noqa: BLE001  a case that cannot run is one that differs
            agreed, text = False, repr(error)
        return "" if agreed else f"{title(case)}: {text[:300]}"

    with ThreadPoolExecutor(workers) as pool:
        lines = list(pool.map(run, enumerate(cases)))
    return lines.count(""), [line for line in lines if line]


def report(capsys, kind, agree, differing, skipped):
    with capsys.disabled():
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(Counter(skipped).items()))
        print(  # noqa: T201  the counts are what this test is for
            f"\n{kind}: {agree} agree, {len(differing)} differ, {len(skipped)} not applicable ({reasons})"
        )


def test_self_contained_executions_end_as_on_aws(aws, capsys):
    cases = [case for case in load("executions") if not case["needs"]]
    agree, differing = outcome(aws, cases, workers=4)
    report(capsys, "self-contained executions", agree, differing, [])
    assert agree >= SELF_CONTAINED, "\n".join(differing)


def test_executions_that_call_services_end_as_on_aws(aws, capsys):
    cases, skipped = [], []
    for case in load("executions"):
        missing = set(case["needs"]) - SERVICES
        if not case["needs"]:
            continue
        if missing:
            skipped.append(f"need {' and '.join(sorted(missing))}")
        elif "second-actor" in case["flags"]:
            skipped.append("answered by a thread of the source")
        else:
            cases.append(case)
    agree, differing = outcome(aws, cases, workers=8)
    report(capsys, "executions that call services", agree, differing, skipped)
    assert agree >= WITH_SERVICES, "\n".join(differing)


@pytest.mark.parametrize("case", load("rejected-definitions"), ids=title)
def test_a_definition_that_aws_refuses_is_refused_in_the_same_words(aws, case):
    known = {"activity_arn:activity-u1": "arn:aws:states:us-east-1:123456789012:activity:activity-u1"}
    found = definitions.diagnose(definition(filled(case, known)), case["machine_type"])
    text = ", ".join(str(problem) for problem in found)
    assert f"Invalid State Machine Definition: '{text}'" == case["expected"]["message"]


@pytest.mark.parametrize("case", load("validations"), ids=title)
def test_a_validation_gives_the_verdict_of_aws(aws, case):
    found = definitions.diagnose(definition(case), case["machine_type"])
    assert ("FAIL" if found else "OK") == case["expected"]["result"]
    assert [problem.code for problem in found] == [each["code"] for each in case["expected"]["diagnostics"]]


@pytest.mark.parametrize(
    "file", sorted((CASES / "state-machines").glob("*.asl.json")), ids=lambda file: file.name
)
def test_a_deployed_state_machine_is_accepted(aws, file):
    text = re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:us-east-1:123456789012:function:\1", file.read_text())
    found = definitions.diagnose(text)
    if reason := next((why for part, why in REFUSED.items() if part in text), ""):
        assert found, f"accepted now, though {reason}"
        pytest.skip(reason)
    assert found == []
