"""Log lines that become metrics: embedded metric format, and the metric filters of their log group."""

import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from moto.logs.models import LogsBackend

from localcloud import cloud
from localcloud.cloudwatch import emf
from localcloud.cloudwatch.filter_pattern import Matcher, PatternError, compile_pattern, member
from localcloud.cloudwatch.models import backend
from localcloud.cloudwatch.store import Datum, Metric

_logger = logging.getLogger(__name__)


def watched(stock: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap moto's LogsBackend.put_log_events, which then also looks for metrics in what it stored."""

    @functools.wraps(stock)
    def put_log_events(
        self: LogsBackend, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> Any:
        answer = stock(self, log_group_name, log_stream_name, log_events)
        filters = self.filters.get_matching_filters(log_group_name=log_group_name)
        data = list(_data(log_group_name, filters, [event["message"] for event in log_events]))
        if data:
            backend(self.account_id, self.region_name).take(data)
        return answer

    return put_log_events


def _data(group: str, filters: Sequence[Mapping[str, Any]], messages: Iterable[str]) -> Iterable[Datum]:
    now = cloud.current().clock.time()
    newest = {one["filterName"]: one for one in filters}  # moto keeps what was put again beside the old
    for message in messages:
        try:
            yield from emf.read(message, now)
        except emf.FormatError as error:
            _logger.warning("a line of %s is not embedded metric format: %s", group, error)
            failed = Metric.of("AWS/Logs", "EMFValidationErrors", {"LogGroupName": group})
            yield Datum.of(failed, 1.0, "Count", now)
        for one in newest.values():
            yield from _filtered(one, message, now)


def _filtered(metric_filter: Mapping[str, Any], message: str, now: float) -> Iterable[Datum]:
    """What one metric filter makes of one line: its value where the line matches, else its default if any."""
    matched = _matcher(metric_filter["filterPattern"])(message)
    for made in metric_filter["metricTransformations"]:
        value = _value(made["metricValue"], message) if matched else made.get("defaultValue")
        if value is None:
            continue
        dimensions = {}
        for name, path in (made.get("dimensions") or {}).items() if matched else ():
            found = member(_json(message), path)
            if found is not None:
                dimensions[name] = str(found)
        metric = Metric.of(made["metricNamespace"], made["metricName"], dimensions)
        yield Datum.of(metric, float(value), made.get("unit", "None"), now)


@functools.lru_cache(256)
def _matcher(pattern: str) -> Matcher:
    try:
        return compile_pattern(pattern)
    except PatternError as error:
        _logger.error("a metric filter is not applied: %s", error)  # noqa: TRY400  the text says it all
        return lambda line: False


def _value(text: str, message: str) -> float | None:
    if text.startswith("$"):
        found = member(_json(message), text)
        return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None
    return float(text)


def _json(message: str) -> Any:
    try:
        return json.loads(message)
    except ValueError:
        return None
