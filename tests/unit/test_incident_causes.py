"""What events say about causes; events are AWS's (user guides of CloudWatch, Step Functions), names ours."""

import json
from dataclasses import replace

import click
import pytest

from tidegate.incidents.causes import Known, occurrences
from tidegate.incidents.incident import happened
from tidegate.incidents.words import digest, letter, line
from tidegate_cli.main import main

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/3"
KNOWN = Known(
    prefix="flights-dev",
    stages={
        "arn:t": "training",
        "arn:d": "deployment",
        "arn:i": "ingestion",
        "arn:r": "restoration",
    },
    champion="version 2 on variant-a",
    window={"run": "w-7", "drifted": [{"column": "temp"}, {"column": "hour"}]},
)


def event(kind, detail, **more):
    return {"id": "e-1", "time": "2026-01-01T12:00:00Z", "detail-type": kind, "detail": detail, **more}


def alarm(name, value="ALARM", description="Requests have moved"):
    state = {
        "value": value,
        "reason": "Threshold Crossed: 3 > 0",
        "timestamp": "2026-01-01T11:59:58.000+0000",
    }
    detail = {
        "alarmName": f"flights-dev-{name}",
        "state": state,
        "configuration": {"description": description},
    }
    return event("CloudWatch Alarm State Change", detail)


def ended(stage, status, *, name="x", given=None, output=None, **more):
    detail = {
        "stateMachineArn": f"arn:{stage[0]}",
        "name": name,
        "status": status,
        "input": json.dumps(given or {}),
        "output": None if output is None else json.dumps(output),
        **more,
    }
    return event("Step Functions Execution Status Change", detail)


def of(found, kind):
    [one] = [each for each in found if each.kind == kind]
    return one


def test_an_alarm_of_the_monitoring_names_the_columns_the_model_and_the_window():
    [found] = occurrences(alarm("model-monitor-drift"), KNOWN)
    assert (found.change, found.cause, found.urgent) == ("opens", "alarm/model-monitor-drift", False)
    assert (found.columns, found.model, found.window) == (("temp", "hour"), "version 2 on variant-a", "w-7")
    assert found.evidence == ("Threshold Crossed: 3 > 0",)
    assert found.runbook == "docs/guides/runbooks.md#model-monitor-drift"
    assert found.at == "2026-01-01T11:59:58.000+00:00"


@pytest.mark.parametrize("before", ["", "Runbook: "])
def test_a_link_at_the_end_of_an_alarms_text_is_its_runbook(before):
    link = "https://example.com/wiki#else-where"
    [found] = occurrences(alarm("features-null", description=f"More have none. {before}{link}"), KNOWN)
    assert (found.runbook, found.what) == (link, "alarm features-null: More have none.")


