import json
import re
from pathlib import Path

# only of a pipeline that collects: tests/contract/test_infra_collection.py
OF_SOURCES = {"collect-failures"}
RUNBOOKS = Path(__file__).parents[2] / "docs" / "guides" / "runbooks.md"


def alarms(assembly):
    """Names of the synthesized alarms without the pipeline's prefix."""
    templates = [json.loads(path.read_text()) for path in assembly.rglob("*.template.json")]
    return {
        resource["Properties"]["AlarmName"].removeprefix("flights-dev-")
        for template in templates
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(assembly):
    headings = re.findall(r"^## (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert {name for heading in headings for name in heading.split(", ")} == alarms(assembly) | OF_SOURCES
