"""The page: those of all alarms that need a person now, as one."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.make import described
from tidegate.settings.config import PipelineConfig

PAGE = "page"
NOW = ("predictions-failed", "endpoint-errors", "dead-letters", "machine-failures")
STOPPED, UNUSUAL = "traffic-stopped", "traffic-unusual"


def page_alarm(scope: Construct, config: PipelineConfig) -> cloudwatch.CompositeAlarm:
    """ALARM while one of them rings, or no request comes at an hour of the week that usually has some.

    By names: the alarms are in several stacks, and must all be there before.
    """

    def rings(what: str) -> cloudwatch.IAlarmRule:
        return cloudwatch.AlarmRule.from_string(f'ALARM("{config.prefix}-{what}")')

    return cloudwatch.CompositeAlarm(
        scope,
        "Page",
        composite_alarm_name=f"{config.prefix}-{PAGE}",
        alarm_description=described(PAGE, "Something needs a person now", config),
        alarm_rule=cloudwatch.AlarmRule.any_of(
            *map(rings, NOW), cloudwatch.AlarmRule.all_of(rings(STOPPED), rings(UNUSUAL))
        ),
    )
