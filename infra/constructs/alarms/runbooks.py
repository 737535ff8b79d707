"""The runbooks: one heading for each alarm, linked from its text; an alarm without one is no template.

Links are those of a Markdown page: a heading `## variant-a-errors, variant-b-errors` serves both alarms under
the anchor `variant-a-errors-variant-b-errors`.
"""

import functools
import re
from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import IConstruct

from infra.packaging import CHECKOUT
from tidegate.errors import ConfigError
from tidegate.settings.config import PipelineConfig

PAGE = "docs/guides/runbooks.md"
LINK = "Runbook: "
_HEADING = re.compile(r"^## +(.+?) *$", re.MULTILINE)


def link(what: str, config: PipelineConfig, *, page: str | None = None) -> str:
    """Where the runbook of an alarm is read, below `alarms.runbooks`.

    Args:
        what: the alarm's name without the pipeline's prefix.
        page: the text of the runbooks; those of the checkout by default.

    Raises:
        ConfigError: there is no heading for it.
    """
    known = anchors(_page() if page is None else page)
    if what not in known:
        raise ConfigError(
            f"alarm `{what}` has no runbook",
            cause=f"{PAGE} has no heading `## {what}`",
            hint="write there what a person does when it rings",
        )
    return f"{config.alarms.runbooks}#{known[what]}"


def anchors(page: str) -> Mapping[str, str]:
    """Alarm -> the anchor of its heading."""
    found = {}
    for heading in _HEADING.findall(page):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        found |= dict.fromkeys(heading.split(", "), anchor)
    return found


def require(root: IConstruct, config: PipelineConfig) -> None:
    """Go through everything below `root`, whoever made it.

    Raises:
        ConfigError: the text of an alarm does not link its runbook.
    """
    for construct in root.node.find_all():
        if isinstance(construct, (cloudwatch.CfnAlarm, cloudwatch.CfnCompositeAlarm)):
            name = construct.alarm_name or construct.node.path
            wanted = LINK + link(name.removeprefix(f"{config.prefix}-"), config)
            if not (construct.alarm_description or "").endswith(wanted):
                raise ConfigError(
                    f"alarm `{name}` does not link its runbook",
                    cause=f"its description does not end with `{wanted}`",
                    hint="make it by infra/constructs/alarms/make.py",
                )


@functools.cache
def _page() -> str:
    return (CHECKOUT / PAGE).read_text(encoding="utf-8")
