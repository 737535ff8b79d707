"""The event patterns recorded on AWS: each matches, does not match, or is refused, as it was there."""

import json
import os
from pathlib import Path

import pytest

from localcloud.events.patterns import InvalidPatternError, compile_pattern

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
FILES = sorted((CASES / "event-patterns").glob("*.json"))
RECORDED = 86

pytestmark = pytest.mark.skipif(
    not FILES, reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


def verdict(pattern, event):
    try:
        return "match" if compile_pattern(json.dumps(pattern)).matches(event) else "no-match"
    except InvalidPatternError:
        return "rejected"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_matches_as_aws_did(file):
    case = json.loads(file.read_text())
    assert verdict(case["pattern"], case["event"]) == case["expected"]


def test_no_case_is_left_out():
    assert len(FILES) >= RECORDED
