"""E-values, bounds and losses worked by hand, the table of decisions, and error rates by simulation."""

import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest

from bench import rollout_statistics
from tidegate.messages.deployment import RolloutStep, VariantCounts
from tidegate.rollout import outcomes, sample_ratio
from tidegate.rollout.evidence import e_value
from tidegate.rollout.guardrails import GUARDRAILS, Traffic, alpha_of_step, evidence
from tidegate.rollout.judge import Seen, judge, limits, more_to_roll_back
from tidegate.rollout.sequences import Moments, difference
from tidegate.settings.config import DeploymentSection, StepSection

ALPHA = 0.01
SECTION = DeploymentSection(
    steps=(StepSection(weight=1.0, bake_seconds=1),), alpha=ALPHA, maximum_error_share=0.05
)
CANARY = RolloutStep(weight=0.2, bake_seconds=1, minimum_requests=20)
LAST = RolloutStep(weight=1.0, bake_seconds=1, minimum_requests=20)


def counts(variant, requests, errors=0, **others):
    return VariantCounts(variant=variant, requests=requests, errors=errors, **others)


def judged(candidate, champion=(0, 0), *, step=CANARY, section=SECTION, bad=None, **seen):
    """The decision on (failed, requests) of both; `bad` are other bad events of the candidate."""
    steps, number = ((CANARY, step), 1) if step.weight == 1 else ((step, LAST), 0)
    return judge(
        section,
        steps,
        number,
        Seen(
            candidate=counts("variant-b", candidate[1], candidate[0], **(bad or {})),
            champion=counts("variant-a", champion[1], champion[0]),
            **seen,
        ),
    )


def exactly(hits, misses, share):
    """The definition in fractions, without a logarithm."""
    share, terms = Fraction(share), []
    for ratio in map(Fraction, ("1.25", "1.5", "2", "3", "5", "8")):
        p = share * ratio / (share * ratio + 1 - share)
        terms.append((p / share) ** hits * ((1 - p) / (1 - share)) ** misses)
    return float(sum(terms) / len(terms))


# --- evidence


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


# --- decisions


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
        ((7, 7), (28, 28), CANARY, "roll-back"),  # a champion that fails too is no excuse
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
    section = replace(SECTION, maximum_error_share=0.0)
    assert judged((1, 200), section=section).decision == "wait"
    assert judged((5, 200), (0, 800), section=section).decision == "roll-back"


def test_the_reason_holds_the_numbers_of_both():
    found = judged((12, 30), (1, 120))
    assert found.reason.startswith("12 of 30 requests failed, of the champion's 1 of 120; at most 5.0% may")
    assert found.reason.endswith("of 200")  # half of one percent for the first step
    # 12 of 13 failures are the candidate's, and 12 of its 30 requests; no other kind saw a bad event
    others = exactly(0, 30, "0.05")
    mean = 0.6 * (0.8 * exactly(12, 1, "0.2") + 0.2 * exactly(12, 18, "0.05")) + 0.4 * (0.8 + 0.2 * others)
    assert found.evidence == pytest.approx(mean)
    assert [each.name for each in found.guardrails] == ["errors", "slow", "timeouts", "fallbacks", "invalid"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("slow", "20 of 40 requests took longer than the objective"),
        ("timeouts", "20 of 40 requests passed the deadline"),
        ("fallbacks", "20 of 40 requests were answered by a fallback"),
        ("invalid", "20 of 40 requests had an invalid answer"),
    ],
)
def test_every_kind_of_bad_event_rolls_back_and_is_named(kind, words):
    found = judged((0, 40), (0, 160), bad={kind: 20})
    assert found.decision == "roll-back"
    assert found.reason.startswith(words)
    assert judged((0, 40), (0, 160), bad={kind: 3}).decision == "wait"  # 7.5 %


def test_slow_requests_have_a_limit_of_their_own():
    section = replace(SECTION, maximum_slow_share=0.2)
    assert judged((0, 40), (0, 160), bad={"slow": 3}, section=section).decision == "advance"
    assert judged((0, 40), (0, 160), bad={"invalid": 3}, section=section).decision == "wait"


def test_weights_of_the_mean_and_alphas_of_the_steps_sum_to_one():
    assert math.fsum(weight for weight, _ in GUARDRAILS.values()) == pytest.approx(1)
    assert alpha_of_step(0.01, 0, 1) == 0.01
    assert [alpha_of_step(0.01, step, 5) for step in range(5)] == [0.005, *[0.00125] * 4]


