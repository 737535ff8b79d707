"""EventBridge: which rules an event matches, and what their targets are then sent."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends

from localcloud import cloud
from localcloud.events import delivery, lineage, targets
from localcloud.events.patterns import compile_pattern

Event = dict[str, Any]


def make_event(
    source: str, detail_type: str, detail: Any, resources: Sequence[str] = (), *, when: float | None = None
) -> Event:
    """An event with the fields and the order of fields that AWS gives it."""
    here = cloud.current()
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": here.account,
        "time": iso(here.clock.time() if when is None else when),
        "region": here.region,
        "resources": list(resources),
        "detail": detail,
    }


def publish(event: Event, *, bus: str = "default") -> None:
    """Send an event to the targets of every rule of a bus that matches it."""
    here = cloud.current()
    found = events_backends[here.account][here.region].event_buses.get(bus)
    depth = lineage.depth()
    for rule in list(found.rules.values()) if found else []:
        if matches(rule, event):
            send_to_targets(rule, event, depth)


def matches(rule: Rule, event: Event) -> bool:
    """A disabled rule and one that has only a schedule match nothing."""
    pattern = rule.event_pattern.dump()
    return rule.state != "DISABLED" and bool(pattern) and compile_pattern(pattern).matches(event)


def route(rule: Rule, original_event: Any, transform_input: bool = True) -> None:
    """Moto's replays bring their events to one rule at a time."""
    event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
    if not isinstance(event["time"], str):
        event["time"] = iso(float(event["time"]))
    if matches(rule, event):
        send_to_targets(rule, event, lineage.depth())


def send_to_targets(rule: Rule, event: Event, depth: int) -> None:
    ingested = iso(cloud.current().clock.time())
    for target in list(rule.targets):
        delivery.dispatch(
            delivery.Parcel(
                target_arn=target["Arn"],
                body=targets.body(target, event, rule_name=rule.name, rule_arn=rule.arn, ingested=ingested),
                event=json.dumps(event),
                rule_arn=rule.arn,
                role_arn=target.get("RoleArn") or "",
                message_group_id=(target.get("SqsParameters") or {}).get("MessageGroupId", ""),
                retry_policy=target.get("RetryPolicy") or {},
                dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn", ""),
                depth=depth + (":event-bus/" in target["Arn"]),
            )
        )


def archive(letter: Any) -> None:
    """Keep an event; moto's archives are rules whose target is the archive, named inside the body."""
    _, _, _, region, account, resource, stamp = letter["archive-arn"].split(":")
    kept = events_backends[account][region].archives.get(resource.removeprefix("archive/"))
    if kept and kept.uuid == stamp:
        when = datetime.fromisoformat(letter["event"]["time"]).timestamp()
        kept.events.append({**letter["event"], "time": when})


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
