"""`tidegate rollout list` and `show` as they are typed, on executions and on pages in the lake."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from datetime import UTC, datetime

from registry_account import registry, typed  # noqa: F401
from sagemaker_cloud import unique, wait_for

from tidegate.messages.deployment import RolloutPlan, RolloutStep
from tidegate.rollout.history import Rollout

BEGAN = datetime(2026, 11, 2, 8, tzinfo=UTC)
PLAN = RolloutPlan(
    model_package_arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/7",
    model_version=7,
    model_name="v7",
    config_name="v7-rollout",
    final_config_name="v7-final",
    candidate_variant="variant-b",
    champion_variant="variant-a",
    champion_model_name="v6",
    champion_config_name="v6-final",
    manifest_sha256="0" * 64,
    started=BEGAN.isoformat(),
    steps=(RolloutStep(weight=0.05, bake_seconds=60, minimum_requests=100),),
)


def rolled_out(registry):
    """A package that was approved, and the id of its rollout, once that is over."""
    arn = registry.register(approval="Approved")
    states, machine = registry.client("stepfunctions"), registry.place.outputs["DeploymentMachine"]

    def found():
        ended = states.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"]
        inputs = {
            e["name"]: states.describe_execution(executionArn=e["executionArn"])["input"] for e in ended
        }
        return next((name for name, text in inputs.items() if arn in text), None)

    return arn, wait_for(found)


def kept(registry, **changes):
    """A rollout that Step Functions forgot: its id."""
    name = unique("old")
    arn = f"{registry.place.outputs['DeploymentMachine'].replace(':stateMachine:', ':execution:')}:{name}"
    ended = {"status": "FAILED", "error": "CandidateUnfit", "ended": BEGAN, **changes}
    found = Rollout(arn=arn, plan=PLAN, step=0, steps_began=(BEGAN,), began=BEGAN, stopped=BEGAN, **ended)
    registry.put(f"rollouts/{name}/report.json", json.dumps(found.to_json()).encode())
    return name


def test_rollouts_are_listed_newest_first_those_that_only_the_lake_has_last(registry, typed):
    old = kept(registry, cause="20 of 100 requests failed")
    arn, name = rolled_out(registry)
    told = typed("rollout", "list", "--json").json["rollouts"]
    assert (told[0]["id"], told[0]["version"]) == (name, arn.rpartition("/")[2])
    known = [row["id"] for row in told if not row["id"].startswith("old-")]
    assert [row["id"] for row in told[: len(known)]] == known  # the lake's alone come after all executions
    [number] = [number for number, row in enumerate(told) if row["id"] == old]
    found = told[number]
    assert (found["outcome"], found["step"], found["weight"]) == ("rolled back", 1, 0.05)
    lines = typed("rollout", "list").out.splitlines()
    assert len(lines) == len(told)
    assert lines[number].startswith(old[:8]) and "CandidateUnfit: 20 of 100 requests failed" in lines[number]
    assert [row["id"] for row in typed("rollout", "list", "--json", "--limit", "1").json["rollouts"]] == [
        name
    ]


def test_a_person_who_approved_it_led_to_it(registry, typed):
    arn = registry.register()
    typed("models", "approve", arn.rpartition("/")[2], "--reason", "checked by hand", "--follow")
    [row] = typed("rollout", "list", "--json", "--limit", "1").json["rollouts"]
    assert row["led_by"].startswith("approved by ") and row["led_by"].endswith(": checked by hand")


def test_each_of_the_list_is_shown_by_the_beginning_of_its_id(registry, typed):
    old = kept(registry, cause="20 of 100 requests failed")
    done = typed("rollout", "show", old)
    assert done.code == 1 and "CandidateUnfit: 20 of 100 requests failed" in done.out
    done = typed("rollout", "show", "no-such-id")
    assert done.code == 2 and "error: no rollout begins with `no-such-id`" in done.err
    kept(registry)
    done = typed("rollout", "show", "old")
    assert done.code == 2 and "rollouts begin with `old`" in done.err
