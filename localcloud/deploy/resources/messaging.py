"""SQS and SNS: queues, topics, subscriptions and their policies."""

from typing import Any, ClassVar

from localcloud.deploy import tags
from localcloud.deploy.fit import call, text
from localcloud.deploy.resource import Handler, How, Made, Resource, changes

_QUEUE_DEFAULTS: dict[str, Any] = {  # SQS API reference, SetQueueAttributes; what has none is set to ""
    "ContentBasedDeduplication": False,
    "DelaySeconds": 0,
    "MaximumMessageSize": 262_144,
    "MessageRetentionPeriod": 345_600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "SqsManagedSseEnabled": True,
    "VisibilityTimeout": 30,
}
_QUEUE_ATTRIBUTES = _QUEUE_DEFAULTS.keys() | {
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "RedriveAllowPolicy",
    "RedrivePolicy",
}
_TOPIC_ATTRIBUTES = {
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoTopic",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
}
_SUBSCRIPTION_ATTRIBUTES = {
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
}


def _attributes(resource: Resource, names: set[str]) -> dict[str, str]:
    return {name: text(value) for name, value in resource.properties.items() if name in names}


class Queue(Handler):
    type = "AWS::SQS::Queue"
    how = How.EXECUTED
    why = "delivery, visibility, redrive to dead-letter queues and long polling"
    named_by = "QueueName"
    replaced_by = frozenset({"FifoQueue"})

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("QueueName", "Tags", *_QUEUE_ATTRIBUTES))
        fifo = text(resource.properties.get("FifoQueue", False)) == "true"
        name = resource.name("QueueName", 80, ending=".fifo" if fifo else "")
        attributes = _attributes(resource, _QUEUE_ATTRIBUTES)
        own_tags = tags.as_map(resource.properties.get("Tags"))
        url = call("sqs", "create_queue", QueueName=name, Attributes=attributes, Tags=own_tags)["QueueUrl"]
        found = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return Made(url, {"Arn": found["QueueArn"], "QueueName": name, "QueueUrl": url})

    def update(self, resource: Resource, before: Resource) -> Made:
        self.refuse(resource.properties_except("QueueName", "Tags", *_QUEUE_ATTRIBUTES))
        changed = set(changes(resource, before)) & _QUEUE_ATTRIBUTES
        attributes = {
            name: text(resource.properties.get(name, _QUEUE_DEFAULTS.get(name, ""))) for name in changed
        }
        if attributes:
            call("sqs", "set_queue_attributes", QueueUrl=resource.id, Attributes=attributes)
        tags.change("sqs", resource.id, before.properties.get("Tags"), resource.properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("sqs", "delete_queue", QueueUrl=resource.id)


class QueuePolicy(Handler):
    type = "AWS::SQS::QueuePolicy"
    how = How.EMULATED
    why = "kept on its queues, not enforced"

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("Queues", "PolicyDocument"))
        self._put(resource.properties["Queues"], text(resource.properties["PolicyDocument"]))
        made = resource.generated(80)
        return Made(made, {"Id": made})

    def update(self, resource: Resource, before: Resource) -> Made:
        gone = set(before.properties["Queues"]) - set(resource.properties["Queues"])
        self._put(sorted(gone), "")
        self._put(resource.properties["Queues"], text(resource.properties["PolicyDocument"]))
        return resource.made

    def delete(self, resource: Resource) -> None:
        self._put(resource.properties["Queues"], "")

    def _put(self, queues: list[str], policy: str) -> None:
        for queue in queues:
            call("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": policy})


class Topic(Handler):
    type = "AWS::SNS::Topic"
    how = How.EXECUTED
    why = "publishes to queues, functions and HTTP; nothing is mailed or texted"
    named_by = "TopicName"
    replaced_by = frozenset({"FifoTopic"})

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("TopicName", "Tags", "Subscription", *_TOPIC_ATTRIBUTES))
        fifo = text(resource.properties.get("FifoTopic", False)) == "true"
        name = resource.name("TopicName", 256, ending=".fifo" if fifo else "")
        made = call(
            "sns",
            "create_topic",
            Name=name,
            Attributes=_attributes(resource, _TOPIC_ATTRIBUTES),
            Tags=resource.properties.get("Tags", []),
        )
        arn = made["TopicArn"]
        for entry in resource.properties.get("Subscription", []):
            call("sns", "subscribe", TopicArn=arn, Protocol=entry["Protocol"], Endpoint=entry["Endpoint"])
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def update(self, resource: Resource, before: Resource) -> Made:
        self.refuse(resource.properties_except("TopicName", "Tags", "Subscription", *_TOPIC_ATTRIBUTES))
        for name in set(changes(resource, before)) & _TOPIC_ATTRIBUTES:
            value = text(resource.properties.get(name, ""))
            call(
                "sns", "set_topic_attributes", TopicArn=resource.id, AttributeName=name, AttributeValue=value
            )
        tags.change("sns", resource.id, before.properties.get("Tags"), resource.properties.get("Tags"))
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("sns", "delete_topic", TopicArn=resource.id)

    def must_replace(self, changed: set[str], resource: Resource) -> bool:
        # subscriptions of a topic itself cannot be told from those made elsewhere
        return super().must_replace(changed, resource) or "Subscription" in changed


class TopicPolicy(Handler):
    type = "AWS::SNS::TopicPolicy"
    how = How.EMULATED
    why = "kept on its topics, not enforced"

    def create(self, resource: Resource) -> Made:
        self.refuse(resource.properties_except("Topics", "PolicyDocument"))
        for topic in resource.properties["Topics"]:
            call(
                "sns",
                "set_topic_attributes",
                TopicArn=topic,
                AttributeName="Policy",
                AttributeValue=text(resource.properties["PolicyDocument"]),
            )
        made = resource.generated(80)
        return Made(made, {"Id": made})

    def update(self, resource: Resource, before: Resource) -> Made:
        self.create(resource)
        return resource.made

    def delete(self, resource: Resource) -> None:
        """A topic always has a policy; AWS puts its default one back, which nothing here would read."""


class Subscription(Handler):
    type = "AWS::SNS::Subscription"
    how = How.EXECUTED
    why = "messages reach queues, functions and HTTP endpoints; nothing is mailed or texted"
    replaced_by = frozenset({"Endpoint", "Protocol", "TopicArn"})
    exclusive = True
    no_effect: ClassVar = {"Region": "there is only one region here"}

    def create(self, resource: Resource) -> Made:
        request = resource.properties_except(*_SUBSCRIPTION_ATTRIBUTES, *self.no_effect)
        attributes = _attributes(resource, _SUBSCRIPTION_ATTRIBUTES)
        made = call("sns", "subscribe", **request, Attributes=attributes, ReturnSubscriptionArn=True)
        arn = made["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def update(self, resource: Resource, before: Resource) -> Made:
        for name in set(changes(resource, before)) & _SUBSCRIPTION_ATTRIBUTES:
            value = text(resource.properties.get(name, "{}" if name.endswith("Policy") else "false"))
            call(
                "sns",
                "set_subscription_attributes",
                SubscriptionArn=resource.id,
                AttributeName=name,
                AttributeValue=value,
            )
        return resource.made

    def delete(self, resource: Resource) -> None:
        call("sns", "unsubscribe", SubscriptionArn=resource.id)
