"""`tidegate incidents` as it is typed, over a state table as RecordIncident leaves it."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json

import boto3
import pytest
from serving_account import account  # noqa: F401

from tidegate.aws.incidents import Incidents
from tidegate.aws.retraining import Retraining
from tidegate.incidents.decision import RetrainingDecision
from tidegate.incidents.incident import Occurrence
from tidegate_cli import incidents
from tidegate_cli.commands.status import retraining_line
from tidegate_cli.main import main
from tidegate_cli.place import Place


@pytest.fixture
def place(aws, account, monkeypatch):
    place = Place(name="a server", prefix="flights-dev", session=boto3.Session(), url=aws.endpoint)
    vars(place)["outputs"] = {"StateTable": account.state}
    monkeypatch.setattr("tidegate_cli.commands.incidents.current", lambda _: place)
    return place


@pytest.fixture
def happen(account):
    kept = Incidents(account.dynamodb, account.state)

    def happen(minute, change="opens", cause="alarm/drift", **more):
        known = {"kind": "alarm", "what": "alarm drift", "event": f"{change}-{minute}"}
        at = f"2026-01-01T12:{minute:02}:00+00:00"
        return kept.happened(Occurrence(at=at, change=change, cause=cause, **(known | more)), 60)

    return happen


@pytest.fixture
def typed(place, capsys):
    def typed(*words):
        with pytest.raises(SystemExit) as ended:
            main(["incidents", *words])
        return ended.value.code, capsys.readouterr()

    return typed


def test_the_list_has_the_newest_first_with_what_came_of_each(typed, happen):
    happen(1)
    happen(2, "recovers")
    happen(30, action="nothing yet")  # after the hold time: another one
    happen(20, cause="quarantine/flights", kind="quarantine", what="a drop is quarantined")
    code, told = typed("list")
    first, second, third = told.out.splitlines()
    assert not code
    assert "open      2026-01-01T12:30:00  alarm drift: nothing yet" in first
    assert "a drop is quarantined" in second
    assert "recovered 2026-01-01T12:01:00  alarm drift" in third
    _, told = typed("list", "--open", "--json")
    found = json.loads(told.out)["incidents"]
    assert [row["cause"] for row in found] == ["alarm/drift", "quarantine/flights"]


def test_a_training_run_that_ended_is_over_and_has_not_recovered(typed, happen):
    happen(1, cause="retraining/drift", kind="retraining", what="retraining by drift has started")
    given = happen(2, "ends", cause="retraining/drift", kind="retraining", outcome="failed: no rows")
    _, told = typed("list")
    assert f"{given.id}  over      2026" in told.out and "failed: no rows" in told.out
    assert "  over  retraining/drift" in typed("show", given.id)[1].out


def test_nothing_is_said_to_be_nothing(typed):
    assert typed("list")[1].out == "none\n"


def test_one_is_found_by_its_first_digits_and_shown_whole(typed, happen):
    given = happen(
        1, columns=("temp", "hour"), model="version 2", evidence=("0.4 above 0.3",), next=("tidegate status",)
    )
    _, told = typed("show", given.id[:6])
    rows = [line.split(maxsplit=1) for line in told.out.splitlines()]
    assert ["columns", "temp, hour"] in rows and ["evidence", "0.4 above 0.3"] in rows
    assert ["next", "tidegate status"] in rows and ["model", "version 2"] in rows


def test_an_id_that_nothing_has_is_refused(typed):
    code, told = typed("show", "ffff")
    assert code == 2 and "no incident begins with `ffff`" in told.err


@pytest.mark.parametrize(
    ("action", "words"),
    [("none", "not needed"), ("hold-off", "held off"), ("wait", "waits"), ("train", "started")],
)
def test_the_last_decision_is_told_in_a_line(place, account, action, words):
    decision = RetrainingDecision(run="w-1", at="", model="m", action=action, reason="because")
    Retraining(account.dynamodb, account.state).record(decision)
    assert retraining_line(incidents.decision(place)) == f"retrain   {words}: because"


def test_a_later_decision_is_not_replaced_by_one_that_comes_late(place, account):
    kept = Retraining(account.dynamodb, account.state)
    for run in ("w-2", "w-1"):
        kept.record(RetrainingDecision(run=run, at="", model="m", action="none", reason=run))
    assert incidents.decision(place)["reason"] == "w-2"
