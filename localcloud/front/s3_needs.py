"""What an S3 request needs to be allowed, from its method, path, query and headers alone; pure.

Limits: path-style addresses only. Of DeleteObjects the keys are in the body, which is not read: the request
needs s3:DeleteObject on some object of the bucket, not on each key.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, unquote

from localcloud.front.need import ANY, Need

BUCKET = "arn:aws:s3:::"
# sub-resource -> its noun in IAM action names, behind Get and Put (and Delete, where IAM has that one)
OBJECT_PARTS = {
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
}
BUCKET_PARTS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
DELETE_IS_PUT = {"EncryptionConfiguration", "LifecycleConfiguration", "BucketTagging", "BucketCORS"}
READS = {"GET", "HEAD"}


def needs(method: str, path: str, query_string: str, headers: Mapping[str, str]) -> list[Need]:
    """`headers` by small names: only the copy source and tags are looked at."""
    bucket, _, key = path.lstrip("/").partition("/")
    query = {name: values[0] for name, values in parse_qs(query_string, keep_blank_values=True).items()}
    if not bucket:
        return [Need("s3:ListAllMyBuckets", ANY)]
    if not key:
        return [_bucket_need(method, bucket, query)]
    arn = f"{BUCKET}{bucket}/{key}"
    found = [Need(f"s3:{_object_action(method, query)}", (arn,))]
    if source := headers.get("x-amz-copy-source"):
        source, _, version = unquote(source).lstrip("/").partition("?versionId=")
        found.append(Need("s3:GetObjectVersion" if version else "s3:GetObject", (BUCKET + source,)))
    if method == "PUT" and headers.get("x-amz-tagging"):
        found.append(Need("s3:PutObjectTagging", (arn,)))
    return found


def _object_action(method: str, query: Mapping[str, str]) -> str:
    version = "Version" if "versionId" in query else ""
    part = next((noun for name, noun in OBJECT_PARTS.items() if name in query), None)
    if part == "ObjectAttributes":
        return f"Get{'ObjectVersion' if version else 'Object'}Attributes"
    if part:
        verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
        return f"{verb}{part.replace('Object', 'Object' + version, 1)}"
    if "uploadId" in query and method in READS:
        return "ListMultipartUploadParts"
    if "uploadId" in query and method == "DELETE":
        return "AbortMultipartUpload"
    if method in READS | {"DELETE"} or "select" in query:
        return f"{'Delete' if method == 'DELETE' else 'Get'}Object{version}"
    return "RestoreObject" if "restore" in query else "PutObject"


def _bucket_need(method: str, bucket: str, query: Mapping[str, str]) -> Need:
    if method == "POST":  # ?delete, or a form upload
        action = "s3:DeleteObject" if "delete" in query else "s3:PutObject"
        return Need(action, None)
    arn = (BUCKET + bucket,)
    noun = next((noun for name, noun in BUCKET_PARTS.items() if name in query), None)
    if noun:
        verb = "Get" if method in READS else "Put"
        if method == "DELETE" and noun not in DELETE_IS_PUT:
            verb = "Delete"
        return Need(f"s3:{verb}{noun}", arn)
    if method in READS:
        context = {f"s3:{name}": query[name] for name in ("prefix", "delimiter") if name in query}
        context |= {"s3:max-keys": query["max-keys"]} if "max-keys" in query else {}
        kind = "Versions" if "versions" in query else "MultipartUploads" if "uploads" in query else ""
        return Need(f"s3:ListBucket{kind}", arn, context)
    return Need("s3:DeleteBucket" if method == "DELETE" else "s3:CreateBucket", arn)
