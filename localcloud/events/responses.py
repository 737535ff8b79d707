"""The EventBridge operation that moto does not answer."""

import json

from moto.events.responses import EventsHandler


class LocalEventsHandler(EventsHandler):
    """moto's handler, plus TestEventPattern."""

    def test_event_pattern(self) -> str:  # type: ignore[override]
        pattern, event = self._get_param("EventPattern"), self._get_param("Event")
        return json.dumps({"Result": self.events_backend.test_event_pattern(pattern, event)})  # type: ignore[call-arg, func-returns-value]
