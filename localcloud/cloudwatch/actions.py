"""Carry an alarm's change of state to the world: the event on the default bus, then the actions of the state.

Topics, functions and scaling policies are reached. Other actions of alarms (EC2, Systems Manager,
investigations) have nothing here to act on: each is recorded in the alarm's history as failed, with this
reason.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud import cloud
from localcloud.cloudwatch import notices
from localcloud.cloudwatch.alarm import Transition

_logger = logging.getLogger(__name__)

Remember = Callable[[str, dict[str, Any]], None]


def announce(change: Transition) -> None:
    """Publish "CloudWatch Alarm State Change"; every change has one, whether or not its actions run."""
    from localcloud import events  # the rooms import each other: at the call, not at the import

    events.emit(
        "aws.cloudwatch",
        "CloudWatch Alarm State Change",
        notices.event_detail(change),
        [change.alarm.alarm_arn],
    )


def carry_out(change: Transition, remember: Remember) -> None:
    """Run the actions of the new state; `remember` takes a summary and its data for the history."""
    for action in change.alarm.actions(change.after.value):
        try:
            _act(action, change)
        except (BotoCoreError, ClientError, NotImplementedError) as error:
            _logger.warning("alarm %s could not act on %s: %s", change.alarm.name, action, error)
            failure = {"actionState": "Failed", "notificationResource": action, "error": str(error)}
            remember(f"Failed to execute action {action}. Received error: {error}", failure)
        else:
            done = {"actionState": "Succeeded", "notificationResource": action}
            remember(f"Successfully executed action {action}", done)


def _act(arn: str, change: Transition) -> None:
    here = cloud.current()
    match arn.split(":")[2]:
        case "sns":
            here.client("sns").publish(
                TopicArn=arn,
                Subject=notices.sns_subject(change, here.region),
                Message=json.dumps(notices.sns_message(change, here.account, here.region)),
            )
        case "lambda":
            here.client("lambda").invoke(
                FunctionName=arn,
                InvocationType="Event",
                Payload=json.dumps(notices.lambda_event(change, here.account, here.region)),
            )
        case "autoscaling":
            from localcloud import autoscaling  # the rooms import each other: at the call, not at the import

            autoscaling.evaluate()
        case service:
            raise NotImplementedError(f"the local cloud has no alarm action for {service}")
