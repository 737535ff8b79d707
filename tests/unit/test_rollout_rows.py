"""A rollout in one row for `tidegate rollout list`."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_played import BEGAN, PLAN, played

from tidegate.rollout.history import Rollout
from tidegate_cli.rollout_rows import line, row

ARN = "arn:aws:states:us-east-1:123456789012:execution:Deployment:"


def led(package):
    return {PLAN.model_package_arn: "300 new feature rows of dataset flights"}[package]


def test_a_row_says_when_which_why_how_far_and_what_came_of_it():
    found = replace(
        played(error_share=0.2),
        arn=f"{ARN}3f9c1a2b-7777",
        status="FAILED",
        error="CandidateUnfit",
        cause="20 of 100 requests failed\nmore",
        ended=BEGAN + timedelta(hours=1),
    )
    told = row(found, led)
    assert (told.version, told.outcome, told.step, told.steps, told.weight) == (
        "7",
        "rolled back",
        1,
        3,
        0.05,
    )
    assert told.to_json()["began"] == "2026-11-02T08:00:00+00:00"
    assert line(told, [told]) == (
        "3f9c1a2b  2026-11-02 08:00  version 7    rolled back step 1 of 3, 5%     "
        "CandidateUnfit: 20 of 100 requests failed  <- 300 new feature rows of dataset flights"
    )


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"status": "ABORTED"}, "rolled back", "its machine was aborted"),
        ({"status": "TIMED_OUT"}, "rolled back", "its machine was timed out"),
        (
            {"status": "ABORTED", "error": "RolledBack", "cause": "tidegate rollback"},
            "rolled back",
            "RolledBack: tidegate rollback",
        ),
        ({"status": "SUCCEEDED", "promoted": BEGAN, "approved_by": "mara"}, "promoted", "approved by mara"),
    ],
)
def test_the_reason_is_that_of_the_end(changes, outcome, reason):
    told = row(replace(played(looks=2), **changes), led)
    assert (told.outcome, told.reason) == (outcome, reason)


def test_what_waits_or_was_refused_has_no_step():
    waits = row(Rollout(arn=f"{ARN}a", state="WaitForTurn", package=PLAN.model_package_arn), led)
    assert (waits.step, waits.weight, waits.version, waits.reason) == (None, None, "7", "in WaitForTurn")
    refused = row(
        replace(Rollout(package=PLAN.model_package_arn), status="FAILED", error="E", cause="c"), led
    )
    assert (refused.outcome, refused.reason) == ("refused", "E: c")


def test_the_rollout_of_an_earlier_model_was_led_by_a_person():
    assert row(Rollout(arn=f"{ARN}rollback-20261102"), led).led_by == "tidegate rollback"


def test_an_id_is_as_long_as_tells_it_from_the_others():
    rows = [
        row(replace(played(looks=1), arn=f"{ARN}{name}"), led)
        for name in ("12345678-a", "12345678-b", "9" * 20)
    ]
    ids = [line(each, rows).split()[0] for each in rows]
    assert ids == ["12345678-a", "12345678-b", "99999999"]
