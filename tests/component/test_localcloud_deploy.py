"""Hand-written assemblies deployed into a server of the local cloud, read back through plain clients."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from written_assembly import TRUST, App, changes, function, physical

from localcloud import server
from localcloud.deploy.deployment import Change
from localcloud.deploy.engine import DeployError
from localcloud.errors import CloudError

ASSETS = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"


@pytest.fixture(scope="module")
def running():
    with server.start(names=("events", "cloudformation")) as cloud:
        yield cloud


@pytest.fixture
def client(running):
    return running.cloud.client


@pytest.fixture
def app(running, tmp_path):
    return App(tmp_path)


def test_two_stacks_share_values_by_output_and_by_export(app, client):
    app.stack(
        "Jobs",
        {
            "Reader": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Type": "String",
                    "Value": {
                        "Fn::GetStackOutput": {
                            "StackName": app.name("Data"),
                            "OutputName": "DropsArn",
                            "Region": {"Ref": "AWS::Region"},
                        }
                    },
                },
            },
            "Importer": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::ImportValue": f"{app.prefix}-drops"}},
            },
        },
        needs=["Data"],
    )
    app.stack(
        "Data",
        {"Drops": {"Type": "AWS::S3::Bucket"}},
        Outputs={
            "DropsArn": {"Value": {"Fn::GetAtt": ["Drops", "Arn"]}},
            "Drops": {"Value": {"Ref": "Drops"}, "Export": {"Name": f"{app.prefix}-drops"}},
        },
    )
    deployment = app.deploy()

    bucket = physical(deployment, "Drops")
    values = [
        client("ssm").get_parameter(Name=physical(deployment, each))["Parameter"]["Value"]
        for each in ("Reader", "Importer")
    ]
    assert values == [f"arn:aws:s3:::{bucket}", bucket]
    assert deployment.outputs[app.name("Data")] == {"DropsArn": f"arn:aws:s3:::{bucket}", "Drops": bucket}
    assert [stack.name for stack in deployment.stacks] == [app.name("Data"), app.name("Jobs")]


def test_a_bucket_has_what_its_template_says(app, client):
    app.stack(
        "Data",
        {
            "Drops": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": "3"}]},
                    "Tags": [{"Key": "pipeline", "Value": "flights"}],
                },
            },
        },
    )
    bucket = physical(app.deploy(), "Drops")
    s3 = client("s3")
    assert bucket.startswith(f"{app.prefix}-data-drops-")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"] == {"Days": 3}
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "pipeline", "Value": "flights"}]


@pytest.mark.parametrize("by_custom_resource", [False, True], ids=["property", "custom-resource"])
def test_a_bucket_that_is_switched_to_eventbridge_tells_of_its_objects(app, client, by_custom_resource):
    switch = {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}
    drops = {"Type": "AWS::S3::Bucket"}
    resources = {
        "Drops": drops if by_custom_resource else {**drops, "Properties": switch},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "detail-type": ["Object Created"],
                    "detail": {"bucket": {"name": [{"Ref": "Drops"}]}},
                },
                "Targets": [{"Id": "Queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
            },
        },
    }
    if by_custom_resource:
        switched = {"ServiceToken": "arn", "BucketName": {"Ref": "Drops"}, "Managed": True, **switch}
        resources["Switch"] = {"Type": "Custom::S3BucketNotifications", "Properties": switched}
    app.stack("Data", resources)
    deployment = app.deploy()

    client("s3").put_object(Bucket=physical(deployment, "Drops"), Key="a.csv", Body=b"1")
    queue = physical(deployment, "Queue")
    (message,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "a.csv"


def test_a_policy_that_denies_plain_http_is_kept_but_does_not_stop_anybody_here(app, client):
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": {"Fn::Sub": "${Drops.Arn}/*"},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Bucket": {"Ref": "Drops"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [deny]}}
    app.stack(
        "Data",
        {
            "Drops": {"Type": "AWS::S3::Bucket"},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
        },
    )
    bucket = physical(app.deploy(), "Drops")
    client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    (kept,) = json.loads(client("s3").get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert kept["Condition"] == deny["Condition"]


def test_code_is_zipped_from_its_folder_and_image_functions_keep_their_uri(app, client):
    source = app.folder / "asset.code"
    source.mkdir()
    (source / "app.py").write_text("def handler(event, context): return 1")
    uri = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/repository:tag"
    app.stack(
        "Jobs",
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Zip": function(
                Code={"S3Bucket": {"Fn::Sub": ASSETS}, "S3Key": f"{app.prefix}.zip"},
                Handler="app.handler",
                Timeout="20",
                ReservedConcurrentExecutions=2,
            ),
            "Image": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {"ImageUri": {"Fn::Sub": uri}},
                    "PackageType": "Image",
                    "ImageConfig": {"Command": ["app.handler"]},
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                },
            },
        },
        files={
            app.prefix: {
                "source": {"path": "asset.code", "packaging": "zip"},
                "destinations": {"here": {"bucketName": ASSETS, "objectKey": f"{app.prefix}.zip"}},
            }
        },
    )
    deployment = app.deploy()
    zipped = client("lambda").get_function(FunctionName=physical(deployment, "Zip"))
    assert (zipped["Configuration"]["Handler"], zipped["Configuration"]["Timeout"]) == ("app.handler", 20)
    assert zipped["Concurrency"]["ReservedConcurrentExecutions"] == 2
    image = client("lambda").get_function(FunctionName=physical(deployment, "Image"))
    assert image["Code"]["ImageUri"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/repository:tag"


def test_a_machine_gets_its_substitutions_and_a_rule_its_targets(app, client):
    definition = json.dumps(
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${Mark}", "End": True}}}
    )
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    app.stack(
        "Jobs",
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": definition,
                    "DefinitionSubstitutions": {"Mark": {"Fn::GetAtt": ["Role", "RoleId"]}},
                    "RoleArn": role,
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"source": ["aws.s3"], "detail-type": ["Object Created"]},
                    "Targets": [{"Id": "Machine", "Arn": {"Ref": "Machine"}, "RoleArn": role}],
                },
            },
        },
    )
    deployment = app.deploy()
    machine = physical(deployment, "Machine")
    found = json.loads(client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"])
    assert found["States"]["A"]["Result"].startswith("A")  # a role id: AROA...
    (target,) = client("events").list_targets_by_rule(Rule=physical(deployment, "Rule"))["Targets"]
    assert target["Arn"] == machine


def test_an_api_answers_below_the_address_of_this_cloud(app, running):
    app.stack(
        "Api",
        {
            "Http": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Name": "predict", "ProtocolType": "HTTP"},
            }
        },
        Outputs={"Url": {"Value": {"Fn::GetAtt": ["Http", "ApiEndpoint"]}}},
    )
    deployment = app.deploy()
    api = physical(deployment, "Http")
    assert deployment.outputs[app.name("Api")]["Url"] == f"{running.url}/_aws/execute-api/{api}"


def test_roles_carry_inline_managed_and_awss_own_policies(app, client):
    def document(action):
        return {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
        }

    aws_own = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    app.stack(
        "Jobs",
        {
            "Managed": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": document("s3:GetObject")},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": TRUST,
                    "ManagedPolicyArns": [{"Ref": "Managed"}, aws_own],
                    "Policies": [{"PolicyName": "own", "PolicyDocument": document("sqs:SendMessage")}],
                },
            },
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "PolicyName": "more",
                    "PolicyDocument": document("sns:Publish"),
                    "Roles": [{"Ref": "Role"}],
                },
            },
        },
    )
    deployment = app.deploy()
    role = physical(deployment, "Role")
    attached = client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert {each["PolicyArn"] for each in attached} == {physical(deployment, "Managed"), aws_own}
    assert sorted(client("iam").list_role_policies(RoleName=role)["PolicyNames"]) == ["more", "own"]


def test_deploying_the_same_again_leaves_everything_alone(app):
    app.stack("Data", {"Drops": {"Type": "AWS::S3::Bucket"}, "Queue": {"Type": "AWS::SQS::Queue"}})
    first, second = app.deploy(), app.deploy()
    assert changes(first) == {"Drops": "created", "Queue": "created"}
    assert changes(second) == {"Drops": "unchanged", "Queue": "unchanged"}
    assert physical(first, "Drops") == physical(second, "Drops")
    assert second.count(Change.UNCHANGED) == len(second.resources) == 2


def test_a_changed_app_updates_in_place_what_it_can_and_deletes_what_is_gone(app, client):
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}
    app.stack(
        "Jobs",
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Worker": function(Timeout=10, Environment={"Variables": {"MODE": "1"}}),
            "Queue": queue,
            "Topic": {"Type": "AWS::SNS::Topic"},
        },
    )
    first = app.deploy()
    topic = physical(first, "Topic")
    app.stack(
        "Jobs",
        {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Worker": function(Timeout=11),
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Extra": {"Type": "AWS::SQS::Queue"},
        },
    )
    second = app.deploy()
    assert changes(second) == {
        "Role": "unchanged",
        "Worker": "updated",
        "Queue": "updated",
        "Extra": "created",
        "Topic": "deleted",
    }
    assert physical(first, "Worker") == physical(second, "Worker")
    found = client("lambda").get_function_configuration(FunctionName=physical(second, "Worker"))
    assert (found["Timeout"], found.get("Environment", {}).get("Variables", {})) == (11, {})
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=physical(second, "Queue"), AttributeNames=["All"]
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "30"  # SQS's default
    with pytest.raises(ClientError, match="NotFound"):
        client("sns").get_topic_attributes(TopicArn=topic)


def test_what_cannot_change_is_replaced_under_a_new_name_and_its_users_follow(app, client):
    def ledger(key):
        return {
            "Ledger": {
                "Type": "AWS::DynamoDB::GlobalTable",
                "Properties": {
                    "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "Replicas": [{"Region": {"Ref": "AWS::Region"}}],
                },
            },
            "Where": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Ref": "Ledger"}},
            },
        }

    app.stack("Data", ledger("pk"))
    before = physical(app.deploy(), "Ledger")
    app.stack("Data", ledger("claim"))
    deployment = app.deploy()
    after = physical(deployment, "Ledger")

    assert before != after and changes(deployment) == {"Ledger": "updated", "Where": "updated"}
    where = client("ssm").get_parameter(Name=physical(deployment, "Where"))
    assert where["Parameter"]["Value"] == after
    tables = client("dynamodb").list_tables()["TableNames"]
    assert after in tables and before not in tables


def test_what_is_named_by_its_template_is_replaced_under_that_name(app, client):
    def named(fifo_name, key):
        return {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": fifo_name,
                    "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                    "BillingMode": "PAY_PER_REQUEST",
                },
            }
        }

    name = f"{app.prefix}-state"
    app.stack("Data", named(name, "old"))
    app.deploy()
    app.stack("Data", named(name, "new"))
    assert physical(app.deploy(), "Table") == name
    table = client("dynamodb").describe_table(TableName=name)["Table"]
    assert table["KeySchema"] == [{"AttributeName": "new", "KeyType": "HASH"}]


def test_what_the_template_retains_stays_when_the_template_drops_it(app, client):
    queue = {"Type": "AWS::SQS::Queue"}
    app.stack("Data", {"Kept": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}, "Queue": queue})
    bucket = physical(app.deploy(), "Kept")
    app.stack("Data", {"Queue": queue})
    app.deploy()
    client("s3").head_bucket(Bucket=bucket)


def test_conditions_decide_what_is_there(app):
    sections = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Outputs": {"Prod": {"Condition": "IsProd", "Value": {"Ref": "Prod"}}},
    }
    app.stack(
        "Data",
        {
            "Prod": {"Type": "AWS::SQS::Queue", "Condition": "IsProd"},
            "Dev": {"Type": "AWS::SQS::Queue", "DependsOn": ["Prod"]},
        },
        **sections,
    )
    deployment = app.deploy()
    assert changes(deployment) == {"Dev": "created"} and deployment.outputs[app.name("Data")] == {}


@pytest.mark.parametrize(
    "resource, cause",
    [
        ({"Type": "AWS::ECS::Cluster"}, "does not know this type"),
        (
            {"Type": "AWS::S3::Bucket", "Properties": {"ReplicationConfiguration": {}}},
            "property ReplicationConfiguration is not honoured here",
        ),
        (
            {"Type": "AWS::Events::EventBus", "Properties": {"Name": "b", "Colour": "red"}},
            "property Colour is not known to the API",
        ),
        ({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Nobody"}}}, "parameter Nobody"),
        ({"Type": "AWS::SQS::Queue", "DependsOn": "Nobody"}, "depends on Nobody"),
        (
            {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b"}},
            "property PolicyDocument is missing",
        ),
        (
            {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": TRUST,
                    "ManagedPolicyArns": ["arn:aws:iam::aws:policy/NoSuchPolicy"],
                },
            },
            "no policy arn:aws:iam::aws:policy/NoSuchPolicy",
        ),
    ],
)
def test_what_cannot_be_honoured_stops_the_deployment_and_is_named(app, resource, cause):
    app.stack("Data", {"Wrong": resource})
    with pytest.raises(DeployError) as caught:
        app.deploy()
    assert cause in str(caught.value)
    assert f"{app.name('Data')}/Wrong ({resource['Type']})" in str(caught.value)


def test_resources_that_wait_for_each_other_are_named(app):
    app.stack(
        "Data",
        {
            "A": {"Type": "AWS::SQS::Queue", "DependsOn": "B"},
            "B": {"Type": "AWS::SQS::Queue", "DependsOn": "A"},
        },
    )
    with pytest.raises(DeployError, match="wait for each other"):
        app.deploy()


def test_what_failed_half_made_is_made_anew_by_the_next_deployment(app, client):
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    wrong = {**role["Properties"], "ManagedPolicyArns": ["arn:aws:iam::aws:policy/NoSuchPolicy"]}
    app.stack("Data", {"Role": {**role, "Properties": wrong}})
    with pytest.raises(DeployError):
        app.deploy()
    app.stack("Data", {"Role": role})
    client("iam").get_role(RoleName=physical(app.deploy(), "Role"))


def test_a_deployment_goes_on_where_the_last_one_failed(app):
    queue = {"Type": "AWS::SQS::Queue"}
    broken = {"Type": "AWS::SQS::Queue", "Properties": {"Depth": 3}, "DependsOn": "Queue"}
    app.stack("Data", {"Queue": queue, "Other": broken})
    with pytest.raises(DeployError):
        app.deploy()
    app.stack("Data", {"Queue": queue, "Other": queue})
    deployment = app.deploy()
    assert changes(deployment) == {"Queue": "unchanged", "Other": "created"}
    assert deployment.stacks[0].status == "CREATE_COMPLETE"


def test_an_asset_that_is_not_in_the_assembly_is_named(app):
    destination = {"bucketName": ASSETS, "objectKey": f"{app.prefix}.zip"}
    missing = {"source": {"path": "asset.gone", "packaging": "zip"}, "destinations": {"here": destination}}
    app.stack("Data", {"Queue": {"Type": "AWS::SQS::Queue"}}, files={"gone": missing})
    with pytest.raises(CloudError, match="asset gone is not in the assembly"):
        app.deploy()


def test_seventy_resources_take_at_most_three_seconds_of_this_process(app):
    resources = {f"Queue{n}": {"Type": "AWS::SQS::Queue"} for n in range(40)}
    resources |= {
        f"Role{n}": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
        for n in range(30)
    }
    app.stack("Data", resources)
    begun = time.process_time()  # not of the wall: other processes share this machine
    assert len(app.deploy().resources) == 70
    assert time.process_time() - begun <= 3.0
