"""How long the periods of alarms are that live on what looks of monitoring publish. No CDK: plain numbers."""

import math

from tidegate.monitoring.schedules import shortest_interval_seconds
from tidegate.settings.config import PipelineConfig

SECONDS_PER_MINUTE = 60
MOST_MINUTES = 24 * 60  # of one period
HALVES = 2


def of_looks(config: PipelineConfig) -> int:
    """Seconds; a period that holds two looks would tell the worse of them."""
    monitoring = config.monitoring
    return min(monitoring.alarm_period_seconds, shortest_interval_seconds(monitoring.schedule))


def of_stopped_traffic(config: PipelineConfig) -> int:
    """Minutes without a request; at least the time between two looks, for they tell that a model serves."""
    interval = shortest_interval_seconds(config.monitoring.schedule) // SECONDS_PER_MINUTE
    return min(max(config.alarms.traffic_stop_minutes, interval), MOST_MINUTES)


def half_of(minutes: int) -> int:
    """In whole minutes."""
    return math.ceil(minutes / HALVES)
