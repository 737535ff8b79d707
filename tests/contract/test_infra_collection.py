"""A pipeline with sources to collect from: what each function may do, and when it is called."""

import json
import shutil
import tomllib

import function_contracts
import pytest
from synthesized import FLIGHTS, REPOSITORY, Templates, listed, templates_of
from test_infra_functions import COMMON, LOG, NUMERIC
from test_infra_templates import WITHOUT_RESOURCES, allowed

from localcloud.deploy.resources import HANDLERS

SOURCES = """
[[collect]]
name = "orders"
kind = "postgresql"
schedule = "cron(0 3 * * ? *)"
secret = "shop/reader"
table = "public.orders"
watermark = "changed_at"
subnets = ["subnet-1", "subnet-2"]
security_groups = ["sg-1"]

[[collect]]
name = "ledger"
kind = "redshift"
connection = "warehouse"
query = "select * from ledger"
watermark = "id"
watermark_type = "integer"

[[collect]]
name = "clicks"
kind = "athena"
database = "web"
uri = "s3://web-data/clicks/"
table = "clicks"
watermark = "at"

[[collect]]
name = "exports"
kind = "s3"
uri = "s3://partner/exports/"

[[collect]]
name = "weather"
kind = "https"
url = "https://example.com/weather.csv"
secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:weather-abcdef"
"""
LAST_TABLES = "[environments.dev]"  # tables of the pipeline stand before those of environments


@pytest.fixture(scope="module")
def collecting(tmp_path_factory) -> Templates:
    from infra.app import synth

    folder = tmp_path_factory.mktemp("collecting")
    pipeline = folder / "flights"
    shutil.copytree(FLIGHTS, pipeline, ignore=shutil.ignore_patterns("__pycache__"))
    file = pipeline / "pipeline.toml"
    file.write_text(file.read_text().replace(LAST_TABLES, SOURCES + LAST_TABLES, 1))
    return templates_of(synth(pipeline, "dev", folder / "cdk.out"))


def functions(templates: Templates) -> dict[str, dict]:
    """Collect's functions by the name of their source, from the rules that call them."""
    found = {}
    for rule in templates.of("AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            if '"source"' in (given := json.dumps(target.get("Input", ""))).replace("\\", ""):
                name = json.loads(json.loads(given))["source"]
                function = templates.of("AWS::Lambda::Function")[target["Arn"]["Fn::GetAtt"][0]]
                found[name] = {"rule": rule["Properties"], "target": target, "function": function}
    return found


def statements(templates: Templates, name: str) -> list[dict]:
    return templates.statements_of(templates.role_of(functions(templates)[name]["function"], "Role"))


def resources(templates: Templates, name: str, action: str) -> list[str]:
    """What one action is allowed on, tokens of CloudFormation left in."""
    given = [s["Resource"] for s in statements(templates, name) if action in listed(s["Action"])]
    return [json.dumps(each) for resource in given for each in listed(resource)]


def test_every_source_has_a_function_that_its_schedule_calls_by_name(collecting):
    sources = {each["name"]: each for each in tomllib.loads(SOURCES)["collect"]}
    assert functions(collecting).keys() == sources.keys()
    for name, found in functions(collecting).items():
        assert found["rule"]["ScheduleExpression"] == sources[name].get("schedule", "rate(1 day)")
        assert "DeadLetterConfig" in found["target"]


def test_the_functions_run_from_the_image_and_are_given_what_they_read(collecting):
    for found in functions(collecting).values():
        properties = found["function"]["Properties"]
        assert properties["ImageConfig"]["Command"] == ["functions.collect.handler"]
        given = set(properties["Environment"]["Variables"])
        assert given == COMMON | NUMERIC | function_contracts.variables("Collect")


def test_together_they_may_do_exactly_what_the_function_says_it_needs(collecting):
    held = {
        action
        for name in functions(collecting)
        for s in statements(collecting, name)
        for action in listed(s["Action"])
    }
    assert held - LOG == function_contracts.actions("Collect")


def test_each_writes_its_own_drops_and_reads_its_own_source_only(collecting):
    for name in functions(collecting):
        written = resources(collecting, name, "s3:PutObject")
        assert f"drops/flights/collected-{name}-*" in written[0]
        assert len(written) == (2 if name == "clicks" else 1)
    assert "staging/collect-clicks/*" in resources(collecting, "clicks", "s3:PutObject")[1]
    [secret] = resources(collecting, "orders", "secretsmanager:GetSecretValue")
    assert ":secret:shop/reader-??????" in secret
    [secret] = resources(collecting, "weather", "secretsmanager:GetSecretValue")
    assert json.loads(secret) == tomllib.loads(SOURCES)["collect"][-1]["secret"]
    assert [r for r in resources(collecting, "ledger", "glue:GetConnection") if "connection/warehouse" in r]
    [read] = resources(collecting, "exports", "s3:GetObject")
    assert ":s3:::partner/exports/*" in read
    assert resources(collecting, "weather", "s3:GetObject") == []


def test_nothing_is_allowed_on_everything_but_a_network_interface(collecting):
    for id_, statement in allowed(collecting):
        if "*" in listed(statement["Resource"]) and not set(listed(statement["Action"])) <= WITHOUT_RESOURCES:
            assert {action.partition(":")[0] for action in listed(statement["Action"])} == {"ec2"}, id_
    outside = statements(collecting, "weather")
    assert not [s for s in outside if any(a.startswith("ec2:") for a in listed(s["Action"]))]


def test_only_a_source_in_a_network_is_put_into_it(collecting):
    networks = {n: f["function"]["Properties"].get("VpcConfig") for n, f in functions(collecting).items()}
    expected = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert networks.pop("orders") == expected
    assert set(networks.values()) == {None}


def test_a_failure_is_told_and_has_a_runbook(collecting, templates):
    alarms = {a["Properties"]["AlarmName"]: a for a in collecting.of("AWS::CloudWatch::Alarm").values()}
    alarm = alarms["flights-dev-collect-failures"]["Properties"]
    assert len(alarm["Metrics"]) == 6  # five functions and their sum; told as an incident
    assert "## collect-failures" in (REPOSITORY / "docs" / "guides" / "runbooks.md").read_text()
    without = [a["Properties"]["AlarmName"] for a in templates.of("AWS::CloudWatch::Alarm").values()]
    assert "flights-dev-collect-failures" not in without


def test_the_local_cloud_knows_every_type_it_is_given(collecting):
    types = {r["Type"] for stack in collecting.stacks.values() for r in stack["Resources"].values()}
    assert types <= HANDLERS.keys()
