"""`tidegate clock`: spans as people write them, and what is none."""

import pytest

from tidegate_cli import local
from tidegate_cli.commands import clock
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


def test_a_wait_to_stop_at_is_looked_for_within_a_span(command):
    done = command("clock", "--to-wait")
    assert done.code == 2
    assert done.err.startswith("error: --to-wait needs a span\n  hint:")


@pytest.mark.parametrize(
    "stop_at, waits_at, asked, expected",
    [
        ("", 99, [3600, 3600, 1800], {"stops": 6, "what": "limit"}),
        ("stepfunctions", 2, [3600, 3600], {"stops": 4, "what": "stepfunctions"}),
        ("stepfunctions", 99, [3600, 3600, 1800], {"stops": 6, "what": "limit"}),
    ],
    ids=["to the end", "to a wait", "no wait"],
)
def test_time_is_asked_for_by_the_hour_so_that_it_can_be_interrupted(
    monkeypatch, stop_at, waits_at, asked, expected
):
    calls = []

    def let_pass(url, seconds, *, stop_at):
        calls.append(seconds)
        return {"stops": 2, "what": stop_at if len(calls) == waits_at else "limit"}

    monkeypatch.setattr(local, "let_pass", let_pass)
    assert clock._pass("http://here", 9000, stop_at) == expected
    assert calls == asked
