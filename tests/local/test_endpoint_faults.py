"""An endpoint that changes or dies under load, the pipeline around it: nobody goes without an answer."""

import pytest

from bench.rollout import first_champion
from bench.rollouts.kills import kills
from bench.rollouts.place import WEIGHTS, started
from bench.rollouts.updates import under_load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A pipeline with a champion."""
    with started(tmp_path_factory.mktemp("faults")) as found:
        first_champion(found)
        yield found


def test_no_request_is_lost_while_weights_change_and_fleets_are_replaced(place):
    found = under_load(place, 10_000)
    assert (found.lost, found.wrong) == (0, 0)
    assert found.weights >= 10 and found.fleets >= 3, found


def test_a_variant_killed_in_a_rollout_costs_nobody_an_answer_and_everybody_is_told_by_whom(place):
    found = list(kills(place))
    assert [(k.step, k.victim) for k in found] == [
        (f"{weight:.0%}", victim) for weight in WEIGHTS for victim in ("champion", "candidate")
    ]
    for kill in found:
        assert kill.processes >= 1, kill
        assert (kill.refused, kill.unflagged) == (0, 0), kill
        assert kill.safe, kill
    # whom nobody is sent to, nobody misses
    missed = {(k.step, k.victim) for k in found if k.degraded}
    assert missed >= {("100%", "candidate"), ("5%", "champion"), ("50%", "champion"), ("50%", "candidate")}
    assert ("100%", "champion") not in missed
