"""RecordIncident: makes events into incidents, one record each, and tells a person once of each.

Invoked by  the EventBridge rules of infra/constructs/incidents.py
Takes       an event of the bus: an alarm's change, a quarantined or accepted drop, the end of an execution, a
            candidate that waits or serves, a decision on retraining
Returns     {"incidents": [causes that changed], "sent": number of messages}
Raises      BusyError when others kept writing the same record; Lambda tries again, then the event is kept
Needs       dynamodb:GetItem, dynamodb:PutItem on the state table; sns:Publish on the topic of alerts;
            sqs:SendMessage on the queue of undelivered events, by which Lambda keeps what failed three times;
            PIPELINE_DIR, PREFIX, STATE_TABLE, STATE_MACHINES, ALERT_TOPIC
"""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.incidents import Incidents
from tidegate.aws.state import Champion, State
from tidegate.incidents import runs
from tidegate.incidents.causes import Known, occurrences
from tidegate.incidents.incident import Incident
from tidegate.incidents.post import Clerk, Post, due, handed_in, mine
from tidegate.plan import Plan

logger = Logger()
sns = boto3.client("sns")
dynamodb = boto3.client("dynamodb")
topic = os.environ["ALERT_TOPIC"]
prefix = os.environ["PREFIX"]
state = State(dynamodb, os.environ["STATE_TABLE"])
incidents = Incidents(dynamodb, os.environ["STATE_TABLE"])
config = Plan.load(Path(os.environ["PIPELINE_DIR"])).config
# stage=ARN of its machine, separated by blanks
stages = {
    arn: stage for stage, _, arn in (text.partition("=") for text in os.environ["STATE_MACHINES"].split())
}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    _link(event)
    hold = config.incidents.hold_seconds
    found = [incidents.happened(seen, hold) for seen in occurrences(event, _known(event))]
    news = [incident for incident in found if incident is not None and incident.untold]
    owner = context.aws_request_id
    clerk = Clerk(prefix=prefix, rules=config.incidents, owner=owner, now=datetime.now(UTC).timestamp())
    sent = _send(incidents.posted(lambda post: _handed_in(post, news, clerk)), clerk)
    for incident in news:
        incidents.told(incident)
    changed = [incident.cause for incident in found if incident is not None]
    logger.info("recorded incidents", extra={"causes": changed, "sent": sent})
    return {"incidents": changed, "sent": sent}


def _handed_in(post: Post, news: list[Incident], clerk: Clerk) -> Post:
    for incident in news:
        post = handed_in(post, incident, clerk)
    return due(post, clerk)


def _send(post: Post, clerk: Clerk) -> int:
    """Publish, and only then forget: what fails here is in the outbox still when the event comes again."""
    letters = list(mine(post, clerk))
    for posted in letters:
        sns.publish(TopicArn=topic, Subject=posted.letter.subject, Message=posted.letter.body)
    if letters:
        incidents.posted(lambda p: replace(p, outbox=tuple(each for each in p.outbox if each not in letters)))
    return len(letters)


def _link(event: dict[str, Any]) -> None:
    detail = event["detail"]
    if stages.get(detail.get("stateMachineArn")) != "training" or detail.get("status") != "SUCCEEDED":
        return
    if (package := runs.package_of(detail)) is not None:
        incidents.link(package, f"retraining/{detail['name']}")


def _known(event: dict[str, Any]) -> Known:
    """What the event does not say itself, read only where it is asked for."""
    detail = event["detail"]
    champion, window = state.champion(), state.item("window")
    package = detail.get("model_package_arn") or runs.parsed(detail.get("input")).get("model_package_arn")
    cause = incidents.linked(package) if package else None
    return Known(
        prefix=prefix,
        stages=stages,
        champion=f"version {champion.model_version} on {champion.variant}" if champion else "",
        before=_before(champion),
        window=_window(window),
        retraining={package: cause} if package and cause else {},
        approval=config.gate.approval,
    )


def _before(champion: Champion | None) -> str:
    if champion is None or champion.previous_version is None:
        return ""
    return f"version {champion.previous_version}, until {champion.since[:16].replace('T', ' ')} UTC"


def _window(item: dict[str, Any] | None) -> dict[str, Any]:
    if item is None:
        return {}
    return {**json.loads(item["summary"]["S"]), "run": item["run"]["S"]}
