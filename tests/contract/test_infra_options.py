"""What the configuration may switch: a key of the account's own, tokens, an email; no signed artefacts."""

import shutil

import pytest
from synthesized import FLIGHTS, listed, templates_of

LOCKED = """
[environments.locked]
customer_key = true

[environments.locked.training]
sign = false

[environments.locked.serving]
auth = "jwt"
jwt_issuer = "https://issuer.example.com"
jwt_audience = "flights"

[environments.locked.alarms]
email = "owner@example.com"
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """The example in an environment that switches all of them on."""
    from infra.app import synth

    folder = tmp_path_factory.mktemp("locked")
    pipeline = folder / "flights"
    shutil.copytree(FLIGHTS, pipeline, ignore=shutil.ignore_patterns("__pycache__"))
    with (pipeline / "pipeline.toml").open("a") as file:
        file.write(LOCKED)
    return templates_of(synth(pipeline, "locked", folder / "cdk.out"))


def test_everything_kept_and_every_message_is_encrypted_by_the_key(locked):
    [key_id] = locked.of("AWS::KMS::Key")
    for bucket in locked.of("AWS::S3::Bucket").values():
        [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": [key_id, "Arn"]}
        assert rule["BucketKeyEnabled"] is True
    for table in locked.of("AWS::DynamoDB::Table").values():
        assert table["Properties"]["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert all("KmsMasterKeyId" in queue["Properties"] for queue in locked.of("AWS::SQS::Queue").values())
    assert all("KmsMasterKeyId" in topic["Properties"] for topic in locked.of("AWS::SNS::Topic").values())


def test_the_key_is_kept_and_turned(locked):
    [key] = locked.of("AWS::KMS::Key").values()
    assert (key["DeletionPolicy"], key["Properties"]["EnableKeyRotation"]) == ("Retain", True)


def test_every_function_machine_and_job_may_use_the_key(locked):
    services = ("lambda", "states", "sagemaker")
    roles = {
        id_
        for id_, role in locked.of("AWS::IAM::Role").items()
        if role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"].split(".")[
            0
        ]
        in services
    }
    assert len(roles) == 46  # 35 functions, 7 machines, 3 of SageMaker and that of the MLflow App
    for role in roles:
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= locked.actions_of(role), role


def test_aws_may_put_messages_into_encrypted_queues_of_this_account_only(locked):
    [key] = locked.of("AWS::KMS::Key").values()
    services = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    ]
    assert {name for s in services for name in listed(s["Principal"]["Service"])} == {
        "events.amazonaws.com",
        "cloudwatch.amazonaws.com",
    }
    assert all("aws:SourceAccount" in s["Condition"]["StringEquals"] for s in services)


def test_without_the_switch_there_is_no_key(any_templates):
    keys = any_templates.of("AWS::KMS::Key").values()
    assert [key["Properties"].get("KeyUsage") for key in keys] == ["SIGN_VERIFY"]  # of artefacts
    held = {a for id_ in any_templates.of("AWS::IAM::Role") for a in any_templates.actions_of(id_)}
    assert {a for a in held if a.startswith("kms:")} == {"kms:Sign", "kms:Verify"}


def test_a_pipeline_that_does_not_sign_has_no_key_for_it_and_nobody_may_use_one(locked):
    assert not [k for k in locked.of("AWS::KMS::Key").values() if "KeyUsage" in k["Properties"]]
    held = {a for id_ in locked.of("AWS::IAM::Role") for a in locked.actions_of(id_)}
    assert not {"kms:Sign", "kms:Verify"} & held
    [training] = [
        machine["Properties"]["DefinitionSubstitutions"]
        for machine in locked.of("AWS::StepFunctions::StateMachine").values()
        if "SigningKey" in machine["Properties"]["DefinitionSubstitutions"]
    ]
    assert training["SigningKey"] == ""


def test_routes_ask_for_tokens_of_the_issuer(locked):
    [authorizer] = locked.of("AWS::ApiGatewayV2::Authorizer").values()
    assert authorizer["Properties"]["JwtConfiguration"] == {
        "Issuer": "https://issuer.example.com",
        "Audience": ["flights"],
    }
    routes = locked.of("AWS::ApiGatewayV2::Route").values()
    assert {route["Properties"]["AuthorizationType"] for route in routes} == {"JWT"}


def test_a_person_is_told_by_email(locked, templates):
    [subscription] = locked.of("AWS::SNS::Subscription").values()
    assert subscription["Properties"]["Protocol"] == "email"
    assert subscription["Properties"]["Endpoint"] == "owner@example.com"
    assert templates.of("AWS::SNS::Subscription") == {}
