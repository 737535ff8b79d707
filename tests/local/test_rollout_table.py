"""Every fault of a candidate from every step, by the real machine: the table of the bench, row by row.

The outcomes of well-formed answers that are wrong are found by what came of them, where that is asked for.
"""

import itertools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from bench import rollout
from bench.rollouts.events import EVENTS
from bench.rollouts.faults import BY_OUTCOMES, FAULTS, STEPS

pytestmark = pytest.mark.slow

WITH_USERS = STEPS[2:]
ALL = tuple(itertools.product(FAULTS, STEPS))
UNSEEN = tuple((fault, "100%") for fault in BY_OUTCOMES)  # nobody is left to compare with


def played():
    return list(rollout.table(ALL, tuple(EVENTS)))


@pytest.fixture(scope="module")
def rows():
    """All of the table, keyed by fault and step; in a process of its own, as each local cloud has."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        found = {(row.fault, row.step): row for row in process.submit(played).result()}
    for row in found.values():
        print(rollout.line(row))  # noqa: T201  seen when a test fails
    return found


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "5xx-1%"])
def test_a_fault_that_golden_rows_or_copies_can_see_reaches_no_user(rows, fault):
    early = ["golden"] if fault in BY_OUTCOMES else ["golden", "mirror"]
    for step in early:
        row = rows[fault, step]
        assert (row.outcome, row.bad) in (("CandidateUnhealthyError", 0), ("EndpointNotReady", 0)), row


@pytest.mark.parametrize(("fault", "step"), [pair for pair in ALL if pair not in UNSEEN])
def test_every_candidate_with_a_fault_is_taken_back(rows, fault, step):
    row = rows[fault, step]
    ends = ["CandidateUnfit", "CandidateUnhealthyError", "EndpointNotReady"]
    if fault == "5xx-1%":  # so few may fail in `maximum_waits` bakes that neither is shown
        ends.append("NotShownFit")
    assert row.outcome in ends, row
    assert row.seconds is not None and row.bad < row.answers, row


@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "5xx-1%" and f not in BY_OUTCOMES])
@pytest.mark.parametrize("step", WITH_USERS)
def test_a_fault_that_shows_is_found_at_the_end_of_its_first_bake(rows, fault, step):
    row = rows[fault, step]
    assert row.found_by in ("evidence", "alarm"), row
    # a bake of 20 s, a call and a poll; a busy machine is slower
    assert row.bad > 0 and row.seconds < 120, row


@pytest.mark.parametrize("fault", BY_OUTCOMES)
@pytest.mark.parametrize("step", ["mirror", *WITH_USERS[:-1]])
def test_wrong_answers_of_a_healthy_server_are_found_by_their_outcomes(rows, fault, step):
    assert rows[fault, step].found_by == "outcomes", rows[fault, step]


@pytest.mark.parametrize(("fault", "step"), UNSEEN)
def test_wrong_answers_that_begin_with_all_the_traffic_are_left_to_the_monitoring(rows, fault, step):
    assert rows[fault, step].outcome == "promoted"


def test_a_candidate_without_a_fault_is_promoted(rows):
    row = rows["none", "all steps"]
    assert row.outcome == "promoted", row
    assert row.bad <= row.answers // 100, row  # slow on a busy machine, if anything


@pytest.mark.parametrize(
    ("event", "step", "outcome"),
    [
        ("no traffic at all", "5%", "TooLittleTraffic"),
        ("alarm already rings", "preflight", "PreflightFailedError"),
        ("judge killed", "75%", "Runtime.ExitError"),
        ("machine killed mid-shift", "75%", "ABORTED, nothing left"),
        ("two rollouts at once", "75%", "promoted, promoted, in turn"),
    ],
)
def test_whatever_else_happens_users_get_good_answers(rows, event, step, outcome):
    row = rows[event, step]
    assert row.outcome == outcome, row
    assert row.bad <= row.answers // 100, row
