"""Every alarm's text leads to what a person does about it, and no template is made without."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from synthesized import FLIGHTS

from infra.constructs.alarms import runbooks
from tidegate.errors import ConfigError
from tidegate.settings.config import PipelineConfig

# only of a pipeline that collects: tests/contract/test_infra_collection.py
OF_SOURCES = {"collect-failures"}
RUNBOOKS = Path(__file__).parents[2] / "docs" / "guides" / "runbooks.md"


KINDS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


def alarms(assembly):
    """Name without the pipeline's prefix -> text, of every synthesized alarm."""
    templates = [json.loads(path.read_text()) for path in assembly.rglob("*.template.json")]
    return {
        resource["Properties"]["AlarmName"].removeprefix("flights-dev-"): resource["Properties"][
            "AlarmDescription"
        ]
        for template in templates
        for resource in template["Resources"].values()
        if resource["Type"] in KINDS
    }


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(assembly):
    headings = re.findall(r"^## (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert {name for heading in headings for name in heading.split(", ")} == {
        *alarms(assembly),
        *OF_SOURCES,
    }


def test_the_text_of_an_alarm_ends_with_the_link_to_its_heading(assembly):
    found = alarms(assembly)
    for name, anchor in {
        "page": "page",
        "model-monitor-drift": "model-monitor-drift",
        # of two names, as GitHub makes anchors of headings
        "variant-b-errors": "variant-a-errors-variant-b-errors",
    }.items():
        assert found[name].endswith(f". Runbook: docs/guides/runbooks.md#{anchor}")
    assert all(" Runbook: docs/guides/runbooks.md#" in text for text in found.values())


@pytest.fixture
def config():
    return PipelineConfig.from_toml(FLIGHTS / "pipeline.toml", "dev")


def test_an_alarm_without_a_runbook_is_refused_by_name(config):
    with pytest.raises(ConfigError) as refused:
        runbooks.link("tea-is-cold", config, page="# Runbooks\n\n## tea-is-hot\n\nWait.\n")
    assert str(refused.value) == (
        "alarm `tea-is-cold` has no runbook\n"
        "  cause: docs/guides/runbooks.md has no heading `## tea-is-cold`\n"
        "  hint:  write there what a person does when it rings"
    )


def test_an_alarm_made_past_the_one_way_fails_synth_too(config):
    from aws_cdk import App, Stack
    from aws_cdk import aws_cloudwatch as cloudwatch

    stack = Stack(App(), "Kitchen")
    cloudwatch.CfnCompositeAlarm(
        stack,
        "Linked",
        alarm_name="flights-dev-page",
        alarm_rule="FALSE",
        alarm_description="Wake up. Runbook: docs/guides/runbooks.md#page",
    )
    runbooks.require(stack, config)
    cloudwatch.CfnAlarm(
        stack,
        "Bare",
        alarm_name="flights-dev-dead-letters",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        alarm_description="Letters are dead",
    )
    with pytest.raises(ConfigError, match="alarm `flights-dev-dead-letters` does not link its runbook"):
        runbooks.require(stack, config)


def test_links_lead_wherever_the_runbooks_are_read(config):
    alarms = dataclasses.replace(config.alarms, runbooks="https://wiki.example.com/runbooks")
    elsewhere = dataclasses.replace(config, alarms=alarms)
    assert runbooks.link("page", elsewhere) == "https://wiki.example.com/runbooks#page"
