"""Alarms follow the schedule of the looks that feed them, whatever it is."""

import dataclasses
from pathlib import Path

import pytest

from infra.constructs.alarms import periods
from tidegate.settings.config import PipelineConfig

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "pipeline.toml"


@pytest.mark.parametrize(
    ("schedule", "given", "looks", "half_of_stopped"),
    [
        ("rate(1 hour)", (3600, 60), 3600, 30),
        ("rate(5 minutes)", (3600, 60), 300, 30),  # an hour would hold twelve looks and tell the worst
        ("cron(0/15 * * * ? *)", (60, 5), 60, 8),  # of 15 minutes, in whole ones
        ("rate(1 day)", (3600, 60), 3600, 720),  # only a look tells that a model serves
        ("rate(7 days)", (3600, 60), 3600, 720),  # an alarm looks back a day at most
    ],
)
def test_periods_fit_the_time_between_two_looks(schedule, given, looks, half_of_stopped):
    config = PipelineConfig.from_toml(FLIGHTS, "prod")
    period, minutes = given
    monitoring = dataclasses.replace(config.monitoring, schedule=schedule, alarm_period_seconds=period)
    alarms = dataclasses.replace(config.alarms, traffic_stop_minutes=minutes)
    config = dataclasses.replace(config, monitoring=monitoring, alarms=alarms)
    assert periods.of_looks(config) == looks
    assert periods.half_of(periods.of_stopped_traffic(config)) == half_of_stopped
