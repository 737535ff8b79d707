"""Tags of resources that exist, through each service's own pair of operations."""

from typing import Any, NamedTuple

from localcloud.deploy.fit import call


class _Api(NamedTuple):
    tag: str
    untag: str
    identifier: str
    keys: str = "TagKeys"


_APIS = {
    "apigatewayv2": _Api("tag_resource", "untag_resource", "ResourceArn"),
    "cloudwatch": _Api("tag_resource", "untag_resource", "ResourceARN"),
    "dynamodb": _Api("tag_resource", "untag_resource", "ResourceArn"),
    "events": _Api("tag_resource", "untag_resource", "ResourceARN"),
    "iam": _Api("tag_role", "untag_role", "RoleName"),
    "kms": _Api("tag_resource", "untag_resource", "KeyId"),
    "lambda": _Api("tag_resource", "untag_resource", "Resource"),
    "logs": _Api("tag_log_group", "untag_log_group", "logGroupName", "tags"),
    "sagemaker": _Api("add_tags", "delete_tags", "ResourceArn"),
    "scheduler": _Api("tag_resource", "untag_resource", "ResourceArn"),
    "secretsmanager": _Api("tag_resource", "untag_resource", "SecretId"),
    "sns": _Api("tag_resource", "untag_resource", "ResourceArn"),
    "sqs": _Api("tag_queue", "untag_queue", "QueueUrl"),
    "stepfunctions": _Api("tag_resource", "untag_resource", "resourceArn", "tagKeys"),
}


def change(service: str, identifier: str, old: Any, new: Any) -> None:
    """Make the tags `new` of what had the tags `old`; both as CloudFormation writes them, or None."""
    api = _APIS[service]
    before, after = as_map(old), as_map(new)
    if gone := sorted(before.keys() - after.keys()):
        call(service, api.untag, **{api.identifier: identifier, api.keys: gone})
    if after != before and after:
        call(service, api.tag, **{api.identifier: identifier, "Tags": after})


def as_map(tags: Any) -> dict[str, str]:
    """Tags as one object; CloudFormation writes most as a list of Key and Value."""
    if isinstance(tags, dict):
        return tags
    return {tag["Key"]: tag["Value"] for tag in tags or ()}
