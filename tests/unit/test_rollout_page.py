"""The page of a rollout: what it tells of each way to end, and that nothing of a model escapes into it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_played import BEGAN, PLAN, Told, played
from test_report_page import HOSTILE, Outline, cells

from tidegate.report import rollout_charts as charts
from tidegate.report.rollout_page import page
from tidegate.rollout.history import read

NOW = BEGAN + timedelta(hours=30)


def shown(found):
    told = page(found, now=NOW)
    assert Outline(told).faults == []
    return told


def test_a_promotion_is_told_step_by_step():
    found = played(status="SUCCEEDED", stopDate=NOW)
    told = shown(found)
    assert "Version 7 was promoted" in told and "version 6 on variant-a" in told
    for section in ("why", "before", "steps", "guardrails", "outcomes", "split", "looks"):
        assert f"<section id={section}>" in told
    steps = cells(told, "steps")[1:]
    assert [row[1] for row in steps] == ["5%", "50%", "100%"]
    for row, number in zip(steps, range(3), strict=True):
        newest = found.judged(number)[-1].judgement
        assert row[5:7] == [f"{newest.candidate_requests:,}", f"{newest.champion_requests:,}"]
        assert newest.reason.split(";")[0] in row[8]


def test_each_kind_of_bad_event_stands_beside_the_champions_and_its_limit():
    found = played(error_share=0.2)
    rows = cells(shown(found), "guardrails")
    judgement = found.last
    together, errors = rows[1], rows[2]
    # alpha 1 %, half of it in the first step: 1 / 0.005; errors weigh 0.6 of the mean: 200 / 0.6
    assert (together[0], together[6], errors[6]) == ("All together", "200", "333")
    assert errors[0] == "Errors failed"
    share = judgement.candidate_errors / judgement.candidate_requests
    assert errors[2:5] == [
        f"{judgement.candidate_errors} ({share:.2%})",
        f"{judgement.champion_errors} ({judgement.champion_errors / judgement.champion_requests:.2%})",
        "5.00%",
    ]
    assert [row[0].split()[0] for row in rows[1:]] == [
        "All",
        "Errors",
        "Slow",
        "Timed",
        "Fallback",
        "Invalid",
    ]


def test_a_rollback_says_why_and_falls_to_no_traffic():
    found = played(error_share=0.2, status="FAILED", error="CandidateUnfit", stopDate=NOW)
    told = shown(replace(found, cause=found.reason))
    assert "Version 7 was rolled back" in told
    assert "<span class='tag e'>CandidateUnfit</span>" in told and "requests failed, of the champion" in told
    assert cells(told, "steps")[2:] == [
        ["2", "50%", "", "", "", "", "", "5,000", "not reached"],
        ["3", "100%", "", "", "", "", "", "1,000", "not reached"],
    ]


def test_a_rollout_that_runs_says_how_much_more_is_needed():
    found = played(looks=3)
    told = shown(found)
    assert "Version 7 is being rolled out" in told and "As of" in told
    assert f"needs {found.last.more_requests:,} more requests of the candidate" in told
    assert "<section id=outcomes>" not in told


def test_one_that_is_held_or_waits_for_a_person_says_so():
    assert "held: a sale" in shown(replace(played(looks=3), held="a sale"))
    assert "tidegate rollout promote" in shown(replace(played(looks=3), state="AwaitApproval"))


def test_a_candidate_that_was_refused_has_its_three_lines():
    told = Told()
    told.enter("PreflightCandidate")
    ended = {"executionArn": "arn:e", "status": "FAILED", "startDate": BEGAN, "stopDate": NOW}
    cause = "version 7 cannot be served\n  cause: its artefact is gone\n  hint:  train again"
    found = read(told.events, {**ended, "error": "PreflightFailedError", "cause": cause})
    page_ = shown(found)
    assert "was refused" in page_ and "cause: its artefact is gone" in page_ and "hint:  train again" in page_
    assert "<section id=steps>" not in page_


def test_the_first_model_has_nobody_to_be_compared_with():
    told = Told()
    told.ask("PreflightCandidate", replace(PLAN, champion_variant=None, champion_version=None).to_json())
    told.ask("CheckCandidate", {"rows": 64})
    told.enter("RecordChampion")
    told.succeed({})
    ended = {"executionArn": "arn:e", "status": "SUCCEEDED", "startDate": BEGAN, "stopDate": NOW}
    page_ = shown(read(told.events, ended))
    assert "there was no champion to compare it with" in page_ and "none: the first model" in page_
    assert "<section id=guardrails>" not in page_


def test_entities_that_are_dealt_have_no_split_to_judge():
    found = played(looks=3)
    dealt = tuple(replace(each, judgement=replace(each.judgement, split=None)) for each in found.judgements)
    assert "<code>serving.sticky</code>" in shown(replace(found, judgements=dealt))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_model_or_a_person_becomes_markup(text):
    found = played(looks=3, plan=replace(PLAN, model_package_arn=text, candidate_variant=text))
    judged = tuple(replace(each, judgement=replace(each.judgement, reason=text)) for each in found.judgements)
    for changes in (
        {"held": text},
        {"status": "FAILED", "error": text, "cause": text},
        {"approved_by": text},
    ):
        outline = Outline(page(replace(found, judgements=judged, **changes), now=NOW))
        assert outline.faults == []
        assert not {"script", "img", "iframe", "object"} & set(outline.tags)
        assert not [name for _, name, _ in outline.attributes if name.startswith("on")]


def test_evidence_beyond_its_limit_is_drawn_above_the_dashed_line():
    over, under = charts.evidence([1.0, 400.0], 200.0), charts.evidence([1.0, 2.0], 200.0)

    def height(drawn, start, end):
        return int(drawn.partition(start)[2].partition(end)[0])

    limit = height(over, 'class=m d="M0 ', "h")
    assert height(over, " cy=", " ") < limit < height(under, " cy=", " ")
    assert "class=certain" in over and "class=usual" in under


def test_a_week_of_looks_is_a_line_and_not_a_megabyte():
    assert len(charts.evidence([1.0] * 10_000, 200.0)) < 3000
    assert len(charts.bounds([(at / 10_000, -1.0, 1.0) for at in range(10_000)], 0.5)) < 20_000


def test_a_single_look_at_outcomes_is_drawn_too():
    assert "NaN" not in charts.bounds([(0.0, -0.1, 0.1)], 0.05) and "<path class=r" in charts.bounds(
        [(0.0, -0.1, 0.1)], 0.05
    )
