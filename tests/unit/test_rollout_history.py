"""A rollout read from its machine's history, and how much more it needs."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rollout_played import BEGAN, MIRROR, PLAN, STEPS, Told, played

from tidegate.messages.deployment import OutcomeEvidence, RolloutJudgement
from tidegate.rollout.history import Judged, Rollout, read
from tidegate.rollout.needed import duration, still_needed
from tidegate.rollout.sequences import FORESEEN, Moments, difference, more_until_decided

RUNNING = {"executionArn": "arn:e", "status": "RUNNING", "startDate": BEGAN}
WAITS = RolloutJudgement(
    decision="wait",
    reason="300 of 1000 requests the candidate needs in this step",
    candidate_requests=300,
    candidate_errors=4,
    champion_requests=5700,
    champion_errors=3,
    evidence=10.0,
    needed=1000.0,
    more_requests=700,
    totals=(),
)


def history(*, judged=WAITS, minutes=30):
    """Preflight, golden rows, copies, the first step, one look after `minutes`."""
    told = Told()
    told.ask("PreflightCandidate", PLAN.to_json())
    told.ask("CheckCandidate", {"rows": 64})
    told.ask("MirrorTraffic", {"report": MIRROR.to_json(), "counts": []})
    told.enter("NextStep")
    told.now += timedelta(minutes=minutes)
    told.ask("JudgeRollout", judged.to_json())
    told.enter("BakeCandidate")
    return told


def test_a_history_tells_plan_steps_and_judgements():
    found = read(history().events, RUNNING)
    assert (found.version, found.state, found.step, found.golden_rows) == ("7", "BakeCandidate", 0, 64)
    assert found.mirror == MIRROR and found.plan == PLAN
    assert found.judgements == (Judged(step=0, at=BEGAN + timedelta(minutes=30), judgement=WAITS),)
    assert (found.outcome, found.reason) == ("running", WAITS.reason)


def test_a_history_that_ends_before_the_preflight_answered_tells_no_plan():
    found = read(history().events[:1], {**RUNNING, "status": "FAILED", "error": "PreflightFailedError"})
    assert (found.outcome, found.version, found.steps, found.step) == ("refused", "?", (), None)


def test_answers_of_other_tasks_are_not_taken_for_those_of_functions():
    told = history()
    told.enter("ShiftTraffic")
    told.succeed({"Payload": None})
    told.enter("DescribeTraffic")
    told.succeed(["no object"])
    assert read(told.events, RUNNING).judgements == read(history().events, RUNNING).judgements


@pytest.mark.parametrize(
    ("states", "ended", "outcome"),
    [
        ([], {}, "running"),
        (["StopRollout"], {}, "rolled back"),
        (["StopRollout"], {"status": "FAILED", "error": "CandidateUnfit"}, "rolled back"),
        ([], {"status": "TIMED_OUT"}, "rolled back"),
        (["RecordChampion"], {}, "promoted"),
        (["RecordChampion"], {"status": "SUCCEEDED"}, "promoted"),
        (["RecordChampion"], {"status": "ABORTED", "error": "RolledBack"}, "rolled back"),
    ],
)
def test_how_it_ended_follows_from_states_and_status(states, ended, outcome):
    told = history()
    for state in states:
        told.enter(state)
        told.succeed({})
    assert read(told.events, {**RUNNING, **ended}).outcome == outcome


def test_who_approved_is_told():
    told = history()
    told.enter("AwaitApproval")
    assert read(told.events, RUNNING).awaits_approval
    told.succeed({"by": "mara"})
    assert read(told.events, RUNNING).approved_by == "mara"


def test_it_is_json_with_moments_in_iso():
    told = json.loads(json.dumps(read(history().events, RUNNING).to_json()))
    assert told["outcome"] == "running" and told["began"] == "2026-11-02T08:00:00+00:00"
    [judged] = told["judgements"]
    assert (judged["step"], judged["at"]) == (0, "2026-11-02T08:30:00+00:00")
    assert judged["reason"] == WAITS.reason and told["plan"]["model_version"] == 7


def test_how_much_more_is_needed_is_told_with_how_long_that_takes():
    # 300 requests in 30 min: 700 more take 70 min. They made a factor of 10, 1000 takes three such factors:
    # 600 more, an hour
    assert list(still_needed(read(history().events, RUNNING))) == [
        ("to advance", "700 more requests of the candidate, 70 min at the rate so far"),
        ("to roll back", "600 more requests like those so far, 60 min at the rate so far"),
    ]


def test_once_it_is_over_nothing_more_is_needed():
    assert list(still_needed(read(history().events, {**RUNNING, "status": "FAILED"}))) == []


def test_without_a_request_nobody_can_say_how_long_it_takes():
    none = replace(WAITS, candidate_requests=0, evidence=1.0, more_requests=1000)
    needed = list(still_needed(read(history(judged=none).events, RUNNING)))
    assert needed == [("to advance", "1,000 more requests of the candidate")]


def test_a_step_that_just_began_needs_all_of_its_requests():
    told = history(judged=replace(WAITS, decision="advance"))
    told.enter("NextStep")
    assert list(still_needed(read(told.events, RUNNING))) == [
        ("to advance", "5,000 requests of the candidate")
    ]


def test_outcomes_and_hours_that_lack_are_told():
    told = history(judged=replace(WAITS, decision="advance"))
    told.enter("NextStep")
    told.now += timedelta(hours=2)
    outcomes = OutcomeEvidence(
        champion=100,
        candidate=100,
        champion_loss=0.2,
        candidate_loss=0.2,
        margin=0.01,
        lower=-1,
        upper=1,
        more=900,
    )
    seen = replace(WAITS, evidence=1.0, more_requests=0, outcomes=outcomes)
    told.ask("JudgeRollout", seen.to_json())
    # step 2 lasts six hours and wants 500 outcomes; 100 came in two
    assert list(still_needed(read(told.events, RUNNING))) == [
        ("to advance", "4 h more that this step lasts"),
        ("to advance", "400 more outcomes of the candidate, 8 h at the rate so far"),
        ("to advance", "900 more outcomes if they differ as so far, 18 h at the rate so far"),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (119.2, "2 min"),
        (61, "61 s"),
        (601, "11 min"),
        (3 * 3600, "3 h"),
        (3 * 3600 + 61, "3 h 2 min"),
        (90 * 3600, "3 days 18 h"),
    ],
)
def test_durations_are_rounded_up(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words


def test_as_many_more_outcomes_decide_as_are_told_and_one_less_does_not():
    champion = Moments(count=200, mean=0.20, variance=0.04)
    candidate = Moments(count=200, mean=0.19, variance=0.04)
    more = more_until_decided(champion, candidate, 0.05, 0.01)
    assert more is not None and more > 0

    def upper(extra):
        sides = (replace(each, count=200 + extra) for each in (champion, candidate))
        return difference(*sides, 0.05)[1]

    assert upper(more) <= 0.01 < upper(more - 1)
    worse = replace(candidate, mean=0.25)
    assert more_until_decided(champion, worse, 0.05, 0.01) < more  # a large difference is found sooner


def test_what_never_decides_or_is_not_known_yet_has_no_number():
    champion = Moments(count=200, mean=0.2, variance=0.04)
    on_the_margin = replace(champion, mean=0.21)
    assert more_until_decided(champion, on_the_margin, 0.05, 0.01) is None
    assert more_until_decided(champion, replace(champion, count=99), 0.05, 0.01) is None
    certain = Moments(count=FORESEEN, mean=0.1, variance=1e-9)
    assert more_until_decided(certain, certain, 0.05, 0.01) == 0


def test_a_rollout_played_to_its_end_is_promoted_and_a_bad_one_is_stopped_in_its_first_step():
    good, bad = played(), played(error_share=0.2)
    assert (good.outcome, good.step, [s.weight for s in good.steps]) == (
        "promoted",
        2,
        [s.weight for s in STEPS],
    )
    assert (bad.outcome, bad.step, bad.judgements[-1].judgement.decision) == ("rolled back", 0, "roll-back")
    assert bad.stopped > datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "found",
    [
        played(looks=8),
        played(error_share=0.2, status="FAILED", error="CandidateUnfit", stopDate=BEGAN + timedelta(hours=1)),
        replace(played(looks=3), approved_by="mara", promoted=BEGAN, stopped=BEGAN, held="a sale"),
        read([], {**RUNNING, "input": json.dumps({"model_package_arn": PLAN.model_package_arn})}),
    ],
    ids=["running", "rolled back", "promoted", "waits for its turn"],
)
def test_a_rollout_is_read_again_from_its_own_json(found):
    text = json.dumps(found.to_json())
    assert Rollout.from_json(json.loads(text)) == found
    assert Rollout.from_json({**json.loads(text), "of a later version": 1}) == found


def test_a_rollout_whose_preflight_did_not_answer_is_known_by_its_input():
    given = json.dumps({"model_package_arn": PLAN.model_package_arn})
    assert read([], {**RUNNING, "input": given}).version == "7"