@pytest.mark.parametrize("value", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_rings_no_more_recovers(value):
    [found] = occurrences(alarm("features-skew", value), KNOWN)
    assert (found.change, found.evidence) == ("recovers", ())


@pytest.mark.parametrize(
    ("name", "urgent", "tell"),
    [
        ("predictions-failed", True, True),
        ("variant-a-errors", True, True),
        ("model-monitor-drift", False, True),
        ("collect-failures", False, True),
        ("machine-failures", False, False),  # each failed execution has an incident with its name
        ("dead-letters", True, False),  # tells of itself, for it may be about these messages
    ],
)
def test_what_keeps_people_from_answers_is_urgent(name, urgent, tell):
    [found] = occurrences(alarm(name), KNOWN)
    assert (found.urgent, found.tell) == (urgent, tell)


def test_a_quarantined_drop_is_named_with_its_columns_and_what_to_type():
    detail = {
        "dataset": "flights", "drop_id": "0123456789abcdef", "key": "drops/flights/a.csv",
        "reason": "`temp` is below 5 in 9 of 10 rows", "columns": ["temp"],
    }  # fmt: skip
    [found] = occurrences(event("DropQuarantined", detail), KNOWN)
    assert (found.change, found.cause, found.columns) == ("opens", "quarantine/flights", ("temp",))
    assert found.drop == "drops/flights/a.csv (01234567)"
    assert found.next[0] == "tidegate drops show 01234567 --html"


def test_a_later_accepted_drop_of_the_dataset_ends_it():
    [found] = occurrences(event("DatasetVersionRecorded", {"dataset": "flights", "drop_id": "b"}), KNOWN)
    assert (found.change, found.cause) == ("recovers", "quarantine/flights")


def test_a_failed_execution_is_told_with_the_first_line_of_its_cause_and_a_later_one_ends_it():
    [found] = occurrences(ended("ingestion", "FAILED", name="drop-1", error="E", cause="one\ntwo"), KNOWN)
    assert (found.change, found.cause, found.evidence) == (
        "opens",
        "execution/ingestion",
        ("drop-1: E: one",),
    )
    [found] = occurrences(ended("ingestion", "SUCCEEDED"), KNOWN)
    assert (found.change, found.cause) == ("recovers", "execution/ingestion")
    assert occurrences(ended("ingestion", "ABORTED"), KNOWN) == []


@pytest.mark.parametrize(
    ("approval", "words"), [("automatic", "is rolled out"), ("manual", "models approve 3")]
)
def test_a_registered_candidate_goes_on(approval, words):
    output = {"outcome": "registered", "package_arn": PACKAGE, "trigger": {"trigger": "drift", "cause": "c"}}
    known = Known(prefix="flights-dev", stages=KNOWN.stages, approval=approval)
    found = of(
        occurrences(ended("training", "SUCCEEDED", name="drift-w-7", output=output), known), "retraining"
    )
    assert (found.change, found.cause, found.evidence) == ("adds", "retraining/drift-w-7", ("c",))
    assert found.outcome.startswith("flights-dev/3 is registered") and found.outcome.endswith(words)


def test_a_rejected_candidate_ends_it_with_what_failed():
    output = {"outcome": "rejected", "reasons": ["fail: not better", "pass: small"], "trigger": {}}
    found = of(occurrences(ended("training", "SUCCEEDED", output=output), KNOWN), "retraining")
    assert (found.change, found.tell) == ("ends", True)
    assert found.outcome == "the gate keeps the candidate out, the champion stays: fail: not better"


@pytest.mark.parametrize(("trigger", "tell"), [("new-data", False), ("command", False), ("drift", True)])
def test_a_skipped_run_is_recorded_and_told_only_when_nobody_asked_for_it(trigger, tell):
    output = {"outcome": "skipped", "reason": "the last run began 5 s ago", "trigger": {"trigger": trigger}}
    found = of(occurrences(ended("training", "SUCCEEDED", output=output), KNOWN), "retraining")
    assert (found.tell, found.outcome) == (tell, "no training: the last run began 5 s ago")


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_training_run_that_ends_badly_is_over_and_its_execution_is_what_is_told(status):
    found = occurrences(ended("training", status, error="TaskFailed", cause="exit code: 137"), KNOWN)
    run = of(found, "retraining")
    assert (run.change, run.tell) == ("ends", False)
    assert run.outcome.endswith("the champion stays: TaskFailed: exit code: 137")
    assert [each.kind for each in found if each.tell] == ([] if status == "ABORTED" else ["execution"])


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_rollback_ends_the_retraining_that_led_to_it_in_one_message(status):
    known = Known(prefix="flights-dev", stages=KNOWN.stages, retraining={PACKAGE: "retraining/drift-w-7"})
    rolled_back = ended(
        "deployment", status, given={"model_package_arn": PACKAGE}, error="RolledBack", cause="slow"
    )
    found = occurrences(rolled_back, known)
    run = of(found, "retraining")
    assert (run.change, run.cause) == ("ends", "retraining/drift-w-7")
    assert run.outcome == "flights-dev/3 is rolled back: RolledBack: slow; the champion stays"
    assert {each.kind for each in found} == {"retraining", "approval"}


def test_a_rollback_of_a_model_nobody_knows_the_run_of_is_an_incident_of_its_own():
    rolled_back = ended("deployment", "FAILED", given={"model_package_arn": PACKAGE}, error="E", cause="slow")
    found = of(occurrences(rolled_back, KNOWN), "rollout")
    assert (found.change, found.evidence) == ("opens", ("flights-dev/3 is rolled back: E: slow",))


def test_a_rollout_that_was_killed_is_told_and_its_end_is_added_when_nothing_is_left_of_it():
    killed = ended("deployment", "ABORTED", given={"model_package_arn": PACKAGE})
    [opened] = [each for each in occurrences(killed, KNOWN) if each.kind == "rollout"]
    assert opened.action == "the champion gets all traffic, then the endpoint to itself"
    detail = {"rollout": "x", "model_package_arn": PACKAGE}
    detail |= {"champion_variant": "variant-a", "removed": ["variant-b"]}
    restored = {**event("RolloutRestored", detail), "id": "e-2"}
    [added] = occurrences(restored, KNOWN)
    before, _ = happened(None, opened, 0)
    after, _ = happened(before, added, 0)
    assert (after.id, after.count, after.untold) == (before.id, 1, ("opened",))  # one message, one incident
    assert after.action == "variant-a has all traffic, variant-b is removed"
    assert after.evidence == (
        "flights-dev/3 is rolled back: ABORTED",
        "after the end of flights-dev/3's rollout: variant-a has all traffic, variant-b is removed",
    )


def test_what_a_retraining_left_behind_is_added_to_its_record():
    known = Known(prefix="flights-dev", stages={}, retraining={PACKAGE: "retraining/drift-w-7"})
    detail = {"rollout": "x", "model_package_arn": PACKAGE, "champion_variant": None, "removed": []}
    [added] = occurrences(event("RolloutRestored", detail), known)
    assert (added.change, added.cause) == ("adds", "retraining/drift-w-7")
    assert added.action == "nothing serves, nothing else was left"


def test_a_champion_whose_machine_is_killed_while_the_one_before_is_warm_is_not_called_rolled_back():
    known = Known(prefix="flights-dev", stages=KNOWN.stages, champion="version 3 on variant-b")
    killed = ended("deployment", "ABORTED", given={"model_package_arn": PACKAGE})
    assert [each.kind for each in occurrences(killed, known)] == ["approval"]


def test_a_promotion_ends_what_waited_for_it():
    detail = {"model_package_arn": PACKAGE, "model_version": 3, "variant": "variant-b"}
    known = Known(prefix="flights-dev", stages={}, retraining={PACKAGE: "retraining/drift-w-7"})
    found = occurrences(event("CandidatePromoted", detail), known)
    assert {(each.cause, each.change) for each in found} == {
        ("approval/flights-dev/3", "recovers"),
        ("rollout", "recovers"),
        ("retraining/drift-w-7", "ends"),
    }
    assert of(found, "retraining").outcome == "promoted: flights-dev/3 serves as variant-b"


@pytest.mark.parametrize(
    "name",
    ["model-monitor-quality", "model-monitor-estimate", "model-monitor-prediction-drift", "variant-a-errors"],
)
def test_answers_that_went_bad_with_a_new_model_name_the_way_back_first(name):
    known = replace(KNOWN, before="version 1, until 2026-01-01 08:00 UTC")
    [found] = occurrences(alarm(name), known)
    assert found.next[0] == "tidegate rollback   # to version 1, until 2026-01-01 08:00 UTC"
    assert "rollback" in letter("flights-dev", happened(None, found, 0)[0], "opened").body
    for other in (occurrences(alarm(name), KNOWN), occurrences(alarm(name, "OK"), known)):
        assert not any("rollback" in text for text in other[0].next)  # nobody to go back to; or it is over
    [inputs] = occurrences(alarm("model-monitor-drift"), known)
    assert not any("rollback" in text for text in inputs.next)  # another model would see the same inputs


@pytest.mark.parametrize(("cause", "named"), [("quality", True), ("estimate", True), ("drift", False)])
def test_a_retraining_for_bad_answers_names_the_way_back(cause, named):
    known = replace(KNOWN, before="version 1, until 2026-01-01 08:00 UTC")
    found = occurrences(decision("train", cause=cause), known)
    assert any("tidegate rollback" in text for text in of(found, "retraining").next) is named


def test_a_candidate_that_waits_says_what_to_type():
    detail = {
        "model_package_arn": PACKAGE, "reason": "50 % went well",
        "approve": "tidegate rollout promote", "refuse": "tidegate rollout rollback",
    }  # fmt: skip
    [found] = occurrences(event("CandidateAwaitsApproval", detail), KNOWN)
    assert found.cause == "approval/flights-dev/3"
    assert found.next == ("tidegate rollout promote", "tidegate rollout rollback")


def decision(action, **more):
    known = {"run": "w-7", "action": action, "cause": "drift", "key": "drift-w-7", "reason": "because"}
    return event("RetrainingDecided", known | {"evidence": ["drift 0.4"], "columns": ["temp"]} | more)


def test_a_decision_to_train_is_told_and_one_to_wait_is_recorded():
    run = of(occurrences(decision("train"), KNOWN), "retraining")
    assert (run.cause, run.tell, run.action) == ("retraining/drift-w-7", True, "training run drift-w-7")
    waits = of(occurrences(decision("wait"), KNOWN), "retraining")
    assert (waits.cause, waits.tell, waits.action) == ("retraining/drift-w-7", False, "waits: because")


def test_what_waited_and_is_dropped_ends_untold():
    found = of(occurrences(decision("none", key="", dropped="drift-w-6"), KNOWN), "retraining")
    assert (found.cause, found.change, found.tell) == ("retraining/drift-w-6", "ends", False)
    assert found.outcome == "no training: because"


def test_bad_data_is_an_incident_until_a_window_decides_without_it():
    [held] = occurrences(decision("hold-off"), KNOWN)
    assert (held.cause, held.change, held.evidence) == ("bad-data", "opens", ("because", "drift 0.4"))
    [over] = occurrences(decision("none", cause=None, key=""), KNOWN)
    assert (over.cause, over.change) == ("bad-data", "recovers")


def test_an_event_of_something_else_says_nothing():
    assert occurrences(event("Object Created", {}), KNOWN) == []
    strange = ended("training", "SUCCEEDED")
    strange["detail"]["stateMachineArn"] = "arn:of-another-pipeline"
    assert occurrences(strange, KNOWN) == []


QUARANTINED = {"dataset": "flights", "drop_id": "0" * 16, "key": "drops/flights/a.csv", "reason": "r"}
AWAITS = {"model_package_arn": PACKAGE, "approve": "tidegate rollout promote", "refuse": "tidegate rollback"}


@pytest.mark.parametrize(
    "given",
    [
        alarm("model-monitor-drift"),
        event("DropQuarantined", QUARANTINED),
        event("CandidateAwaitsApproval", AWAITS),
        ended("training", "SUCCEEDED", output={"outcome": "rejected"}),
        ended("deployment", "FAILED", given={"model_package_arn": PACKAGE}),
        ended("ingestion", "FAILED"),
        ended("restoration", "FAILED"),
        decision("train"),
        decision("hold-off"),
    ],
    ids=lambda given: given["detail-type"],
)
def test_every_command_that_an_incident_names_can_be_typed(given):
    named = [command for found in occurrences(given, KNOWN) for command in found.next]
    assert named
    for command in named:
        program, verb, *words = command.split()
        assert program == "tidegate"
        found = main.get_command(click.Context(main), verb)
        assert found is not None, command
        if isinstance(found, click.Group):
            assert words[0] in found.commands, command
        if verb == "logs":
            [stage] = [each for each in found.params if each.name == "stage"]
            assert words[0] in stage.type.choices, command


def incident(given):
    found, _ = happened(None, occurrences(given, KNOWN)[0], 600)
    return found


def test_a_letter_names_everything_a_person_needs():
    found = letter("flights-dev", incident(alarm("model-monitor-drift")), "opened")
    assert found.subject == "flights-dev: alarm model-monitor-drift: Requests have moved"
    rows = dict(row.strip().split(maxsplit=1) for row in found.body.splitlines()[1:])
    assert rows["columns"] == "temp, hour"
    assert rows["model"] == "version 2 on variant-a"
    assert rows["evidence"] == "Threshold Crossed: 3 > 0"
    assert rows["runbook"] == "docs/guides/runbooks.md#model-monitor-drift"
    assert rows["since"] == "2026-01-01T11:59:58 UTC"
    assert rows["record"].startswith("tidegate incidents show ")


def test_a_subject_is_what_sns_takes():
    found = letter("p", incident(alarm("x", description="µs\n" * 100)), "opened").subject
    assert len(found) == 100 and found.isascii() and "\n" not in found


def test_a_digest_has_at_most_a_hundred_lines_and_counts_the_rest():
    given = line(incident(alarm("x")), "opened")
    body = digest("p", [given] * 150).body.splitlines()
    assert body.count(f"  {given}") == 100 and "  and 50 more" in body
