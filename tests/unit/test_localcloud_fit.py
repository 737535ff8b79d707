"""CloudFormation's values in the types of the APIs, and the names that resources get."""

import pytest
from botocore.model import DenormalizedStructureBuilder

from localcloud.deploy.fit import UnfitError, boto_fit
from localcloud.deploy.names import physical_name
from localcloud.deploy.resources.s3_settings import SETTINGS, notifications
from localcloud.deploy.tags import as_map

TAG = {"type": "structure", "members": {"TagKey": {"type": "string"}, "TagValue": {"type": "string"}}}
PAIR = {"type": "structure", "members": {"Key": {"type": "string"}, "Value": {"type": "string"}}}
SHAPE = (
    DenormalizedStructureBuilder()
    .with_members(
        {
            "name": {"type": "string"},
            "timeout": {"type": "integer"},
            "threshold": {"type": "double"},
            "enabled": {"type": "boolean"},
            "body": {"type": "blob"},
            "tags": {"type": "map", "key": {"type": "string"}, "value": {"type": "string"}},
            "Tags": {"type": "list", "member": PAIR},
            "keyTags": {"type": "list", "member": TAG},
            "inner": {"type": "structure", "members": {"DeadLetter": {"type": "string"}}},
        }
    )
    .build_model()
)


@pytest.mark.parametrize(
    "given, fitted",
    [
        ({"Name": "a"}, {"name": "a"}),
        ({"Name": {"Version": "2012-10-17"}}, {"name": '{"Version":"2012-10-17"}'}),
        ({"Timeout": "30"}, {"timeout": 30}),
        ({"Timeout": 30.0}, {"timeout": 30}),
        ({"Threshold": "0.5"}, {"threshold": 0.5}),
        ({"Enabled": "true"}, {"enabled": True}),
        ({"Enabled": "False"}, {"enabled": False}),
        ({"Body": "x"}, {"body": b"x"}),
        ({"KeyTags": [{"Key": "a", "Value": "b"}]}, {"keyTags": [{"TagKey": "a", "TagValue": "b"}]}),
        ({"KeyTags": {"a": "b"}}, {"keyTags": [{"TagKey": "a", "TagValue": "b"}]}),
        ({"Inner": {"deadLetter": "arn"}}, {"inner": {"DeadLetter": "arn"}}),
    ],
)
def test_a_value_takes_the_type_and_spelling_of_the_api(given, fitted):
    assert boto_fit(given, SHAPE) == fitted


@pytest.mark.parametrize(
    "given, message",
    [
        ({"Inner": {"Nope": 1}}, "property Inner.Nope is not known to the API"),
        ({"Nope": 1}, "property Nope is not known to the API"),
        ({"Timeout": "soon"}, "property Timeout is not a number"),
        ({"Timeout": 1.5}, "property Timeout is not a whole number"),
        ({"KeyTags": "x"}, "property KeyTags is not a list"),
        ({"Inner": "x"}, "property Inner is not an object"),
    ],
)
def test_a_property_that_the_api_cannot_take_is_named(given, message):
    with pytest.raises(UnfitError, match=message):
        boto_fit(given, SHAPE)


def test_tags_are_read_in_both_forms():
    assert as_map([{"Key": "a", "Value": "b"}]) == as_map({"a": "b"}) == {"a": "b"}
    assert as_map(None) == {}


def test_a_name_is_stack_logical_id_and_a_suffix_that_stays():
    name = physical_name("flights-dev-Data", "Drops4D66B0FE", 0, limit=64)
    assert name.startswith("flights-dev-Data-Drops4D66B0FE-")
    assert len(name.rpartition("-")[2]) == 12
    assert name == physical_name("flights-dev-Data", "Drops4D66B0FE", 0, limit=64)
    assert name != physical_name("flights-dev-Data", "Drops4D66B0FE", 1, limit=64)


@pytest.mark.parametrize("limit", [32, 63, 64, 80])
@pytest.mark.parametrize("stack, logical", [("s" * 100, "L" * 100), ("s", "L" * 100), ("s" * 100, "L")])
def test_a_name_keeps_to_the_limit_and_shows_both_its_parts(stack, logical, limit):
    name = physical_name(stack, logical, 0, limit=limit, lower=True, ending=".fifo")
    assert len(name) <= limit
    shown_stack, shown_logical, _ = name.split("-")
    assert name == name.lower() and name.endswith(".fifo") and shown_stack and shown_logical


def test_a_lifecycle_rule_gathers_what_cloudformation_spreads():
    rule = {
        "Status": "Enabled",
        "ExpirationInDays": 3,
        "Prefix": "tmp/",
        "TagFilters": [{"Key": "k", "Value": "v"}],
        "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 2}],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    }
    (found,) = SETTINGS["LifecycleConfiguration"].shape({"Rules": [rule]})["Rules"]
    assert found.pop("ID")
    assert found == {
        "Status": "Enabled",
        "Expiration": {"Days": 3},
        "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "k", "Value": "v"}]}},
        "Transitions": [{"StorageClass": "GLACIER", "Days": 2}],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
    }


def test_notifications_of_a_bucket_take_the_form_of_the_api():
    queue = {
        "Event": "s3:ObjectCreated:*",
        "Queue": "arn:q",
        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}},
    }
    assert notifications({"EventBridgeConfiguration": {}, "QueueConfigurations": [queue]}) == {
        "EventBridgeConfiguration": {},
        "QueueConfigurations": [
            {
                "Events": ["s3:ObjectCreated:*"],
                "QueueArn": "arn:q",
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
            }
        ],
    }
    assert notifications({"EventBridgeConfiguration": {"EventBridgeEnabled": False}}) == {}