def test_a_candidate_that_gets_more_than_its_share_is_not_blamed_for_it():
    """One caller makes half of the requests, and sticks to the candidate: failures fall on both alike."""
    traffic = Traffic(weight=0.05, candidate=counts("b", 500, 25), champion=counts("a", 500, 25))
    assert traffic.share == 0.5
    [errors, *_] = evidence(traffic, limits(SECTION))
    assert errors.evidence < 1
    assert e_value(25, 25, 0.05) > 1e6  # what the weight alone would have said


def test_how_many_more_requests_are_needed_is_told():
    assert judged((0, 5), (0, 20)).more_requests == 15
    assert judged((0, 25), (0, 100)).more_requests == 0
    # 100 times the evidence in 30 requests: 10,000 times in 60, so as many again
    assert more_to_roll_back(30, 100.0, 10_000.0) == 30
    assert more_to_roll_back(30, 0.5, 200.0) is None
    assert more_to_roll_back(0, 1.0, 200.0) is None


def test_a_person_may_hold_a_rollout_and_evidence_still_rolls_it_back():
    found = judged((0, 50), (0, 200), held="a sale today")
    assert (found.decision, found.reason) == ("hold", "held: a sale today")
    assert judged((0, 5), (0, 20), held="a sale").reason.startswith("held: a sale; 5 of 20 requests")
    assert judged((20, 50), (0, 200), held="a sale today").decision == "roll-back"


# --- the split


def test_no_request_is_no_mismatch_and_without_two_sides_there_is_none():
    assert sample_ratio.e_value(0, 0, 0.3) == 1
    assert sample_ratio.e_value(10, 0, 1.0) == 1


def test_one_request_is_predicted_by_the_prior_mean_so_it_says_nothing():
    # Gamma(100) / Gamma(101) x Gamma(100 t + 1) / Gamma(100 t) / t = 100 t / 100 / t = 1
    assert sample_ratio.e_value(1, 0, 0.3) == pytest.approx(1)
    # two of the candidate: (100 t)(100 t + 1) / (100 x 101) / t^2 with t = 0.3: 30 x 31 / 10100 / 0.09
    assert sample_ratio.e_value(2, 0, 0.3) == pytest.approx(930 / 10100 / 0.09)


def test_a_wrong_split_freezes_the_rollout_and_blames_nobody():
    found = judged((0, 100), (0, 900), split=(100, 900))
    assert found.decision == "wait"
    assert found.reason == "the candidate gets 10.0% of the requests instead of 20.0%: mend the split"
    assert judged((0, 100), (0, 400), split=(100, 400)).decision == "advance"


# --- outcomes

HOLD = RolloutStep(weight=0.5, bake_seconds=1, minimum_requests=1, hold_hours=24, minimum_outcomes=200)


def ab(champion_loss, candidate_loss, *, count=5000, hours=30.0, candidate_count=None):
    champion = Moments(count=count, mean=champion_loss, variance=0.01)
    candidate = Moments(count=candidate_count or count, mean=candidate_loss, variance=0.01)
    return judged((0, 50), (0, 50), step=HOLD, hours=hours, losses=(champion, candidate))


def test_bounds_are_those_of_the_paper_worked_by_hand():
    """100 values a side of variance 1, alpha 1/20.

    rho^2 = (-2 ln 0.05 + ln(-2 ln 0.05) + 1) / 5000 = (5.99146 + 1.79033 + 1) / 5000 = 0.001756359
    n rho^2 + 1 = 1.3512718; ln(sqrt(1.3512718) / 0.05) = 0.1505213 + 2.9957323 = 3.1462536
    radius = sqrt(2 x 1.3512718 / (40000 x 0.001756359) x 3.1462536) = sqrt(0.1210306) = 0.3478945
    deviation = sqrt(200 x 0.02) = 2
    """
    low, high = difference(
        Moments(count=100, mean=1.0, variance=1.0), Moments(count=100, mean=1.5, variance=1.0), 0.05
    )
    assert low == pytest.approx(0.5 - 2 * 0.3478945, rel=1e-5)
    assert high == pytest.approx(0.5 + 2 * 0.3478945, rel=1e-5)


def test_fewer_than_a_hundred_values_on_a_side_say_nothing():
    few, many = Moments(count=99, mean=1.0, variance=1.0), Moments(count=1000, mean=0.0, variance=1.0)
    assert difference(few, many, 0.05) is None and difference(many, few, 0.05) is None


def test_moments_of_values():
    assert Moments.of([1, 2, 3, 4]) == Moments(count=4, mean=2.5, variance=1.25)
    assert Moments.of([]) == Moments(count=0, mean=0.0, variance=0.0)


