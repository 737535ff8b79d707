"""Rules of the default event bus that start a machine; what cannot be delivered is kept in a queue."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.machine import Machine


def start_on(
    scope: Construct,
    id_: str,
    *,
    machine: Machine,
    pattern: events.EventPattern | None = None,
    schedule: str | None = None,
    message: events.RuleTargetInput,
    undelivered: sqs.IQueue,
) -> events.Rule:
    """Start `machine` with `message` on every event of `pattern`, or by the clock."""
    rule = events.Rule(
        scope,
        id_,
        event_pattern=pattern,
        schedule=events.Schedule.expression(schedule) if schedule else None,
    )
    rule.add_target(targets.SfnStateMachine(machine.machine, input=message, dead_letter_queue=undelivered))
    return rule
