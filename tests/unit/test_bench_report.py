"""What a bench makes of its figures."""

import json
import sys

import pytest

from bench.report import Figure, main

SKIPPED = Figure("peer", None, "x our CPU", 10, "least", skipped="no such package")


def test_a_figure_that_could_not_be_measured_does_not_meet_its_target(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--check"])
    with pytest.raises(SystemExit) as end:
        main("bench", lambda: [SKIPPED])
    assert end.value.code == 1
    assert "skipped at least 10" in capsys.readouterr().out


def test_a_figure_without_a_target_is_neither_met_nor_missed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--check", "--json"])
    main("bench", lambda: [Figure("seconds", 1.5, "s"), Figure("x", 2.0, "x", 2.0)])
    found = json.loads(capsys.readouterr().out)
    assert (found["seconds"]["met"], found["x"]["met"]) == (None, True)
    assert "skipped" not in found["seconds"]


def test_the_reason_of_a_skipped_figure_is_told():
    assert SKIPPED.to_json() == {
        "value": None,
        "unit": "x our CPU",
        "target": 10,
        "met": False,
        "skipped": "no such package",
    }
