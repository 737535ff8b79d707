"""The handlers of all types that the local cloud knows; importing this package registers them."""

from localcloud.deploy.resources import (
    catalog,
    dynamodb,
    http_api,
    iam,
    inert,
    kms,
    lambda_,
    logs,
    messaging,
    observability,
    orchestration,
    s3,
    sagemaker,
    scaling,
    settings,
)

__all__ = [
    "catalog",
    "dynamodb",
    "http_api",
    "iam",
    "inert",
    "kms",
    "lambda_",
    "logs",
    "messaging",
    "observability",
    "orchestration",
    "s3",
    "sagemaker",
    "scaling",
    "settings",
]
