"""The gate's rules worked by hand."""

import json
import math

import pytest

from tidegate.evaluation.resampling import Interval
from tidegate.settings.gate_section import GateSection
from tidegate.training.gate import Check, decide, metric_checks

GOOD = Interval(0.75, 0.70, 0.80)
BEATEN = Interval(0.25, 0.20, 0.30)  # gain over guessing
SECTION = GateSection(margin=0.01, minimum_metric=0.6)


def decided(section=SECTION, candidate=GOOD, difference=None, surely=0.001, **gains):
    champion = None if difference is None else Interval(candidate.value - difference.value, 0.0, 1.0)
    checks = metric_checks(
        section,
        "roc_auc",
        candidate=candidate,
        gains={"majority": BEATEN, **gains},
        champion=champion,
        difference=difference,
        surely=None if difference is None else surely,
    )
    return decide(tuple(checks), difference)


def failures(gate):
    return [check.name for check in gate.checks if not check.passed and check.refuses]


def test_the_first_model_needs_its_minimum_and_to_beat_guessing():
    gate = decided()
    assert gate.passed and gate.difference is None
    assert gate.reasons == (
        "pass: roc_auc 0.7500 against a minimum of 0.6000",
        "pass: gain in roc_auc +0.2500 [+0.2000, +0.3000] over guessing: low end must be above 0",
    )


@pytest.mark.parametrize(
    ("value", "passed"), [pytest.param(0.6, True, id="exactly"), pytest.param(0.5999, False, id="just below")]
)
def test_the_minimum_itself_is_enough(value, passed):
    assert decided(candidate=Interval(value, 0.55, 0.65)).passed is passed


def test_without_a_minimum_no_reason_speaks_of_one():
    gate = decided(GateSection())
    assert gate.passed and not any("minimum" in reason for reason in gate.reasons)


def test_guessing_must_be_beaten_beyond_doubt():
    assert failures(decided(majority=Interval(0.1, 0.0, 0.2))) == ["beats_majority"]
    assert decided(majority=Interval(0.1, 0.0001, 0.2)).passed


@pytest.mark.parametrize("name", ["linear", "previous_value"])
def test_other_baselines_are_judged_by_the_point_and_warn_unless_told_to_refuse(name):
    ahead, level = Interval(0.01, -0.02, 0.04), Interval(0.0, -0.02, 0.02)
    assert all(check.passed for check in decided(**{name: ahead}).checks)
    warned = decided(**{name: level})
    assert warned.passed
    assert [reason[:5] for reason in warned.reasons] == ["warn:", "pass:", "pass:"]
    refused = decided(GateSection(**{name: "refuse"}), **{name: level})
    assert failures(refused) == [f"beats_{name}"] and not refused.passed


@pytest.mark.parametrize(
    ("difference", "failed"),
    [
        pytest.param(Interval(0.02, 0.001, 0.04), [], id="better for certain"),
        pytest.param(Interval(0.002, -0.009, 0.02), [], id="better by a little, at worst within the margin"),
        pytest.param(Interval(0.0, -0.001, 0.001), ["gain_over_champion"], id="a tie keeps the champion"),
        pytest.param(Interval(-0.001, -0.002, 0.0), ["gain_over_champion"], id="worse within the margin"),
        pytest.param(
            Interval(0.02, -0.01, 0.05), ["not_worse_than_champion"], id="the margin itself is too far"
        ),
        pytest.param(
            Interval(-0.02, -0.05, 0.0), ["not_worse_than_champion", "gain_over_champion"], id="worse"
        ),
        pytest.param(
            Interval(math.nan, math.nan, math.nan),
            ["not_worse_than_champion", "gain_over_champion"],
            id="unknown",
        ),
    ],
)
def test_a_candidate_against_the_champion(difference, failed):
    gate = decided(difference=difference)
    assert gate.passed is (failed == [])
    assert failures(gate) == failed


@pytest.mark.parametrize("surely", [0.0, -0.001, math.nan])
def test_a_gain_that_luck_explains_keeps_the_champion_unless_not_worse_is_enough(surely):
    ahead = Interval(0.002, -0.004, 0.02)
    assert failures(decided(difference=ahead, surely=surely)) == ["more_than_luck"]
    enough = decided(GateSection(promote="not-worse"), difference=ahead, surely=surely)
    assert enough.passed
    assert enough.reasons[0].startswith("warn: gain of at least")


def test_a_wanted_gain_is_asked_of_the_point_estimate():
    section = GateSection(minimum_gain=0.03)
    assert decided(section, difference=Interval(0.03, 0.01, 0.05)).passed
    assert not decided(section, difference=Interval(0.0299, 0.01, 0.05)).passed


def test_figures_that_are_no_numbers_never_pass_and_are_null_in_json():
    gate = decided(majority=Interval(0.25, math.nan, math.nan))
    assert not gate.passed
    document = json.loads(json.dumps(gate.to_json(), allow_nan=False))
    assert document["checks"][0]["name"] == "beats_majority"
    assert document["checks"][0]["value"] is None
    assert document["checks"][0]["passed"] is False


def test_what_refuses_is_told_first_then_warnings_then_what_passed():
    checks = [
        Check(name=name, passed=passed, refuses=refuses, sentence=name)
        for name, passed, refuses in (
            ("a", True, True),
            ("b", False, False),
            ("c", False, True),
            ("d", True, False),
            ("e", False, True),
        )
    ]
    gate = decide(checks, None)
    assert gate.reasons == ("fail: c", "fail: e", "warn: b", "pass: a", "pass: d")


def test_the_document_has_each_check_with_its_figures():
    check = Check(name="size", passed=False, value=3.5, limit=2.0, sentence="3.5 MiB: at most 2")
    assert decide([check], GOOD).to_json() == {
        "passed": False,
        "reasons": ["fail: 3.5 MiB: at most 2"],
        "difference": {"value": 0.75, "low": 0.70, "high": 0.80},
        "checks": [
            {
                "name": "size",
                "passed": False,
                "refuses": True,
                "value": 3.5,
                "limit": 2.0,
                "sentence": "3.5 MiB: at most 2",
            }
        ],
    }
