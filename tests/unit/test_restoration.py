"""What is left to undo of a rollout whose machine is dead, from each state an endpoint may be found in."""

import pytest

from tidegate.rollout.restoration import next_step


def endpoint(status="InService", **weights):
    variants = [
        {"VariantName": name.replace("_", "-"), "DesiredWeight": weight} for name, weight in weights.items()
    ]
    return {"EndpointStatus": status, "EndpointConfigName": "rollout", "ProductionVariants": variants}


@pytest.mark.parametrize(
    ("described", "champion", "do"),
    [
        (endpoint(variant_a=0.8, variant_b=0.2), "variant-a", "return"),
        (endpoint(variant_a=0.0, variant_b=1.0), "variant-a", "return"),
        (endpoint(variant_a=1.0, variant_b=0.0), "variant-a", "isolate"),
        (endpoint(variant_a=0.0, variant_b=1.0), "variant-b", "isolate"),  # promoted: the old one was warm
        (endpoint(variant_a=1.0), "variant-a", "release"),
        (None, "variant-a", "release"),
        (None, None, "release"),
        (endpoint(variant_a=1.0), None, "delete"),
        (endpoint("Failed", variant_a=1.0), None, "delete"),
        (endpoint("Failed", variant_a=1.0), "variant-a", "give-up"),
        (endpoint(variant_b=1.0), "variant-a", "give-up"),
    ],
)
def test_the_next_step_follows_from_what_is_there(described, champion, do):
    assert next_step(described, champion).do == do


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
@pytest.mark.parametrize("champion", ["variant-a", None])
def test_an_endpoint_that_is_being_changed_is_waited_for(status, champion):
    found = next_step(endpoint(status, variant_a=0.5, variant_b=0.5), champion)
    assert (found.do, found.reason) == ("wait", f"the endpoint is {status}")


def test_the_champion_is_named_with_all_that_is_to_be_removed():
    found = next_step(endpoint(variant_a=0.0, variant_b=1.0, variant_c=0.0), "variant-b")
    assert (found.champion_variant, found.others) == ("variant-b", ("variant-a", "variant-c"))
    assert found.config_name == "rollout"


def test_why_nothing_can_be_done_is_said():
    failed = {**endpoint("Failed", variant_a=1.0), "FailureReason": "no capacity"}
    assert next_step(failed, "variant-a").reason == "the endpoint is Failed: no capacity"
