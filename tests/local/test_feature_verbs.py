"""Looking into features and computing the past again, on the running pipeline."""

import re
import time

import pytest
from dropping import put, settled

from tidegate_cli.executions import TERMINAL, machine


@pytest.fixture(scope="module")
def computed(pipeline, flights, some_flights):
    """Some flights are recorded and their features computed."""
    version = put(pipeline, "drops/flights/features.csv", flights.to_csv(some_flights(20)))
    assert settled(pipeline, {version})[version]["state"] == "recorded"
    client, arn = pipeline.client("stepfunctions"), machine(pipeline, "features")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        runs = client.list_executions(stateMachineArn=arn)["executions"]
        if runs and all(run["status"] in TERMINAL for run in runs):
            assert runs[0]["status"] == "SUCCEEDED"
            return
        time.sleep(0.2)
    pytest.fail("features were not computed in time")


def test_every_view_is_computed_and_both_stores_give_a_model_the_same(computed, tidegate):
    views = tidegate("features", "list").result["views"]
    assert {view["version"].partition("@")[0] for view in views} == {"carrier_delay", "origin_delay"}
    for view in views:
        assert (view["needed_by"], view["state"]["coverage"]) == (["deployed"], 1.0)
    told = tidegate("features", "value", "origin_delay", "JFK")
    assert (told.code, told.result["agree"]) == (0, True)
    assert told.result["online"]["state"] == "usable"
    assert 0 <= told.result["online"]["outputs"]["origin_delay_rate_7d"] <= 1


def test_a_backfill_is_followed_and_the_same_again_is_not_started(computed, tidegate):
    words = ("features", "backfill", "--from", "2013-01-10T00:00:00Z", "--to", "2013-01-10T05:00:00Z")
    first, again = tidegate(*words, "--reason", "late rows"), tidegate(*words)
    assert (first.code, first.result["started"]) == (0, True)
    [ticks] = re.findall(r"PlanFeatures .* (\S+) ticks", first.narration)
    assert int(ticks.replace(",", "")) >= 12  # six of each view, and those of drops that came meanwhile
    assert (again.code, again.result["started"]) == (0, False)
    assert again.result["execution_arn"] == first.result["execution_arn"]
    assert "nothing is started twice" in again.narration
    assert tidegate("features", "value", "origin_delay", "JFK").result["agree"]


def test_the_deployed_features_are_those_of_the_folder(pipeline, tidegate):
    told = tidegate("features", "diff", "deployed", "local")
    assert (told.code, told.result["equal"]) == (0, True)
