"""The settings of a bucket: CloudFormation's property, S3's pair of operations and how the two spell it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from localcloud.deploy.fit import UnfitError, call


class Setting(NamedTuple):
    """How one property of a bucket is put and undone."""

    put: str
    parameter: str
    undo: str = ""
    neutral: Any = None  # what to put where there is no operation to undo it
    shape: Callable[[Any], Any] = lambda value: value

    def apply(self, bucket: str, value: Any) -> None:
        call("s3", self.put, Bucket=bucket, **{self.parameter: self.shape(value)})

    def revert(self, bucket: str) -> None:
        if self.undo:
            call("s3", self.undo, Bucket=bucket)
        else:
            call("s3", self.put, Bucket=bucket, **{self.parameter: self.neutral})


def _encryption(value: Mapping[str, Any]) -> dict[str, Any]:
    rules = value["ServerSideEncryptionConfiguration"]
    return {
        "Rules": [
            _renamed(rule, {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"})
            for rule in rules
        ]
    }


def _cors(value: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    return {"CORSRules": [_renamed(rule, names) for rule in value["CorsRules"]]}


def _lifecycle(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in value["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation spreads over the rule what S3 gathers in Expiration and Filter."""
    expiration = {
        name: rule.pop(key)
        for key, name in {
            "ExpirationInDays": "Days",
            "ExpirationDate": "Date",
            "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
        }.items()
        if key in rule
    }
    conditions: dict[str, Any] = {
        name: rule.pop(name)
        for name in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
        if name in rule
    }
    if "TagFilters" in rule:
        conditions["Tags"] = rule.pop("TagFilters")
    if "NoncurrentVersionExpirationInDays" in rule:
        days = rule.pop("NoncurrentVersionExpirationInDays")
        rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    for many, one in (
        ("Transitions", "Transition"),
        ("NoncurrentVersionTransitions", "NoncurrentVersionTransition"),
    ):
        found = [*rule.pop(many, []), *([rule.pop(one)] if one in rule else [])]
        if found:
            names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
            rule[many] = [_renamed(item, names if many == "Transitions" else _NONCURRENT) for item in found]
    if expiration:
        rule["Expiration"] = expiration
    rule["ID"] = rule.pop("Id", None) or _rule_id(rule, conditions)
    rule["Filter"] = _filter(conditions)
    return rule


_NONCURRENT = {"TransitionInDays": "NoncurrentDays"}


def _rule_id(rule: Mapping[str, Any], conditions: Mapping[str, Any]) -> str:
    return "-".join([*sorted(rule.keys() - {"Status"}), *map(str, conditions.values())])[:255]


def _filter(conditions: dict[str, Any]) -> dict[str, Any]:
    if not conditions:
        return {"Prefix": ""}
    if conditions.keys() == {"Tags"} and len(conditions["Tags"]) == 1:
        return {"Tag": conditions["Tags"][0]}
    return conditions if len(conditions) == 1 and "Tags" not in conditions else {"And": conditions}


def notifications(value: Mapping[str, Any]) -> dict[str, Any]:
    """NotificationConfiguration of a bucket, in the form of the API."""
    left = dict(value)
    switched = left.pop("EventBridgeConfiguration", None)
    found: dict[str, Any] = {}
    if switched is not None and switched.get("EventBridgeEnabled", True) in (True, "true"):
        found["EventBridgeConfiguration"] = {}
    for name, target, api_name, api_target in (
        ("LambdaConfigurations", "Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ("QueueConfigurations", "Queue", "QueueConfigurations", "QueueArn"),
        ("TopicConfigurations", "Topic", "TopicConfigurations", "TopicArn"),
    ):
        if name in left:
            found[api_name] = [
                {"Events": [entry["Event"]], api_target: entry[target], **_key_filter(entry)}
                for entry in left.pop(name)
            ]
    if left:
        raise UnfitError(f"property NotificationConfiguration.{next(iter(left))} is not honoured here")
    return found


def _key_filter(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "Filter" not in entry:
        return {}
    return {"Filter": {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}}


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): item for name, item in value.items()}


SETTINGS = {
    "BucketEncryption": Setting(
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "delete_bucket_encryption",
        shape=_encryption,
    ),
    "CorsConfiguration": Setting("put_bucket_cors", "CORSConfiguration", "delete_bucket_cors", shape=_cors),
    "LifecycleConfiguration": Setting(
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        "delete_bucket_lifecycle",
        shape=_lifecycle,
    ),
    "NotificationConfiguration": Setting(
        "put_bucket_notification_configuration", "NotificationConfiguration", neutral={}, shape=notifications
    ),
    "ObjectLockConfiguration": Setting(
        "put_object_lock_configuration", "ObjectLockConfiguration", neutral={"ObjectLockEnabled": "Enabled"}
    ),
    "OwnershipControls": Setting(
        "put_bucket_ownership_controls", "OwnershipControls", "delete_bucket_ownership_controls"
    ),
    "PublicAccessBlockConfiguration": Setting(
        "put_public_access_block", "PublicAccessBlockConfiguration", "delete_public_access_block"
    ),
    "Tags": Setting(
        "put_bucket_tagging", "Tagging", "delete_bucket_tagging", shape=lambda value: {"TagSet": value}
    ),
    "VersioningConfiguration": Setting(
        "put_bucket_versioning", "VersioningConfiguration", neutral={"Status": "Suspended"}
    ),
}
