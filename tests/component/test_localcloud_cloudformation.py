"""Deployed stacks as plain CloudFormation clients see them."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from localcloud import server
from localcloud.deploy import deploy_assembly


@pytest.fixture(scope="module")
def running():
    with server.start(names=("cloudformation",)) as cloud:
        yield cloud


@pytest.fixture
def cloudformation(running):
    return running.cloud.client("cloudformation")


@pytest.fixture
def deploy(running, tmp_path):
    """Deploy a template as the stack of a name that is new each time."""
    name = f"stack-{uuid.uuid4().hex[:8]}"

    def deploy_template(**template):
        (tmp_path / "S.template.json").write_text(json.dumps(template))
        properties = {"templateFile": "S.template.json", "stackName": name, "tags": {"pipeline": "flights"}}
        manifest = {"artifacts": {"S": {"type": "aws:cloudformation:stack", "properties": properties}}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        deploy_assembly(tmp_path)
        return name

    return deploy_template


QUEUE = {"Type": "AWS::SQS::Queue", "Metadata": {"aws:cdk:path": "app/Queue"}}


def test_a_stack_is_described_with_its_outputs(cloudformation, deploy):
    export = f"export-{uuid.uuid4().hex[:8]}"
    name = deploy(
        Description="a stack of one queue",
        Resources={"Queue": QUEUE},
        Outputs={
            "Name": {
                "Value": {"Fn::GetAtt": ["Queue", "QueueName"]},
                "Description": "its name",
                "Export": {"Name": export},
            }
        },
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    (output,) = stack["Outputs"]
    assert (stack["StackName"], stack["StackStatus"]) == (name, "CREATE_COMPLETE")
    assert stack["Description"] == "a stack of one queue"
    assert stack["Tags"] == [{"Key": "pipeline", "Value": "flights"}]
    assert output["OutputKey"] == "Name" and output["OutputValue"].startswith(f"{name}-Queue-")
    assert (output["Description"], output["ExportName"]) == ("its name", export)
    assert cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"] == [stack]
    exports = {each["Name"]: each["Value"] for each in cloudformation.list_exports()["Exports"]}
    assert exports[export] == output["OutputValue"]


def test_an_updated_stack_says_so_and_when(cloudformation, deploy):
    deploy(Resources={"Queue": QUEUE})
    name = deploy(Resources={"Queue": {**QUEUE, "Properties": {"DelaySeconds": 5}}})
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    (resource,) = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert stack["StackStatus"] == resource["ResourceStatus"] == "UPDATE_COMPLETE"
    assert stack["LastUpdatedTime"] >= resource["LastUpdatedTimestamp"] > stack["CreationTime"]


def test_a_failed_stack_says_why(cloudformation, deploy):
    with pytest.raises(Exception, match="cannot be created"):
        deploy(Resources={"Queue": {**QUEUE, "Properties": {"Depth": 1}}})
    stacks = cloudformation.list_stacks(StackStatusFilter=["CREATE_FAILED"])["StackSummaries"]
    assert any("Queue (AWS::SQS::Queue) cannot be created" in each["StackStatusReason"] for each in stacks)


def test_every_stack_is_listed(cloudformation, deploy):
    name = deploy(Resources={"Queue": QUEUE})
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["CREATE_COMPLETE"])
    assert name in [each["StackName"] for page in pages for each in page["StackSummaries"]]


def test_resources_are_listed_in_pages_of_a_hundred(cloudformation, deploy):
    name = deploy(Resources={f"Queue{n}": QUEUE for n in range(101)})
    pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=name))
    assert [len(page["StackResourceSummaries"]) for page in pages] == [100, 1]
    assert {each["ResourceType"] for page in pages for each in page["StackResourceSummaries"]} == {
        "AWS::SQS::Queue"
    }


def test_resources_are_described_by_stack_by_logical_id_and_by_physical_id(cloudformation, deploy):
    name = deploy(Resources={"Queue": QUEUE, "Other": QUEUE})
    both = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    assert {each["LogicalResourceId"] for each in both} == {"Queue", "Other"}
    (one,) = cloudformation.describe_stack_resources(StackName=name, LogicalResourceId="Queue")[
        "StackResources"
    ]
    url = one["PhysicalResourceId"]
    (same,) = cloudformation.describe_stack_resources(PhysicalResourceId=url)["StackResources"]
    assert same == one and same["StackName"] == name
    detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Queue")
    assert json.loads(detail["StackResourceDetail"]["Metadata"]) == {"aws:cdk:path": "app/Queue"}
    assert detail["StackResourceDetail"]["PhysicalResourceId"] == url


def test_the_template_comes_back_as_it_was(cloudformation, deploy):
    name = deploy(Resources={"Queue": QUEUE})
    assert cloudformation.get_template(StackName=name)["TemplateBody"] == {"Resources": {"Queue": QUEUE}}


@pytest.mark.parametrize(
    "operation, parameters, message",
    [
        ("describe_stacks", {"StackName": "gone"}, "Stack with id gone does not exist"),
        ("list_stack_resources", {"StackName": "gone"}, "Stack 'gone' does not exist"),
        ("get_template", {"StackName": "gone"}, "Stack 'gone' does not exist"),
        ("describe_stack_resources", {"PhysicalResourceId": "gone"}, "Stack for gone does not exist"),
        ("delete_stack", {"StackName": "gone"}, "deployed from a cloud assembly"),
        ("create_stack", {"StackName": "new", "TemplateBody": "{}"}, "deployed from a cloud assembly"),
    ],
)
def test_what_is_not_there_or_not_done_here_is_a_validation_error(
    cloudformation, operation, parameters, message
):
    with pytest.raises(ClientError, match=message) as caught:
        getattr(cloudformation, operation)(**parameters)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_resource_that_is_not_in_the_stack_is_a_validation_error(cloudformation, deploy):
    name = deploy(Resources={"Queue": QUEUE})
    with pytest.raises(ClientError, match=f"Resource Nope does not exist for stack {name}"):
        cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Nope")
