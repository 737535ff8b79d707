"""Findings of cdk-nag's AwsSolutions rules that stand, each with its reason; a test refuses stale rows."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Accepted:
    """Globs of a rule's id and of a construct's path, and why the finding stands."""

    rule: str
    path: str
    reason: str

    def covers(self, rule: str, path: str) -> bool:
        return fnmatchcase(rule, self.rule) and fnmatchcase(path, self.path)


def _wildcard(resource: str) -> str:
    """The id of IAM5 for a resource that ends in an asterisk; `[` is a glob's own character."""
    return f"AwsSolutions-IAM5[[]Resource::{resource.replace('*', '[*]')}]"


def _below(prefix: str) -> str:
    """Objects below a prefix of a bucket of the Data stack."""
    return f"AwsSolutions-IAM5[[]Resource::*GetStackOutput*/{prefix}/[*]]"


NO_RESOURCES = "the actions have no resources: Service Authorization Reference"
UNKNOWN_OBJECTS = "keys are made at run time; the prefix is the narrowest that holds them"

ACCEPTED = (
    Accepted("AwsSolutions-DDB3", "dev/Data/*", "point-in-time recovery costs; dev's data can be made again"),
    Accepted(
        "AwsSolutions-S1",
        "*/Data/*",
        "what comes and goes is in the ledger and in EventBridge; access logs are the account's CloudTrail",
    ),
    Accepted("AwsSolutions-SQS3", "*/Pipeline/Undelivered/*", "it is the dead letter queue of the rules"),
    Accepted("AwsSolutions-L1", "*", "Python 3.13, as in the image: one lock, one Python"),
    Accepted(
        _wildcard("*"),
        "*/Pipeline/*/Role/*",
        f"log deliveries and X-Ray of machines, lists, metrics: {NO_RESOURCES}",
    ),
    Accepted(
        _wildcard("*"), "*/Pipeline/Roles/*", f"ecr:GetAuthorizationToken, PutMetricData: {NO_RESOURCES}"
    ),
    Accepted(_below("drops"), "*/Pipeline/Ingestion/*", UNKNOWN_OBJECTS),
    Accepted(_below("staging"), "*/Pipeline/Ingestion/*", UNKNOWN_OBJECTS),
    Accepted(_below("reports"), "*/Pipeline/Ingestion/*", UNKNOWN_OBJECTS),
    Accepted(_below("profiles"), "*/Pipeline/Ingestion/*", UNKNOWN_OBJECTS),
    Accepted(_below("quarantine"), "*/Pipeline/Ingestion/*", UNKNOWN_OBJECTS),
    Accepted(_below("warehouse"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("warehouse/[*]/metadata"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("features"), "*/Pipeline/Features/PlanFeatures/*", UNKNOWN_OBJECTS),
    Accepted(_below("features/sets"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("features/runs"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("features/sets"), "*/Api/Inference/Predict/*", UNKNOWN_OBJECTS),
    Accepted(_below("fallbacks"), "*/Api/Inference/Predict/*", UNKNOWN_OBJECTS),
    Accepted(_below("fallbacks"), "*/Pipeline/Serving/PreflightCandidate/*", UNKNOWN_OBJECTS),
    Accepted(_below("rollouts"), "*/Pipeline/Serving/ReportRollout/*", UNKNOWN_OBJECTS),
    Accepted(_below("ground-truth"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("training"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("lineage"), "*/Pipeline/Training/*", UNKNOWN_OBJECTS),
    Accepted(_below("checkpoints"), "*/Pipeline/Roles/*", UNKNOWN_OBJECTS),
    Accepted(_below("models"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("evaluations"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("captures"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("monitoring"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("tracking"), "*/Pipeline/Tracking/*", UNKNOWN_OBJECTS),
    Accepted(_below("mlflow"), "*/Pipeline/Tracking/*", UNKNOWN_OBJECTS),
    Accepted(
        "AwsSolutions-IAM5[[]Resource::*:scalable-target/[*]]",
        "*/Pipeline/Serving/*",
        "a scalable target's id is Application Auto Scaling's own, given when it is registered",
    ),
    Accepted("AwsSolutions-IAM5[[]Resource::*/mlflow/[*]]", "*/Data/Mlflow/*", UNKNOWN_OBJECTS),
    *(
        Accepted(
            "AwsSolutions-APIG4",
            f"*/Api/Inference/Api/GET--{page}/Resource",
            "where serving.public_docs says so: names and rules of columns, which a browser cannot sign for",
        )
        for page in ("docs", "openapi.json")
    ),
    Accepted(_below("outcomes"), "*/Api/Inference/Feedback/*", UNKNOWN_OBJECTS),
    Accepted(_below("outcomes"), "*/Pipeline/*", UNKNOWN_OBJECTS),
    Accepted(_below("ground-truth"), "*/Api/Inference/Feedback/*", UNKNOWN_OBJECTS),
    Accepted(
        "AwsSolutions-IAM5[[]Resource::*:table/*/[*]]",
        "*/Pipeline/*",
        "tables of the pipeline's own Glue database, one for each dataset and view",
    ),
    Accepted(
        "AwsSolutions-IAM5[[]Resource::*:execution:*:[*]]",
        "*/Pipeline/Tracking/*",
        "executions are named at run time; the machine is the training machine",
    ),
    Accepted(
        "AwsSolutions-IAM5[[]Resource::*:execution:*:[*]]",
        "*/Pipeline/Serving/ReportRollout/*",
        "executions are named at run time; the machine is the deployment machine",
    ),
    Accepted(
        "AwsSolutions-IAM5[[]Resource::*:log-group:/aws/sagemaker/[*]]",
        "*/Pipeline/Roles/*",
        "SageMaker names its log groups itself",
    ),
    *(
        Accepted(
            f"AwsSolutions-IAM5[[]Resource::*:sagemaker:*:{resource}[*]]",
            "*/Pipeline/*",
            "named at run time, after the run or the version; the prefix is ours",
        )
        for resource in (
            "model/*-",
            "endpoint-config/*-",
            "model-package/*/",
            "hyper-parameter-tuning-job/tune-",
            "training-job/train-",
            "training-job/tune-",
            "processing-job/evaluate-",
            "processing-job/features-",
            "processing-job/measure-",
        )
    ),
)
