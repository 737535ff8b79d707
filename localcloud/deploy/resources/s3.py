"""S3: buckets, their policies, and the CDK's custom resources that act on them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud import cloud
from localcloud.deploy.fit import call
from localcloud.deploy.resource import Handler, How, Made, Resource
from localcloud.deploy.resources.s3_settings import SETTINGS

_ACLS = {
    "AuthenticatedRead": "authenticated-read",
    "LogDeliveryWrite": "log-delivery-write",
    "Private": "private",
    "PublicRead": "public-read",
    "PublicReadWrite": "public-read-write",
}
_AT_CREATION = {"AccessControl", "BucketName", "ObjectLockEnabled"}


class Bucket(Handler):
    type = "AWS::S3::Bucket"
    how = How.EXECUTED
    why = "objects, versions, multipart uploads and notifications work over HTTP"
    named_by = "BucketName"
    replaced_by = frozenset({"ObjectLockEnabled"})
    no_effect: ClassVar = {
        "AccelerateConfiguration": "there is no edge to be near to",
        "AnalyticsConfigurations": "no analysis is made",
        "IntelligentTieringConfigurations": "there is one storage class",
        "InventoryConfigurations": "no inventory is written",
        "LoggingConfiguration": "no access logs are written",
        "MetricsConfigurations": "no request metrics are made",
    }
    kept_only: ClassVar = {"LifecycleConfiguration": "nothing expires"}

    def create(self, resource: Resource) -> Made:
        properties = resource.properties
        self.refuse({n: v for n, v in properties.items() if n not in SETTINGS.keys() | _AT_CREATION})
        bucket = resource.name("BucketName", 63, lower=True)
        request = {"Bucket": bucket}
        if "AccessControl" in properties:
            request["ACL"] = _ACLS[properties["AccessControl"]]
        if "ObjectLockEnabled" in properties:
            request["ObjectLockEnabledForBucket"] = properties["ObjectLockEnabled"]
        call("s3", "create_bucket", **request)
        self._configure(bucket, properties)
        region = cloud.current().region
        return Made(
            bucket,
            {
                "Arn": f"arn:aws:s3:::{bucket}",
                "DomainName": f"{bucket}.s3.amazonaws.com",
                "DualStackDomainName": f"{bucket}.s3.dualstack.{region}.amazonaws.com",
                "RegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
            },
        )

    def update(self, resource: Resource, before: Resource) -> Made:
        properties = resource.properties
        self.refuse({n: v for n, v in properties.items() if n not in SETTINGS.keys() | _AT_CREATION})
        if properties.get("AccessControl") != before.properties.get("AccessControl"):
            call(
                "s3",
                "put_bucket_acl",
                Bucket=resource.id,
                ACL=_ACLS[properties.get("AccessControl", "Private")],
            )
        for name in (before.properties.keys() - properties.keys()) & SETTINGS.keys():
            SETTINGS[name].revert(resource.id)
        self._configure(resource.id, {n: v for n, v in properties.items() if v != before.properties.get(n)})
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("s3", "delete_bucket", Bucket=resource.id)

    def _configure(self, bucket: str, properties: Mapping[str, Any]) -> None:
        for name in properties.keys() & SETTINGS.keys():
            SETTINGS[name].apply(bucket, properties[name])


class BucketPolicy(Handler):
    type = "AWS::S3::BucketPolicy"
    how = How.EMULATED
    why = "kept and answered, not enforced: everybody here reaches S3 without TLS"
    replaced_by = frozenset({"Bucket"})

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("Bucket", "PolicyDocument"))
        bucket = resource.properties["Bucket"]
        call("s3", "put_bucket_policy", Bucket=bucket, Policy=resource.properties["PolicyDocument"])
        return Made(bucket)

    def update(self, resource: Resource, before: Resource) -> Made:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        call("s3", "delete_bucket_policy", Bucket=resource.id)


class BucketNotifications(Handler):
    type = "Custom::S3BucketNotifications"
    how = How.EXECUTED
    why = "its notifications are put on the bucket directly; the CDK's own function is not run"
    replaced_by = frozenset({"BucketName"})
    no_effect: ClassVar = {"SkipDestinationValidation": "destinations are not asked"}

    def create(self, resource: Resource) -> Made:
        self.refuse(
            resource.properties_except("ServiceToken", "BucketName", "NotificationConfiguration", "Managed")
        )
        self._put(resource, resource.properties["NotificationConfiguration"])
        return Made(resource.generated(64))

    def update(self, resource: Resource, before: Resource) -> Made:
        self._put(resource, resource.properties["NotificationConfiguration"])
        return resource.made

    def delete(self, resource: Resource) -> None:
        self._put(resource, {})

    def _put(self, resource: Resource, configuration: Mapping[str, Any]) -> None:
        call(
            "s3",
            "put_bucket_notification_configuration",
            Bucket=resource.properties["BucketName"],
            NotificationConfiguration=configuration,
        )


class AutoDeleteObjects(Handler):
    type = "Custom::S3AutoDeleteObjects"
    how = How.EMULATED
    why = "empties its bucket before that is deleted; the CDK's own function is not run"
    replaced_by = frozenset({"BucketName"})

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("ServiceToken", "BucketName"))
        return Made(resource.generated(64))

    def update(self, resource: Resource, before: Resource) -> Made:
        return resource.made

    def delete(self, resource: Resource) -> None:
        s3 = cloud.current().client("s3")
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=resource.properties["BucketName"])
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                keys = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
                s3.delete_objects(Bucket=resource.properties["BucketName"], Delete={"Objects": keys})
