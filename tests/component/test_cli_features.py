"""`tidegate features` as it is typed, on a moto server with a lake, a state table and an online store."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pyarrow as pa
import pytest
from features_account import create_table
from serving_account import plan

from tidegate.aws import feature_sets, online
from tidegate.aws.state import State, ViewState
from tidegate.feature_store.aggregates import order_of
from tidegate.feature_store.feature_plan import EntityValue
from tidegate_cli.commands import features
from tidegate_cli.place import DUMMY, STACKS, Place

TICK = datetime(2013, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pa.timestamp("us", tz="UTC")


@pytest.fixture
def deployed():
    """The example's feature set, which the stack of the place says it has."""
    return plan().features


@pytest.fixture
def place(aws, catalog, deployed, monkeypatch):
    prefix, dynamodb = aws.name("flights"), aws.client("dynamodb")
    tables = {"StateTable": aws.name("state"), "OnlineTable": aws.name("online")}
    create_table(dynamodb, tables["StateTable"], "id")
    create_table(dynamodb, tables["OnlineTable"], "entity", "view")
    group = aws.name("models")
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    values = {
        "LakeBucket": catalog.lake_bucket,
        "GlueDatabase": catalog.database,
        "ModelPackageGroup": group,
        "EndpointName": aws.name("none"),
        **tables,
    }
    outputs = {name: {"Value": value} for name, value in values.items()}
    topic = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}
    for stack in STACKS:
        template = {
            "Resources": topic,
            "Metadata": {"tidegate:features": deployed.to_json()},
            "Outputs": outputs if stack == "Data" else {},
        }
        aws.client("cloudformation").create_stack(
            StackName=f"{prefix}-{stack}", TemplateBody=json.dumps(template)
        )
    here = Place(name="a server", prefix=prefix, session=boto3.Session(**DUMMY), url=aws.endpoint)
    monkeypatch.setattr(features, "current", lambda options: here)
    return here


@pytest.fixture
def typed(place, command, monkeypatch):
    """Type words after `tidegate features`, in a process without any setting of AWS."""

    def run(*words):
        with monkeypatch.context() as patch:
            for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
                patch.delenv(f"AWS_{name}")
            return command("features", *words)

    return run


@pytest.fixture
def carrier(deployed):
    return deployed.views[0]


@pytest.fixture
def put_offline(catalog, carrier):
    """Rows of the view: (carrier, tick, value, revision)."""

    def put(*rows):
        columns = {
            "carrier": pa.array([row[0] for row in rows], pa.string()),
            "carrier_delay_rate_7d": pa.array([row[2] for row in rows], pa.float64()),
            "event_ts": pa.array([row[1] for row in rows], TIME),
            "known_ts": pa.array([row[1] for row in rows], TIME),
            "feature_hash": pa.array([carrier.hash] * len(rows), pa.string()),
            "ord": pa.array([order_of(int(row[1].timestamp()), row[3]) for row in rows], pa.int64()),
        }
        catalog.append(carrier.table, pa.table(columns), key="rows")

    return put


@pytest.fixture
def put_online(place, carrier):
    def put(name, tick, value, revision):
        seconds = int(tick.timestamp())
        values = EntityValue(
            entity=f"carrier_delay|{name}",
            outputs={"carrier_delay_rate_7d": value},
            event_ts=seconds,
            known_ts=seconds,
            revision=revision,
        )
        online.write(place.client("dynamodb"), place.outputs["OnlineTable"], carrier, [values])

    return put


def test_the_same_value_in_both_stores_agrees_and_a_repaired_row_wins(typed, put_offline, put_online):
    put_offline(
        ("UA", TICK - HOUR, 0.1, 1), ("UA", TICK, 0.2, 1), ("UA", TICK, 0.25, 2), ("AA", TICK + HOUR, 0.9, 1)
    )
    put_online("UA", TICK, 0.25, 2)
    done = typed("value", "carrier_delay", "UA", "--json")
    told = done.json
    assert (done.code, told["agree"], told["at"]) == (0, True, int(TICK.timestamp()))
    for store in ("online", "offline"):
        assert told[store]["outputs"] == {"carrier_delay_rate_7d": 0.25}
        assert (told[store]["age_seconds"], told[store]["revision"]) == (0, 2)


def test_stores_that_differ_by_one_bit_do_not_agree(typed, put_offline, put_online):
    put_offline(("UA", TICK, 0.3, 1))
    put_online("UA", TICK, 0.30000000000000004, 1)
    done = typed("value", "carrier_delay", "UA")
    assert (done.code, done.out.splitlines()[-1]) == (1, "they do not agree")


def test_an_earlier_moment_finds_the_row_of_then_offline_and_nothing_usable_online(
    typed, put_offline, put_online
):
    put_offline(("UA", TICK - HOUR, 0.1, 1), ("UA", TICK, 0.2, 1))
    put_online("UA", TICK, 0.2, 1)
    done = typed("value", "carrier_delay", "UA", "--at", "2013-01-07T23:59:59Z", "--json")
    told = done.json
    assert (done.code, told["online"]["state"]) == (1, "missing")
    assert told["offline"]["outputs"] == {"carrier_delay_rate_7d": 0.1}
    assert told["offline"]["age_seconds"] == 3599


