"""Restoration: after a rollout that was killed the champion gets the traffic, and the endpoint to itself."""

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.events import start_on
from infra.constructs.function import Function, Shared
from infra.constructs.machine import Machine
from infra.constructs.scaling import SCALABLE_TARGETS, SCALING_ACTIONS, scaling_fills
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig


def restoration(
    scope: Construct,
    *,
    shared: Shared,
    config: PipelineConfig,
    endpoint: str,
    deployment: Machine,
    undelivered: sqs.IQueue,
) -> Machine:
    """A machine that is killed in the middle of a shift catches nothing: its end is an event."""
    store = shared.store
    endpoint_arn = arn("sagemaker", f"endpoint/{endpoint}")
    configs_arn = arn("sagemaker", f"endpoint-config/{config.prefix}-*")
    restore = Function(
        scope,
        "RestoreTraffic",
        shared=shared,
        statements=[
            allow(
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
                on=[endpoint_arn],
            ),
            store.state("GetItem", "DeleteItem"),
        ],
        environment={"ENDPOINT_NAME": endpoint, **store.environment("STATE_TABLE")},
    )
    machine = Machine(
        scope,
        "Restoration",
        name="restoration",
        shared=shared,
        functions=[restore],
        fills={
            "EndpointName": endpoint,
            "PollSeconds": str(config.deployment.poll_seconds),
            "Prefix": config.prefix,
            **scaling_fills(config.serving.scaling),
            "StateTable": store.state_table,
        },
        grants={
            "sagemaker:DescribeEndpointConfig": [configs_arn],
            "sagemaker:CreateEndpointConfig": [configs_arn],
            "sagemaker:UpdateEndpoint": [endpoint_arn, configs_arn],
            "sagemaker:DeleteEndpoint": [endpoint_arn],
            **{key: [SCALABLE_TARGETS] for key in SCALING_ACTIONS},
            "dynamodb:DeleteItem": [store.state_arn],
            "events:PutEvents": [arn("events", "event-bus/default")],
        },
    )
    start_on(
        scope,
        "RolloutEnded",
        machine=machine,
        pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [deployment.arn], "status": ["ABORTED", "TIMED_OUT", "FAILED"]},
        ),
        message=events.RuleTargetInput.from_object({"rollout": events.EventField.from_path("$.detail.name")}),
        undelivered=undelivered,
    )
    return machine
