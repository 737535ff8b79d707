"""The templates against CloudFormation's own specification, by cfn-lint."""

import subprocess
import sys
from pathlib import Path

# CDK's own DependsOn beside a reference: W3005 only says that the reference would do
IGNORED = "W3005"
# In a JSONata machine they may be expressions: recordings of AWS have the first (TestState, MAX_CONCURRENCY),
# the guide of Step Functions the second ("Transforming data with JSONata"); cfn-lint knows the number alone.
KNOWN_BETTER = (
    "E3601:'{% ${Parallel} %}' is not of type 'number' at 'States/ValidateShards/MaxConcurrency'",
    "E3601:'{% ${SearchSeconds} %}' is not of type 'number' at 'States/TuneModel/TimeoutSeconds'",
)


def test_the_templates_are_clean(assembly, assembly_prod):
    files = [str(file) for folder in (assembly, assembly_prod) for file in folder.rglob("*.template.json")]
    assert len(files) == 6
    done = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),
            *("--format", "parseable", "--ignore-checks", IGNORED, "--", *files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if not line.endswith(KNOWN_BETTER)] == []
