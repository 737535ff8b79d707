"""The monitoring machine's choices, expressions and output, with what each task returns given."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from pathlib import Path

import pytest
from stepfunctions_cloud import aws, machine, role, run, running, sfn  # noqa: F401

FILE = Path(__file__).parents[2] / "step_functions" / "monitoring.asl.json"
WINDOW = {
    "ready": True,
    "reason": "",
    "run": "20130301000000-0000",
    "records": 400,
    "manifest_uri": "s3://lake/m",
    "baseline_uri": "s3://lake/b/",
    "predictions_uri": "s3://lake/p",
    "reference_uri": "s3://lake/r/",
    "model_uri": "s3://lake/model.tar.gz",
}
QUALITY = {"status": "kept", "rows": 12}
OPERATIONS = {"requests": 400}
MEASUREMENT = {"summary": {"rows": 400}, "metrics": []}


def states():
    """The file's states, each task replaced by one that takes its result from the execution's input."""
    found = json.loads(FILE.read_text())["States"]
    del found["MonitoringFailed"]  # nothing leads there when no task can fail
    for name, state in found.items():
        if state["Type"] != "Task":
            continue
        given = f"$lookup($states.context.Execution.Input, '{name}')"
        assigned = json.loads(json.dumps(state.get("Assign", {})).replace("$states.result", given))
        if name == "MeasureWindow":
            assigned["inputs"] = state["Arguments"]["ProcessingInputs"]
        found[name] = {"Type": "Pass", "Assign": assigned, "Next": state["Next"]}
    found["WindowMeasured"]["Output"]["inputs"] = "{% $exists($inputs) ? $inputs : [] %}"
    return found


@pytest.fixture
def monitored(run):
    def execute(**window):
        results = {name: {"Payload": {}} for name in states()} | {
            "PlanWindow": {"Payload": {**WINDOW, **window}},
            "ReadMeasurement": {"Body": json.dumps(MEASUREMENT)},
            "MeasureSkew": {"Payload": {"rows": 7}},
            "MeasureQuality": {"Payload": QUALITY},
            "MeasureOperations": {"Payload": OPERATIONS},
        }
        ended = run(states(), results)
        assert ended["status"] == "SUCCEEDED", ended
        return json.loads(ended["output"])

    return execute


def names(output):
    return [given["InputName"] for given in output["inputs"]]


def test_a_window_is_measured_with_its_skew_and_its_quality(monitored):
    output = monitored()
    assert (output["outcome"], output["summary"], output["skew"]) == ("measured", {"rows": 400}, {"rows": 7})
    assert (output["quality"], output["operations"]) == (QUALITY, OPERATIONS)
    assert names(output) == ["captures", "baseline", "predictions", "reference", "model"]


def test_a_model_without_a_reference_is_measured_without_one(monitored):
    assert names(monitored(reference_uri="")) == ["captures", "baseline", "predictions"]


def test_a_window_with_too_few_rows_skips_the_job_and_still_looks_at_late_labels(monitored):
    output = monitored(ready=False, reason="29 of 300", records=29)
    assert (output["outcome"], output["reason"], output["records"]) == ("insufficient", "29 of 300", 29)
    assert (output["summary"], output["skew"], output["quality"]) == (None, None, QUALITY)
    assert output["operations"] == OPERATIONS


def test_without_a_model_nothing_is_looked_at(monitored):
    reason = "no model serves yet"
    assert monitored(ready=False, run="", reason=reason) == {"outcome": "nothing", "reason": reason}