def test_past_the_ttl_both_are_stale_and_agree(typed, put_offline, put_online):
    put_offline(("UA", TICK, 0.2, 1))
    put_online("UA", TICK, 0.2, 1)
    done = typed("value", "carrier_delay", "UA", "--at", "2013-01-22T00:00:01Z", "--json")  # 14 d and 1 s
    assert (done.code, done.json["online"]["state"], done.json["offline"]["state"]) == (0, "stale", "stale")
    done = typed("value", "carrier_delay", "UA", "--at", "2013-01-22T00:00:00Z", "--json")
    assert done.json["online"]["outputs"] == {"carrier_delay_rate_7d": 0.2}


def test_a_view_that_was_never_computed_has_no_value_anywhere(typed):
    done = typed("value", "carrier_delay", "UA")
    assert done.code == 0
    assert "missing: the table features_carrier_delay has no rows yet" in done.out


def test_an_unknown_view_is_answered_with_those_there_are(typed, carrier):
    done = typed("value", "carier_delay", "UA")
    assert done.code == 2
    assert "error: there is no view `carier_delay`" in done.err and carrier.version in done.err


def package(aws, place, hash_, approval="Approved"):
    """A registered model version that was trained on a feature set."""
    arn = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=place.outputs["ModelPackageGroup"],
        ModelApprovalStatus=approval,
        CustomerMetadataProperties={"feature_set_hash": hash_},
    )["ModelPackageArn"]
    return arn, int(arn.rpartition("/")[2])


@pytest.fixture
def former(deployed, catalog):
    """A feature set of an earlier model: another window of the first view."""
    view = replace(deployed.views[0], window_seconds=86400, hash="5" * 64)
    plan = replace(deployed, views=(view, *deployed.views[1:]), hash="e" * 64)
    feature_sets.put(catalog.s3, catalog.lake_bucket, plan)
    return plan


def test_the_list_names_every_version_who_needs_it_and_what_is_computed(aws, typed, place, deployed, former):
    _, approved = package(aws, place, former.hash)
    package(aws, place, former.hash, "Rejected")
    state = ViewState(
        computed_from=0, computed_to=7200, revision=2, entities=4, online=3, coverage=0.75,
        recorded_at="2013-01-08T00:00:00Z", needed_at="2013-01-08T00:00:00Z",
    )  # fmt: skip
    states = State(aws.client("dynamodb"), place.outputs["StateTable"])
    states.record_view(deployed.views[0].version, state)
    states.record_view("gone@0123", state)
    found = {view["version"]: view for view in typed("list", "--json").json["views"]}
    carrier, origin = (view.version for view in deployed.views)
    assert list(found) == [carrier, origin, former.views[0].version, "gone@0123"]
    assert found[carrier]["needed_by"] == ["deployed"]
    assert found[origin]["needed_by"] == ["deployed", f"version {approved}"]
    assert found[former.views[0].version]["needed_by"] == [f"version {approved}"]
    assert (found["gone@0123"]["needed_by"], found["gone@0123"]["source"]) == ([], None)
    assert found[carrier]["state"]["coverage"] == 0.75 and found[origin]["state"] is None
    lines = typed("list").out.splitlines()
    assert len(lines) == 8
    assert lines[1].endswith("3 of 4 entities online (75.0%)   needed by deployed")


def test_a_model_version_is_compared_with_what_is_deployed(aws, typed, place, deployed, former):
    _, version = package(aws, place, former.hash)
    done = typed("diff", str(version), "deployed", "--json")
    told = done.json
    assert (done.code, told["equal"]) == (1, False)
    [view] = told["views"]
    assert (view["version"], view["members"]) == (
        deployed.views[0].version,
        {"window_seconds": [86400, 7 * 86400]},
    )
    assert told["need_backfill"] == sorted(view.version for view in deployed.views)
    by_hash = typed("diff", "eeeeeeee", deployed.hash, "--json").json
    assert by_hash["views"] == told["views"]
    assert typed("diff", "deployed", "local").code == 0


@pytest.mark.parametrize(
    "name, what",
    [
        ("77", "there is no model version 77"),
        ("0123456789abcdef", "there is no feature set `0123456789abcdef`"),
        ("champion", "`champion` names no feature set"),
    ],
    ids=["version", "hash", "neither"],
)
def test_a_feature_set_that_is_not_there_is_an_error_that_helps(typed, name, what):
    done = typed("diff", name, "deployed")
    assert (done.code, done.out) == (2, "")
    assert f"error: {what}" in done.err and "hint:" in done.err


def test_two_sets_of_the_same_first_digits_want_more_of_them(typed, catalog, former):
    feature_sets.put(catalog.s3, catalog.lake_bucket, replace(former, hash=f"{'e' * 63}f"))
    done = typed("diff", "e" * 8, "deployed")
    assert (done.code, "error: 2 feature sets begin with" in done.err) == (2, True)


def test_a_backfill_without_any_rows_says_what_to_do_first(typed):
    done = typed("backfill")
    assert done.code == 2
    assert "error: dataset `flights` has no rows yet" in done.err
