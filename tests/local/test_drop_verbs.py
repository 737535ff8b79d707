"""Looking at drops, and a person's word against a verdict, on the running pipeline."""

import json

import pytest
from dropping import put, settled


def too_few(pipeline, flights, rows):
    """The version of a drop with fewer rows than the contract asks for."""
    return put(pipeline, "drops/flights/few.csv", flights.to_csv(rows.slice(0, 60)))


@pytest.fixture(scope="module")
def refused(pipeline, flights, some_flights):
    """Rows of two quarantined drops that no test accepts: too few rows, and one that nobody can parse."""
    few = too_few(pipeline, flights, some_flights(10))
    broken = put(pipeline, "drops/flights/cut.csv", flights.to_csv(some_flights(11)) + b'"never closed')
    found = settled(pipeline, {few, broken})
    assert {row["state"] for row in found.values()} == {"quarantined"}
    return found[few], found[broken]


def test_a_refused_drop_is_told_with_its_reasons_and_its_report(refused, tidegate, tmp_path):
    few, _ = refused
    listed = tidegate("drops", "list", "--limit", "1000", "--state", "quarantined").result["drops"]
    assert few["drop_id"] in {row["drop_id"] for row in listed}
    page = tmp_path / "report.html"
    shown = tidegate("drops", "show", few["drop_id"][:10], "-o", str(page))
    assert shown.code == 0
    first, *others = [reason["rule"] for reason in shown.result["verdict"]["reasons"]]
    assert first == "row_count"
    assert set(others) <= {"anomaly"}  # of figures beside the drops that other tests left
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and few["drop_id"] in text


def test_a_drop_that_could_not_be_parsed_has_no_report(refused, tidegate):
    _, broken = refused
    shown = tidegate("drops", "show", broken["drop_id"], "--html")
    assert shown.code == 2
    assert "has no report" in shown.result["error"]["what"]
    assert "never closed" in shown.result["error"]["cause"]


def test_an_unknown_drop_and_an_ambiguous_one_are_errors_that_help(refused, tidegate):
    unknown, ambiguous = tidegate("drops", "show", "zzz"), tidegate("drops", "show", "")
    assert (unknown.code, unknown.result["error"]["hint"]) == (2, "tidegate drops list")
    assert (ambiguous.code, ambiguous.result["error"]["hint"]) == (2, "give more digits")


def test_an_accepted_drop_is_recorded_with_the_word_that_accepted_it(
    pipeline, flights, some_flights, tidegate
):
    version = too_few(pipeline, flights, some_flights(12))
    few = settled(pipeline, {version})[version]
    accepted = tidegate("drops", "accept", few["drop_id"], "--yes", "--reason", "a quiet day")
    assert (accepted.code, accepted.result["drop"]["state"]) == (0, "recorded")
    assert accepted.result["drop"]["rows"] == 60
    verdict = tidegate("drops", "show", few["drop_id"]).result["verdict"]
    assert verdict["status"] == "warn" and "a quiet day" in verdict["reasons"][0]["message"]
    log = tidegate("data", "log", "flights").result
    assert few["drop_id"] in json.dumps(log)
    again = tidegate("drops", "accept", few["drop_id"], "--yes", "--reason", "again")
    assert (again.code, again.result["error"]["hint"]) == (2, "only a quarantined drop is accepted")


def test_a_file_nobody_can_parse_stays_in_quarantine_whoever_accepts_it(refused, tidegate):
    _, broken = refused
    accepted = tidegate("drops", "accept", broken["drop_id"], "--yes", "--reason", "I like it")
    assert (accepted.code, accepted.result["drop"]["state"]) == (1, "quarantined")
