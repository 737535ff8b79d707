"""What `tidegate rollout show` makes of a rollout."""

import tempfile
from dataclasses import replace

from test_rollout_history import RUNNING, WAITS, history

from tidegate.messages.deployment import GuardrailEvidence, OutcomeEvidence
from tidegate.rollout.history import read
from tidegate_cli.commands.rollout import _page
from tidegate_cli.rollout_words import told

OUTCOMES = OutcomeEvidence(
    champion=500,
    candidate=500,
    champion_loss=0.2,
    candidate_loss=0.2,
    margin=0.004,
    lower=-0.01,
    upper=0.002,
)
ERRORS = GuardrailEvidence(name="errors", candidate=4, champion=3, evidence=16.0)
SLOW = GuardrailEvidence(name="slow", candidate=0, champion=0, evidence=1.0)
JUDGEMENT = replace(WAITS, guardrails=(ERRORS, SLOW), outcomes=OUTCOMES)


def shown(**changes):
    return "\n".join(told(replace(read(history(judged=JUDGEMENT).events, RUNNING), **changes)))


def test_evidence_and_how_much_more_is_needed_are_told():
    text = shown()
    assert text.startswith("version 7   running in BakeCandidate")
    assert "copies        480 rows, 0 failed, 12 flipped, answers differ by 0.004 (p99 0.09)" in text
    assert "> step 1    5.0%   wait       300 of 1000 requests" in text
    assert "  step 3  100.0%   needs 1000 requests" in text
    assert "evidence      10 against the candidate, 1,000 roll it back" in text
    assert "to advance    700 more requests" in text
    assert "to roll back  600 more requests" in text
    assert "errors      4 of the candidate, 3 of the champion" in text
    assert "slow" not in text
    assert "loss differs by -0.01 to +0.002, at most +0.004 may" in text


def test_copies_that_nobody_could_make_are_told():
    mirror = replace(read(history().events, RUNNING).mirror, rows=0)
    assert "copies        no captured request to copy" in shown(mirror=mirror)


def test_the_first_model_has_no_steps():
    found = read(history().events, RUNNING)
    text = shown(plan=replace(found.plan, champion_variant=None))
    assert "the first model" in text and "step 1" not in text


def test_who_waits_and_who_holds_is_told():
    assert "`tidegate rollout promote`" in shown(state="AwaitApproval")
    assert "promote" not in shown(state="AwaitApproval", status="FAILED")
    assert "held          a sale" in shown(held="a sale")


def test_the_page_is_saved_where_it_is_asked_for_or_under_the_executions_name(tmp_path, monkeypatch):
    found = read(history().events, {**RUNNING, "executionArn": "arn:aws:states:::execution:machine:run-1"})
    saved = _page(found, tmp_path / "page.html")
    assert saved == (tmp_path / "page.html").resolve() and "Version 7 is being" in saved.read_text()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert _page(found, None) == (tmp_path / "tidegate-rollout-run-1.html").resolve()


def test_how_it_ended_is_told():
    text = shown(status="FAILED", state="DeploymentFailed", error="CandidateUnfit", cause="too many failed")
    assert text.startswith("version 7   failed in DeploymentFailed, CandidateUnfit: too many failed")
