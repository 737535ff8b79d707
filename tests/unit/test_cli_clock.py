"""`tidegate clock`: spans as people write them, and what is none."""

import pytest

from tidegate_cli.commands.clock import seconds_of
from tidegate_cli.failure import CommandError


@pytest.mark.parametrize(
    "span, seconds",
    [("45s", 45), ("90m", 5400), ("26h", 93_600), ("2d6h", 194_400), ("1d1h1m1s", 90_061)],
)
def test_a_span_is_days_hours_minutes_and_seconds(span, seconds):
    assert seconds_of(span) == seconds


@pytest.mark.parametrize("span", ["", "26", "h", "0m", "-1h", "1h2d", "1.5h", "soon", "1h "])
def test_what_is_no_span_is_refused_with_examples(span):
    with pytest.raises(CommandError, match="is no span of time") as raised:
        seconds_of(span)
    assert "26h" in raised.value.hint
