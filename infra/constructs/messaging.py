"""Queues and the topic of alerts: encrypted, TLS only, open to AWS's services of this account alone."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.store import Store


def queue(
    scope: Construct,
    id_: str,
    *,
    store: Store,
    dead_letters: sqs.Queue | None = None,
    visibility_seconds: int | None = None,
    attempts: int = 5,
) -> sqs.Queue:
    """A queue that gives a message to `dead_letters` after `attempts`; 14 days are SQS's longest memory."""
    key = kms.Key.from_key_arn(scope, f"{id_}Key", store.key_arn) if store.key_arn else None
    return sqs.Queue(
        scope,
        id_,
        encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=Duration.days(14),
        visibility_timeout=Duration.seconds(visibility_seconds) if visibility_seconds else None,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=attempts)
        if dead_letters
        else None,
        removal_policy=RemovalPolicy.DESTROY,
    )


class AlertTopic(Construct):
    """Where alarms and failed executions are told; an email address may listen."""

    def __init__(self, scope: Construct, id_: str, *, store: Store, email: str | None) -> None:
        super().__init__(scope, id_)
        key = kms.Key.from_key_arn(self, "Key", store.key_arn) if store.key_arn else None
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        # a topic with a policy of its own has lost SNS's default one, which lets alarms in
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if email:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
