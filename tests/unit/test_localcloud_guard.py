"""Policies evaluated, and the needs of calls: what a role must grant before a call may pass."""

from typing import Any

import pytest

from localcloud.front import s3_needs
from localcloud.front.need import ANY, Where
from localcloud.front.needs import needs
from localcloud.front.policies import decide, matcher, statements

WHERE = Where("123456789012", "us-east-1")
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/ledger"


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def decision(statement: Any, action: str, *resources: str, **context: Any):
    found = {name.replace("__", ":"): value for name, value in context.items()}
    return decide(statements([{"Statement": statement}]), action, resources or None, found)


def wanted(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    found = needs(service, operation, parameters, WHERE)
    return [(need.action, need.resources[0] if need.resources else "?") for need in found]


def test_nothing_is_allowed_unless_a_statement_says_so():
    assert not decision([], "s3:GetObject", "arn:aws:s3:::b/k").allowed


def test_a_wildcard_spans_slashes_and_colons_and_a_question_mark_is_one_character():
    covers = matcher(["arn:aws:s3:::data/in*/?.csv"])
    assert covers("arn:aws:s3:::data/incoming/2026/11/a.csv")
    assert not covers("arn:aws:s3:::data/incoming/ab")
    assert not matcher(["arn:aws:s3:::data/?"])("arn:aws:s3:::data/ab")
    assert not matcher(["a.c"])("abc"), "a dot is a dot"


def test_actions_ignore_case_and_resources_do_not():
    statement = allow("S3:getobject", "arn:aws:s3:::b/K")
    assert decision(statement, "s3:GetObject", "arn:aws:s3:::b/K").allowed
    assert not decision(statement, "s3:GetObject", "arn:aws:s3:::b/k").allowed


def test_an_explicit_deny_wins_over_any_allow():
    both = [allow("*", "*"), {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "arn:aws:s3:::b/keep/*"}]
    assert decision(both, "s3:DeleteObject", "arn:aws:s3:::b/drop").allowed
    denied = decision(both, "s3:DeleteObject", "arn:aws:s3:::b/keep/x")
    assert not denied.allowed
    assert denied.explicit_deny


def test_not_action_and_not_resource_cover_all_others():
    statement = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"}
    assert decision(statement, "s3:GetObject", "arn:aws:s3:::open/x").allowed
    assert not decision(statement, "iam:GetRole", "arn:aws:iam::1:role/r").allowed
    assert not decision(statement, "s3:GetObject", "arn:aws:s3:::secret/x").allowed


def test_a_resource_that_is_not_known_needs_the_action_only():
    assert decision(allow("kafka:Anything", "arn:some"), "kafka:Anything").allowed
    assert not decision(allow("kafka:Other", "*"), "kafka:Anything").allowed


@pytest.mark.parametrize(
    "condition, context, holds",
    [
        ({"StringEquals": {"cloudwatch:namespace": "Tidegate"}}, {"cloudwatch__namespace": "Tidegate"}, True),
        (
            {"StringEquals": {"cloudwatch:namespace": "Tidegate"}},
            {"cloudwatch__namespace": "tidegate"},
            False,
        ),
        ({"StringEquals": {"cloudwatch:Namespace": ["A", "B"]}}, {"cloudwatch__namespace": "B"}, True),
        ({"StringLike": {"s3:prefix": "drops/*"}}, {"s3__prefix": "drops/x"}, True),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {"s3__prefix": "a"}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws__securetransport": "true"}, True),
        (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r?"}},
            {"aws__principalarn": "arn:aws:iam::1:role/r1"},
            True,
        ),
        (
            {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["a"]}},
            {"dynamodb__leadingkeys": ["a", "b"]},
            False,
        ),
        (
            {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": ["a"]}},
            {"dynamodb__leadingkeys": ["a", "b"]},
            True,
        ),
        ({"StringEqualsIfExists": {"made:up": "x"}}, {}, True),
        ({"StringEquals": {"made:up": "x"}}, {}, False),
        ({"NoSuchOperator": {"s3:prefix": "x"}}, {"s3__prefix": "x"}, False),
        ({"Null": {"made:up": "true"}}, {}, True),
    ],
)
def test_an_allow_needs_its_conditions_to_hold(condition, context, holds):
    assert (
        decision(allow("*", "*", Condition=condition), "s3:ListBucket", "arn:aws:s3:::b", **context).allowed
        is holds
    )


def test_an_unmet_condition_is_named():
    statement = allow("*", "*", Condition={"StringEquals": {"aws:MadeUp": "x"}})
    assert decision(statement, "s3:GetObject", "arn").unmet == (
        "StringEquals aws:MadeUp: wants x, is not known here",
    )


def test_a_deny_whose_condition_does_not_hold_denies_nothing():
    insecure = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert decision([allow("*", "*"), insecure], "s3:GetObject", "arn", aws__securetransport="true").allowed


@pytest.mark.parametrize(
    "service, operation, parameters, expected",
    [
        ("dynamodb", "GetItem", {"TableName": "ledger"}, [("dynamodb:GetItem", TABLE)]),
        (
            "dynamodb",
            "Query",
            {"TableName": TABLE, "IndexName": "i"},
            [("dynamodb:Query", f"{TABLE}/index/i")],
        ),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"ledger": {}}}, [("dynamodb:BatchGetItem", TABLE)]),
        (
            "dynamodb",
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "ledger"}},
                    {"ConditionCheck": {"TableName": "ledger"}},
                ]
            },
            [("dynamodb:PutItem", TABLE), ("dynamodb:ConditionCheckItem", TABLE)],
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "predict", "Qualifier": "live"},
            [("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:predict:live")],
        ),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://127.0.0.1:1/123456789012/drops"},
            [("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:drops")],
        ),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "tidegate"}]},
            [("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default")],
        ),
        ("cloudwatch", "PutMetricData", {"Namespace": "Tidegate"}, [("cloudwatch:PutMetricData", "*")]),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t"}, [("states:SendTaskSuccess", "*")]),
        (
            "sagemaker-runtime",
            "InvokeEndpoint",
            {"EndpointName": "Flights"},
            [("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/Flights")],
        ),
        (
            "glue",
            "GetTable",
            {"DatabaseName": "lake", "Name": "flights"},
            [
                ("glue:GetTable", "arn:aws:glue:us-east-1:123456789012:catalog"),
                ("glue:GetTable", "arn:aws:glue:us-east-1:123456789012:database/lake"),
                ("glue:GetTable", "arn:aws:glue:us-east-1:123456789012:table/lake/flights"),
            ],
        ),
        ("sts", "GetCallerIdentity", {}, []),
        ("unheardof", "DoThings", {}, [("unheardof:DoThings", "?")]),
    ],
)
def test_a_call_needs_its_action_on_its_resource(service, operation, parameters, expected):
    assert wanted(service, operation, **parameters) == expected


