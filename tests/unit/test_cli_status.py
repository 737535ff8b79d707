"""What `tidegate status` says of the quality of predictions, of the operation, and without a model."""

import pytest

from tidegate_cli.commands.status import quality_lines, what_now
from tidegate_cli.operation_words import ages, operated

MEASURED = {"status": "breach", "rows": 400, "value": 0.5, "low": 0.45, "high": 0.55, "promised": 0.7}
ESTIMATED = {"estimate_status": "kept", "estimate": 0.69}


def test_a_measured_quality_stands_beside_its_promise():
    labelled = "from 400 outcomes, 25% of predictions have one"
    assert quality_lines(MEASURED | ESTIMATED | {"coverage": 0.25}) == [
        f"quality   breach: 0.5000 [0.4500, 0.5500], promised 0.7000, {labelled}",
        "estimated kept: 0.6900",
    ]


def test_without_outcomes_and_licence_no_number_is_made_up():
    nothing = {"status": "insufficient", "rows": 0, "value": None, "low": None, "high": None}
    unlicensed = {"estimate_status": "unlicensed", "estimate": None}
    assert quality_lines(nothing | unlicensed | {"promised": 0.7, "coverage": None}) == [
        "quality   0 outcomes, 0% of predictions have one",
        "estimated unlicensed",
    ]


def test_what_was_measured_of_the_operation_is_said_and_nothing_else():
    known = {"requests": 1234, "error_share": 0.004, "p99_ms": 12.345, "fallback_share": 0.0}
    known |= {"model_age_days": 3.21, "feature_age_seconds": 5400.0}
    assert operated(known) == "1,234 requests, 0.4% errors, p99 12.3 ms, 0.0% fallbacks"
    assert ages(known) == "model 3.2 days old, features 1.5 h old"
    unknown = dict.fromkeys(known) | {"requests": 1}
    assert (operated(unknown), ages(unknown)) == ("1 request", "")


def report(*, training=None, features=None, recorded=0, packages=()):
    states = {"ingestion": None, "features": features, "training": training}
    stages = {name: None if status is None else {"status": status} for name, status in states.items()}
    drops = {"recorded": recorded} if recorded else {"quarantined": 1}
    return {"packages": list(packages), "stages": stages, "data": {"drops": drops}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (report(), ": deliver a drop with `tidegate drop FILE`"),
        (report(features="RUNNING", recorded=1), ": features runs, the rest follows by itself"),
        (report(training="RUNNING", recorded=1), ": training runs, the rest follows by itself"),
        (
            report(training="FAILED", recorded=1),
            ": the training failed, see `tidegate logs training --errors`",
        ),
        (report(training="SUCCEEDED", recorded=1), ": the training ended without one, see `tidegate logs"),
        (report(recorded=1), ""),
        (report(training="SUCCEEDED", recorded=1, packages=[{"version": 1}]), ""),
    ],
)
def test_without_a_model_it_says_what_is_on_its_way_or_to_be_done(found, expected):
    told = what_now(found)
    assert told.startswith(expected) and bool(told) == bool(expected)
