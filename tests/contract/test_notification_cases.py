"""The parser of notifications against payloads that AWS published: ours parse, all others are refused."""

import json
import os
from pathlib import Path

import pytest

from tidegate.ingestion.notifications import UnknownNotificationError, parse

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[2] / "../shared/cases")).resolve()
INDEX = CASES / "lambda-events" / "index.json"
OURS = ("s3", "sqs", "sns", "eventbridge")


def cases():
    if not INDEX.exists():
        reason = f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    listed = json.loads(INDEX.read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["file"]) for case in listed]


@pytest.mark.parametrize("case", cases())
def test_a_payload_parses_when_it_is_of_our_kinds_and_is_refused_otherwise(case):
    try:
        payload = json.loads((INDEX.parent / case["file"]).read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        assert case["kind"] == "malformed"
        return
    if case["kind"] not in OURS:
        with pytest.raises(UnknownNotificationError):
            parse(payload)
        return
    deliveries = parse(payload)
    assert len(deliveries) == (case["records"] or 1 if case["kind"] in ("sqs", "sns") else 1)
    if case["kind"] in ("s3", "eventbridge"):
        found = [notification for delivery in deliveries for notification in delivery.notifications]
        assert len(found) == (case["records"] or 1)
        assert all(notification.bucket and notification.key for notification in found)