@pytest.mark.parametrize(
    ("task", "answer", "outcome", "loss"),
    [
        ("binary", {"probability": 0.8}, "1", 0.04),
        ("binary", {"probability": 0.8}, "0", 0.64),
        ("regression", {"value": 3.5}, "5.0", 1.5),
        # by hand: 0.25 for the truth, 0.09 and 0.04 for the others
        ("multiclass", {"label": "a", "probabilities": {"a": 0.5, "b": 0.3, "c": 0.2}}, "a", 0.38),
        # a class that the model does not know costs 1 and all it said: 1 + 0.75^2 + 0.25^2
        ("multiclass", {"label": "a", "probabilities": {"a": 0.75, "b": 0.25}}, '"d, e"', 1.625),
    ],
)
def test_losses(task, answer, outcome, loss):
    assert outcomes.loss(task, answer, outcome) == pytest.approx(loss)


@pytest.mark.parametrize("answer", [{}, {"value": 1.0}, {"probability": None}])
def test_what_is_no_answer_has_no_loss(answer):
    with pytest.raises((KeyError, TypeError)):
        outcomes.loss("binary", answer, "1")


def test_a_step_that_holds_waits_out_its_hours_whatever_is_known():
    found = ab(0.2, 0.15, hours=23.9)
    assert (found.decision, found.reason) == ("hold", "23.9 of 24 hours this step lasts")


def test_outcomes_advance_a_candidate_that_is_no_worse_and_stop_one_that_is():
    assert ab(0.2, 0.15).decision == "advance"
    worse = ab(0.2, 0.25)
    assert worse.decision == "roll-back"
    assert worse.reason.startswith("outcomes are worse: 5000 outcomes of the candidate, 5000 of the champion")
    assert ab(0.2, 0.25, hours=1).decision == "roll-back"  # what is proven need not wait


def test_outcomes_that_show_neither_wait():
    found = ab(0.2, 0.2)
    # equal means, a margin of 2 % of 0.2, and bounds of +-0.0077: not shown, though nothing speaks against it
    assert found.decision == "wait" and found.reason.startswith("not shown to be as good")
    assert found.outcomes.margin == pytest.approx(0.004)


def test_too_few_outcomes_wait_and_say_how_many_there_must_be():
    found = ab(0.2, 0.1, candidate_count=150)
    assert (found.decision, found.reason) == ("wait", "150 of 200 outcomes of the candidate are known")
    nobody_looked = judged((0, 50), (0, 50), step=HOLD, hours=30.0)
    assert nobody_looked.reason == "0 of 200 outcomes of the candidate are known"


# --- error rates


def test_a_candidate_of_which_half_fails_is_stopped_within_a_handful_of_its_requests():
    random_ = random.Random(7)  # noqa: S311  a simulation
    needed = [rolled_out(random_, 0.5, 0.01, 1000) for _ in range(60)]
    assert None not in needed
    assert sorted(needed)[30] <= 15
    assert max(needed) <= 40


def rolled_out(random_, candidate_rate, champion_rate, requests):
    """Requests of the candidate until it is rolled back, looking at every one; None when it never is."""
    seen = {True: [0, 0], False: [0, 0]}
    step = RolloutStep(weight=0.05, bake_seconds=1, minimum_requests=requests + 1)  # only failures decide
    for _ in range(requests):
        is_candidate = random_.random() < step.weight
        counted = seen[is_candidate]
        counted[1] += 1
        if random_.random() >= (candidate_rate if is_candidate else champion_rate):
            continue
        counted[0] += 1  # without a new failure there is no new evidence against it
        if judged(tuple(seen[True]), tuple(seen[False]), step=step).decision == "roll-back":
            return seen[True][1]
    return None


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.002, 0.02, 0.05])
def test_a_candidate_that_is_no_worse_is_rolled_back_at_most_alpha_of_the_time(rate):
    found = rollout_statistics.rollouts(rate, rate, runs=2000)
    assert found.stopped <= ALPHA


@pytest.mark.slow
def test_a_regression_from_one_to_five_percent_is_stopped_within_200_canary_requests():
    found = rollout_statistics.canary(0.01, 0.05, runs=400)
    assert found.stopped == 1
    assert found.median <= 200


@pytest.mark.slow
def test_a_difference_of_outcomes_that_is_none_is_seldom_called_one():
    found = rollout_statistics.outcomes(0.2, 0.2, runs=400)
    assert found.stopped <= 0.05


@pytest.mark.slow
def test_a_split_as_told_is_seldom_called_a_mismatch_and_a_wrong_one_is_found():
    assert rollout_statistics.split(0.05, 0.05, runs=300).stopped <= 0.001 + 0.01
    assert rollout_statistics.split(0.5, 0.4, runs=50).stopped == 1
