"""moto's EventBridge with AWS's matcher: what AWS refuses is refused, what is published is delivered."""

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.events.models import EventsBackend, Rule

from localcloud import cloud
from localcloud.events import router, schedules
from localcloud.events.patterns import InvalidPatternError, Pattern, compile_pattern

_MAX_ENTRIES = 10
_MAX_TARGETS = 5  # of a rule
_MAX_BYTES = 1024 * 1024  # of all entries together; 256 KB before 2026
_REQUIRED = ("Source", "DetailType", "Detail")
_INPUTS = ("Input", "InputPath", "InputTransformer")


class LocalEvents(EventsBackend):
    """Found by moto through its own convention: this package's urls.py and responses.py belong to it."""

    def put_rule(self, name: str, *arguments: Any, **options: Any) -> Rule:
        if pattern := options.get("event_pattern"):
            _compile(pattern)
        if expression := options.get("scheduled_expression"):
            try:
                schedules.parse(expression, allow_at=False)
            except ValueError as error:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from error
        return super().put_rule(name, *arguments, **options)

    def put_targets(self, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            if sum(bool(target.get(each)) for each in _INPUTS) > 1:
                raise ValidationException(
                    "Only one of Input, InputPath, or InputTransformer must be provided for target "
                    f"{target['Id']}."
                )
        rule = self.describe_rule(name, event_bus_arn)
        if len({target["Id"] for target in (*rule.targets, *targets)}) > _MAX_TARGETS:
            text = "The requested resource exceeds the maximum number allowed."
            raise JsonRESTError("LimitExceededException", text)
        super().put_targets(name, event_bus_arn, targets)

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(events) > _MAX_ENTRIES:
            raise ValidationException(
                "1 validation error detected: Value '[PutEventsRequestEntry]' at 'entries' failed to satisfy "
                f"constraint: Member must have length less than or equal to {_MAX_ENTRIES}"
            )
        size = sum(_size(entry) for entry in events)
        if size > _MAX_BYTES:
            raise ValidationException(f"Total size of the entries in the request is over the limit: {size}.")
        return [self._put_event(entry) for entry in events]

    def test_event_pattern(self, pattern: str, event: str) -> bool:  # type: ignore[override]
        """Moto leaves this one out."""
        try:
            parsed = json.loads(event)
        except ValueError as error:
            raise JsonRESTError("ValidationException", "Parameter Event is not valid.") from error
        missing = {"id", "account", "source", "time", "region", "detail-type"} - set(parsed)
        if missing:
            raise ValidationException(f"Parameter Event is not valid. Reason: missing {min(missing)}.")
        return _compile(pattern).matches(parsed)

    def _put_event(self, entry: dict[str, Any]) -> dict[str, str]:
        for name in _REQUIRED:
            if not entry.get(name):
                text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
        if entry["Source"].startswith("aws."):
            text = "Not authorized for the source."
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": text}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        when = entry.get("Time")
        event = router.make_event(
            entry["Source"],
            entry["DetailType"],
            detail,
            entry.get("Resources") or (),
            when=cloud.current().clock.time() if when is None else float(when),
        )
        router.publish(event, bus=self._normalize_event_bus_arn(entry.get("EventBusName")))
        return {"EventId": event["id"]}


def _compile(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except InvalidPatternError as error:
        raise InvalidEventPatternException(reason=str(error)) from error


def _size(entry: dict[str, Any]) -> int:
    """AWS's arithmetic: the bytes of the texts, and 14 for a time."""
    texts = [entry.get(name) or "" for name in _REQUIRED] + list(entry.get("Resources") or ())
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)
