"""What `tidegate rollout show` makes of an execution's history."""

import json

from tidegate_cli.rollout_history import Rollout, _read, told

STEPS = [
    {"weight": 0.05, "bake_seconds": 60, "minimum_requests": 1000},
    {"weight": 1.0, "bake_seconds": 60, "minimum_requests": 1000},
]
JUDGEMENT = {
    "decision": "wait",
    "reason": "300 of 1000 requests the candidate needs in this step",
    "candidate_requests": 300,
    "evidence": 10.0,
    "needed": 1000.0,
    "more_requests": 700,
    "guardrails": [
        {"name": "errors", "candidate": 4, "champion": 3, "evidence": 16.0},
        {"name": "slow", "candidate": 0, "champion": 0, "evidence": 1.0},
    ],
    "outcomes": {"lower": -0.01, "upper": 0.002, "margin": 0.004},
}


def entered(state):
    return {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": state}}


def succeeded(payload):
    details = {"output": json.dumps({"Payload": payload})}
    return {"type": "TaskSucceeded", "taskSucceededEventDetails": details}


def history(*, judged=JUDGEMENT):
    mirror = {"rows": 0, "failed": 0, "flipped": 0, "median_difference": None, "p99_difference": None}
    return [
        *(entered("PreflightCandidate"), succeeded({"model_version": 7, "steps": STEPS})),
        *(entered("MirrorTraffic"), succeeded({"report": mirror, "counts": []})),
        entered("NextStep"),
        *(entered("JudgeRollout"), succeeded(judged)),
        entered("BakeCandidate"),
    ]


def shown(**changes):
    known = {"arn": "arn", "status": "RUNNING", **_read(iter(history()))} | changes
    return "\n".join(told(Rollout(**known)))


def test_a_history_tells_plan_step_and_judgements():
    found = _read(iter(history()))
    assert (found["plan"]["model_version"], found["step"], found["state"]) == (7, 0, "BakeCandidate")
    assert [each["step"] for each in found["judgements"]] == [0]
    assert _read(iter(history()[:3]))["step"] is None


def test_evidence_and_how_much_more_is_needed_are_told():
    text = shown()
    assert text.startswith("version 7   running in BakeCandidate")
    assert "copies        no captured request to copy" in text
    assert "> step 1    5.0%   wait       300 of 1000 requests" in text
    assert "  step 2  100.0%   needs 1000 requests" in text
    assert "evidence      10 against the candidate, 1e+03 roll it back" in text
    assert "to advance    700 more requests" in text
    # 300 requests made a factor of 10; 1000 takes three such factors, so twice as many again
    assert "to roll back  600 more requests" in text
    assert "errors      4 of the candidate, 3 of the champion" in text
    assert "slow" not in text
    assert "loss differs by -0.01 to +0.002, at most +0.004 may" in text


def test_who_waits_and_who_holds_is_told():
    assert "`tidegate rollout promote`" in shown(state="AwaitApproval")
    assert "promote" not in shown(state="AwaitApproval", status="FAILED")
    assert "held          a sale" in shown(held="a sale")


def test_how_it_ended_is_told():
    text = shown(status="FAILED", state="DeploymentFailed", error="CandidateUnfit", cause="too many failed")
    assert text.startswith("version 7   failed in DeploymentFailed, CandidateUnfit: too many failed")
