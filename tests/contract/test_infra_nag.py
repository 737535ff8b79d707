"""Every finding of cdk-nag's AwsSolutions rules is accepted with a reason, and every acceptance is used."""

import json

import pytest

from infra.nag import ACCEPTED, Accepted


@pytest.fixture(scope="module")
def findings(checked_assembly) -> set[tuple[str, str]]:
    """(rule, construct) of each finding."""
    report = json.loads((checked_assembly / "validation-report.json").read_text())
    return {
        (violation["ruleName"], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def test_every_finding_is_accepted_with_a_reason(findings):
    open_ones = [f for f in sorted(findings) if not any(row.covers(*f) for row in ACCEPTED)]
    assert findings and open_ones == []


def test_every_acceptance_is_still_needed(findings):
    assert [row for row in ACCEPTED if not any(row.covers(*finding) for finding in findings)] == []


def test_both_environments_were_looked_at(findings):
    assert {path.split("/")[0] for _, path in findings} == {"dev", "prod"}


def test_an_acceptance_covers_its_rule_and_path_only():
    row = Accepted("AwsSolutions-IAM5[[]Resource::*/drops/[*]]", "*/Pipeline/*", "why")
    assert row.covers("AwsSolutions-IAM5[Resource::bucket/drops/*]", "dev/Pipeline/Ingestion")
    assert not row.covers("AwsSolutions-IAM5[Resource::bucket/*]", "dev/Pipeline/Ingestion")
    assert not row.covers("AwsSolutions-IAM5[Resource::bucket/drops/*]", "dev/Api/Inference")
