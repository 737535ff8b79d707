"""What a target is sent: the whole event, a part of it, a constant, or a template filled from it.

The results of filling a template are those recorded on AWS: a bare `<name>` becomes JSON, a `<name>` inside
quotes plain text (objects and lists without their quotes), a missing path the empty string.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

Event = dict[str, Any]

_HOLE = re.compile(r"<([\w.\-]+)>")
_STEP = re.compile(r"\.([^.\[\]]+)|\['([^']+)'\]|\[(\d+)\]")
_SUMMARY = ("id", "account", "time", "source", "region", "resources", "version")


def body(target: Mapping[str, Any], event: Event, *, rule_name: str, rule_arn: str, ingested: str) -> str:
    """The JSON text that `target` gets for `event`."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        found = at(target["InputPath"], event)
        return json.dumps(found)
    if transformer := target.get("InputTransformer"):
        values = {
            name: at(path, event, "") for name, path in (transformer.get("InputPathsMap") or {}).items()
        }
        values |= {
            "aws.events.rule-arn": rule_arn,
            "aws.events.rule-name": rule_name,
            "aws.events.event.ingestion-time": ingested,
            "aws.events.event": _summary(event),
            "aws.events.event.json": event,
        }
        return fill(transformer["InputTemplate"], values)
    return json.dumps(event)


def at(path: str, event: Event, default: Any = None) -> Any:
    """What `$.a.b[0]` or `$['a']` names in an event, or `default` where there is nothing."""
    found: Any = event
    for name, quoted, index in _STEP.findall(path.removeprefix("$")):
        key = int(index) if index else name or quoted
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            return default
    return found


def fill(template: str, values: Mapping[str, Any]) -> str:
    """An InputTemplate with its holes filled."""
    text: list[str] = []
    quoted = False
    position = 0
    while position < len(template):
        hole = _HOLE.match(template, position)
        if hole and hole[1] in values:
            text.append(_plain(values[hole[1]]) if quoted else json.dumps(values[hole[1]]))
            position = hole.end()
            continue
        character = template[position]
        if character == "\\" and quoted:
            text.append(template[position : position + 2])
            position += 2
            continue
        quoted ^= character == '"'
        text.append(character)
        position += 1
    return "".join(text)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value)[1:-1]  # it stands inside quotes, so its own quotes are escaped
    return json.dumps(value, separators=(",", ":")).replace('"', "")


def _summary(event: Event) -> Event:
    """`<aws.events.event>`: the event without its detail, and `detailType` for its type."""
    return {"detailType": event["detail-type"], **{key: event[key] for key in _SUMMARY if key in event}}
