"""CloudFormation's functions, resolved by hand-made scopes."""

import pytest

from localcloud.deploy.intrinsics import Scope, TemplateError

TEMPLATE = {
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsNotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsNotProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsNotProd"}]},
    },
    "Mappings": {"Sizes": {"small": {"Memory": 128}}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Other": {"Type": "AWS::SQS::Queue"},
        "Unmade": {"Type": "AWS::SQS::Queue"},
    },
}
OUTPUTS = {("Data", "BucketName"): "drops"}


@pytest.fixture
def scope():
    made = Scope(
        TEMPLATE,
        names={"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "Stage": "dev"},
        output_of=lambda stack, name: OUTPUTS[stack, name],
        exported={"shared-topic": "arn:topic"}.__getitem__,
    )
    made.define("Queue", "https://queue", {"Arn": "arn:queue", "Nested.Name": "deep"})
    return made


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"Ref": "Queue"}, "https://queue"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::GetAtt": ["Queue", "Nested.Name"]}, "deep"),
        ({"Fn::Sub": "${AWS::AccountId}-${Queue.Arn}-${!Kept}"}, "123456789012-arn:queue-${Kept}"),
        ({"Fn::Sub": ["${Own}/${Stage}", {"Own": {"Ref": "Queue"}}]}, "https://queue/dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3, True]]}, "a-dev-3-true"),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::FindInMap": ["Sizes", "small", "Memory"]}, 128),
        ({"Fn::FindInMap": ["Sizes", "big", "Memory", {"DefaultValue": 1}]}, 1),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::ImportValue": {"Fn::Join": ["-", ["shared", "topic"]]}}, "arn:topic"),
        (
            {
                "Fn::GetStackOutput": {
                    "StackName": "Data",
                    "OutputName": "BucketName",
                    "Region": {"Ref": "AWS::Region"},
                }
            },
            "drops",
        ),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::Length": [1, 2]}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a":"dev"}'),
    ],
)
def test_a_function_gives_what_its_reference_says(scope, value, expected):
    assert scope.resolve(value) == expected


def test_no_value_leaves_a_property_and_a_list_item_out(scope):
    nothing = {"Fn::If": ["IsProd", "x", {"Ref": "AWS::NoValue"}]}
    assert scope.resolve({"a": 1, "b": nothing, "c": [nothing, 2]}) == {"a": 1, "c": [2]}


def test_the_condition_of_a_policy_is_data_and_not_a_function(scope):
    statement = {"Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}}
    assert scope.resolve([statement]) == [
        {"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}
    ]


def test_needs_are_those_of_the_branch_that_is_taken(scope):
    value = [
        {"Fn::If": ["IsProd", {"Ref": "Other"}, {"Fn::Sub": "${Queue.Arn}/${AWS::Region}"}]},
        {"Fn::GetAtt": ["Unmade", "Arn"]},
    ]
    assert scope.needs(value) == {"Queue", "Unmade"}


@pytest.mark.parametrize(
    "value, message",
    [
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, "the function Fn::Cidr is not known here"),
        ({"Ref": "Nobody"}, "no resource or parameter Nobody"),
        ({"Fn::Sub": "a-${Nobody}"}, "no resource or parameter Nobody"),
        ({"Fn::ImportValue": "unshared"}, "Fn::ImportValue finds no .*unshared"),
        ({"Ref": "Unmade"}, "Unmade is referred to but not part of this deployment"),
        ({"Fn::GetAtt": ["Queue", "Size"]}, r"attribute Size of Queue \(AWS::SQS::Queue\).*known: Arn"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select cannot be applied"),
        ({"Fn::If": ["Nope", 1, 2]}, "no condition Nope"),
        ({"Fn::FindInMap": ["Sizes", "big", "Memory"]}, "mapping Sizes has no big.Memory"),
        ({"Fn::Join": ["-", [{"a": 1}]]}, "is not text"),
        ("{{resolve:ssm:/a/b}}", "dynamic reference"),
        ({"Fn::GetStackOutput": {"StackName": "Gone", "OutputName": "X"}}, "finds no .*Gone"),
        (
            {"Fn::GetStackOutput": {"StackName": "Data", "OutputName": "BucketName", "Region": "eu-west-1"}},
            "only one region",
        ),
    ],
)
def test_what_cannot_be_resolved_is_named(scope, value, message):
    with pytest.raises(TemplateError, match=message):
        scope.resolve({"Property": value})
