"""The handlers of all types that the local cloud knows, by type; importing this package defines them."""

from localcloud.deploy.resource import HANDLERS
from localcloud.deploy.resources import (  # noqa: F401  a handler registers itself where it is defined
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

__all__ = ["HANDLERS"]