def test_an_update_of_an_endpoint_needs_its_action_on_the_configuration_too():
    arn = "arn:aws:sagemaker:us-east-1:123456789012"
    assert wanted("sagemaker", "UpdateEndpoint", EndpointName="e", EndpointConfigName="c") == [
        ("sagemaker:UpdateEndpoint", f"{arn}:endpoint/e"),
        ("sagemaker:UpdateEndpoint", f"{arn}:endpoint-config/c"),
    ]


def test_creating_with_tags_needs_to_tag():
    job = "arn:aws:sagemaker:us-east-1:123456789012:training-job/t"
    assert wanted(
        "sagemaker", "CreateTrainingJob", TrainingJobName="t", Tags=[{"Key": "a", "Value": "b"}]
    ) == [
        ("sagemaker:CreateTrainingJob", job),
        ("sagemaker:AddTags", job),
    ]


def test_handing_a_role_on_needs_pass_role_for_that_service_wherever_the_role_stands():
    role = "arn:aws:iam::123456789012:role/train"
    found = needs(
        "sagemaker",
        "CreateHyperParameterTuningJob",
        {"HyperParameterTuningJobName": "t", "TrainingJobDefinition": {"RoleArn": role}},
        WHERE,
    )
    passed = found[-1]
    assert (passed.action, passed.resources) == ("iam:PassRole", (role,))
    assert passed.context == {"iam:passedtoservice": "sagemaker.amazonaws.com"}


def test_assuming_a_role_is_not_passing_it():
    role = "arn:aws:iam::123456789012:role/other"
    assert wanted("sts", "AssumeRole", RoleArn=role) == [("sts:AssumeRole", role)]


@pytest.mark.parametrize(
    "method, path, query, action, resource",
    [
        ("GET", "/b/k/a.csv", "", "GetObject", "b/k/a.csv"),
        ("GET", "/b/k", "versionId=1", "GetObjectVersion", "b/k"),
        ("HEAD", "/b/k", "", "GetObject", "b/k"),
        ("PUT", "/b/k", "", "PutObject", "b/k"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", "PutObject", "b/k"),
        ("POST", "/b/k", "uploads", "PutObject", "b/k"),
        ("DELETE", "/b/k", "uploadId=u", "AbortMultipartUpload", "b/k"),
        ("GET", "/b/k", "uploadId=u", "ListMultipartUploadParts", "b/k"),
        ("DELETE", "/b/k", "versionId=1", "DeleteObjectVersion", "b/k"),
        ("GET", "/b/k", "tagging&versionId=1", "GetObjectVersionTagging", "b/k"),
        ("PUT", "/b/k", "tagging", "PutObjectTagging", "b/k"),
        ("GET", "/b", "list-type=2&prefix=x", "ListBucket", "b"),
        ("GET", "/b/", "versions", "ListBucketVersions", "b"),
        ("HEAD", "/b", "", "ListBucket", "b"),
        ("GET", "/b", "location", "GetBucketLocation", "b"),
        ("PUT", "/b", "notification", "PutBucketNotification", "b"),
        ("PUT", "/b", "", "CreateBucket", "b"),
        ("DELETE", "/b", "", "DeleteBucket", "b"),
    ],
)
def test_an_s3_request_needs_the_action_of_its_method_and_sub_resource(method, path, query, action, resource):
    (need,) = s3_needs.needs(method, path, query, {})
    assert (need.action, need.resources) == (f"s3:{action}", (f"arn:aws:s3:::{resource}",))


def test_listing_all_buckets_has_no_resource():
    assert s3_needs.needs("GET", "/", "", {})[0].resources == ANY


def test_a_copy_needs_to_read_its_source_at_its_version():
    headers = {"x-amz-copy-source": "/from/a%20b?versionId=7"}
    assert [(need.action, need.resources) for need in s3_needs.needs("PUT", "/to/c", "", headers)] == [
        ("s3:PutObject", ("arn:aws:s3:::to/c",)),
        ("s3:GetObjectVersion", ("arn:aws:s3:::from/a b",)),
    ]


def test_a_listing_tells_its_prefix_to_the_conditions():
    (need,) = s3_needs.needs("GET", "/b", "list-type=2&prefix=drops%2F", {})
    assert need.context["s3:prefix"] == "drops/"
