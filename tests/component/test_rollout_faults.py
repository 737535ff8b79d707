"""Bad candidates rolled out by the real machine: the fault table of the bench, a few rows of it."""

import pytest

from bench import rollout

pytestmark = pytest.mark.slow


def test_bad_candidates_are_taken_back_from_each_step_and_before_it():
    faults = ("5xx-50%", "nan", "10x-latency", "crash-loop")
    rows = list(rollout.table(faults, ("never-healthy", "swapped-from-start"), thorough=False))
    assert [(row.fault, row.step) for row in rows if row.outcome == "promoted"] == []
    before = [row for row in rows if row.step == "before traffic"]
    assert [(row.outcome, row.bad_answers) for row in before] == [
        ("EndpointNotReady", 0),
        ("CandidateUnhealthyError", 0),
    ]
    in_steps = [row for row in rows if row not in before]
    assert {(row.fault, row.step) for row in in_steps} == {(f, s) for f in faults for s in ("20%", "100%")}
    for row in in_steps:
        assert row.outcome == "CandidateUnfit", row
        assert row.seconds_to_safe < 30, row
        assert 0 < row.bad_answers < row.answers, row
