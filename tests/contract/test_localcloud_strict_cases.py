"""Calls recorded on AWS: what AWS accepted passes the strict check, what it refused is refused alike."""

import functools
import json
import os
from pathlib import Path

import botocore.loaders
import pytest
from botocore import xform_name
from botocore.model import ServiceModel

from localcloud.front import strict
from localcloud.front.call import Call, Caller

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
RECORDINGS = CASES / "service-recordings"

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


@functools.cache
def operations(service):
    model = ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def filled(value):
    """Account and region put in; other marks stay, and what is said about them does not count."""
    text = json.dumps(value).replace("{{region}}", "us-east-1").replace("{{account}}", "123456789012")
    return json.loads(text)


def calls(fails):
    """(file, call, what AWS answered) of services that are checked, with parameters that are written down."""
    for path in sorted(RECORDINGS.rglob("*.json")):
        case = json.loads(path.read_text())
        for number, call in enumerate(case["calls"]):
            if call["service"] not in strict.CHECKED or call["call"] not in operations(call["service"]):
                continue
            if call["call"] != "create_function" and bool(call.get("fails")) is fails:
                answers = [a["content"] for a in case["answers"].values() if a.get("of_call") == number]
                yield path.name, call, answers[0] if answers and isinstance(answers[0], dict) else {}


def refusal(call):
    operation = operations(call["service"])[call["call"]]
    parameters = filled(call.get("params", {}))
    # recordings have boto3's names, which are the members' own
    return strict.refusal(Call(Caller("", "", ""), call["service"], operation, "query", parameters))


def test_no_call_that_aws_accepted_is_refused():
    seen, refused = 0, []
    for name, call, _ in calls(fails=False):
        seen += 1
        found = refusal(call)
        if found and "{{" not in found.message:
            refused.append(f"{name}: {call['call']}: {found.message}")
    assert refused == []
    assert seen > 1000


def test_what_aws_found_invalid_in_a_shape_is_refused_with_its_code_and_words():
    said = 0
    for _, call, answer in calls(fails=True):
        expected = answer.get("Error")
        found = refusal(call)
        if found is None or "{{" in found.message or "validation error" not in str(expected):
            continue
        said += 1
        assert found.code == expected["Code"]
        # lists are shown in Java's notation by AWS: compare what was wrong with them
        assert found.message.rpartition(" at ")[2] == expected["Message"].rpartition(" at ")[2]
    assert said >= 5
