"""E-values worked by hand, the table of decisions, and error rates by simulation."""

import random
from fractions import Fraction

import pytest

from tidegate.config import DeploymentSection, StepSection
from tidegate.messages import RolloutStep
from tidegate.rollout import StepTraffic, e_value, judge

ALPHA = 0.01
STEPS = (
    StepSection(weight=0.2, bake_seconds=1, minimum_requests=20),
    StepSection(weight=1.0, bake_seconds=1, minimum_requests=20),
)
SECTION = DeploymentSection(steps=STEPS, alpha=ALPHA, maximum_error_share=0.05)
CANARY = RolloutStep(weight=0.2, bake_seconds=1, minimum_requests=20)
LAST = RolloutStep(weight=1.0, bake_seconds=1, minimum_requests=20)


def judged(candidate, champion=(0, 0), *, step=CANARY, section=SECTION, ringing=()):
    """The decision on (failed, requests) of both."""
    traffic = StepTraffic(
        candidate_errors=candidate[0],
        candidate_requests=candidate[1],
        champion_errors=champion[0],
        champion_requests=champion[1],
    )
    return judge(section, step, traffic, ringing)


def exactly(hits, misses, share):
    """The definition in fractions, without a logarithm."""
    share, terms = Fraction(share), []
    for ratio in map(Fraction, ("1.25", "1.5", "2", "3", "5", "8")):
        p = share * ratio / (share * ratio + 1 - share)
        terms.append((p / share) ** hits * ((1 - p) / (1 - share)) ** misses)
    return float(sum(terms) / len(terms))


def test_no_event_is_no_evidence():
    assert e_value(0, 0, 0.5) == 1


def test_one_failure_of_a_half_weighs_what_was_worked_by_hand():
    # f = 1/2: p = r / (r + 1) = 5/9, 3/5, 2/3, 3/4, 5/6, 8/9, and each p / f is twice that.
    # Their sum: 10/9 + 6/5 + 4/3 + 3/2 + 5/3 + 16/9 = (100 + 108 + 120 + 135 + 150 + 160) / 90 = 773/90.
    assert e_value(1, 0, 0.5) == pytest.approx(773 / 540)


def test_one_failure_of_the_champion_speaks_for_the_candidate():
    # (1 - p) / (1 - f) = 2 / (r + 1) = 8/9, 4/5, 2/3, 1/2, 1/3, 2/9; their sum is 307/90.
    assert e_value(0, 1, 0.5) == pytest.approx(307 / 540)


@pytest.mark.parametrize(("hits", "misses"), [(3, 1), (1, 20), (40, 160), (0, 300)])
@pytest.mark.parametrize("share", ["0.05", "0.2", "0.5", "0.75"])
def test_equals_the_definition_in_fractions(hits, misses, share):
    assert e_value(hits, misses, float(share)) == pytest.approx(exactly(hits, misses, share))


def test_the_next_event_changes_it_by_nothing_on_average():
    # A martingale: f of the time a hit, else a miss. In fractions, to the last digit of a float.
    share = 0.2
    after = share * e_value(4, 7, share) + (1 - share) * e_value(3, 8, share)
    assert after == pytest.approx(e_value(3, 7, share), rel=1e-12)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_two_sides_there_is_nothing_to_compare(share):
    assert e_value(50, 0, share) == 1


def test_a_million_failures_are_a_number_still():
    assert e_value(1_000_000, 0, 0.5) < float("inf")


@pytest.mark.parametrize(
    ("candidate", "champion", "step", "decision"),
    [
        ((0, 0), (0, 500), CANARY, "wait"),  # missing data never advances
        ((0, 19), (0, 80), CANARY, "wait"),
        ((0, 20), (0, 80), CANARY, "advance"),
        ((1, 20), (0, 80), CANARY, "advance"),  # 5.0 % of 5.0 %
        ((2, 20), (0, 80), CANARY, "wait"),  # 10 %: not good enough, and no proof either
        ((10, 20), (0, 80), CANARY, "roll-back"),
        ((5, 5), (0, 20), CANARY, "roll-back"),  # though not one bake's traffic came
        ((5, 5), (20, 20), CANARY, "roll-back"),  # a champion that fails too is no excuse
        ((0, 20), (0, 0), LAST, "advance"),
        ((10, 20), (0, 0), LAST, "roll-back"),
    ],
)
def test_decides(candidate, champion, step, decision):
    assert judged(candidate, champion, step=step).decision == decision


def test_an_alarm_rolls_back_whatever_was_counted():
    found = judged((0, 1000), (0, 4000), ringing=("a-5xx", "a-latency"))
    assert (found.decision, found.reason) == ("roll-back", "alarm a-5xx, a-latency rings")


def test_even_a_step_that_asks_for_no_request_waits_for_one():
    step = RolloutStep(weight=0.2, bake_seconds=1, minimum_requests=0)
    assert judged((0, 0), step=step).decision == "wait"
    assert judged((0, 1), step=step).decision == "advance"


def test_where_no_request_may_fail_a_few_failures_are_evidence():
    section = DeploymentSection(steps=STEPS, alpha=ALPHA, maximum_error_share=0.0)
    assert judged((1, 200), section=section).decision == "wait"
    assert judged((5, 200), (0, 800), section=section).decision == "roll-back"


def test_the_reason_holds_the_numbers_of_both():
    found = judged((12, 30), (1, 120))
    assert found.reason.startswith("12 of 30 requests failed, of the champion's 1 of 120; at most 5.0% may")
    assert found.reason.endswith("of 200")  # two steps at one percent
    # 12 of 13 failures are the candidate's, and 12 of its 30 requests
    assert found.evidence == pytest.approx((exactly(12, 1, "0.2") + exactly(12, 18, "0.05")) / 2)


def rolled_out(random_, candidate_rate, champion_rate, requests):
    """Requests of the candidate until it is rolled back, looking at every one; None when it never is."""
    seen = {True: [0, 0], False: [0, 0]}
    step = RolloutStep(weight=0.2, bake_seconds=1, minimum_requests=requests + 1)  # only failures decide
    for _ in range(requests):
        is_candidate = random_.random() < step.weight
        counts = seen[is_candidate]
        counts[1] += 1
        if random_.random() >= (candidate_rate if is_candidate else champion_rate):
            continue
        counts[0] += 1  # without a new failure there is no new evidence against it
        if judged(tuple(seen[True]), tuple(seen[False]), step=step).decision == "roll-back":
            return seen[True][1]
    return None


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.05])
def test_a_candidate_that_is_no_worse_is_rolled_back_at_most_alpha_of_the_time(rate):
    random_ = random.Random(20131)  # noqa: S311  a simulation
    stopped = sum(rolled_out(random_, rate, rate, 1000) is not None for _ in range(2000))
    # per step alpha / 2 is allowed; 2,000 runs at half a percent give 10 +- 3
    assert stopped <= 2000 * ALPHA


def test_a_candidate_of_which_half_fails_is_stopped_within_a_handful_of_its_requests():
    random_ = random.Random(7)  # noqa: S311  a simulation
    needed = [rolled_out(random_, 0.5, 0.01, 1000) for _ in range(300)]
    assert None not in needed
    assert sorted(needed)[150] <= 12
    assert max(needed) <= 40


def test_a_candidate_that_fails_five_times_as_often_is_found_though_it_stays_below_the_limit():
    random_ = random.Random(11)  # noqa: S311  a simulation
    stopped = [rolled_out(random_, 0.04, 0.008, 10_000) is not None for _ in range(40)]
    assert sum(stopped) >= 38
