"""An endpoint that changes or dies under load: `python -m bench.endpoint_faults [--check] [--json]`.

10,000 requests while weights change and fleets are replaced; then, at each step of a rollout, all processes
of the champion or of the candidate are killed while users ask `predict`.
"""

import tempfile
from pathlib import Path

from bench.report import Figure, main
from bench.rollout import first_champion
from bench.rollouts.kills import kills
from bench.rollouts.place import started
from bench.rollouts.updates import under_load

REQUESTS = 10_000


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as place:
        first_champion(place)
        load = under_load(place, REQUESTS)
        print(f"{load.weights} changes of weights and {load.fleets} of fleets under {load.asked} requests")
        found = []
        for each in kills(place):
            print(
                f"{each.step:>5} {each.victim:<10} {each.processes} killed, {each.asked} asked: "
                f"{each.refused} refused, {each.degraded} degraded, {each.unflagged} not told by whom"
            )
            found.append(each)
    return [
        Figure("requests lost while the endpoint changed", load.lost, f"of {load.asked}", 0),
        Figure("wrong answers meanwhile", load.wrong, "", 0),
        Figure("kills of a variant's processes", len(found), ""),
        Figure("answers of `predict` without status 200", sum(e.refused for e in found), "", 0),
        Figure("answers of somebody else, not flagged", sum(e.unflagged for e in found), "", 0),
        Figure("answers of somebody else, flagged", sum(e.degraded for e in found), "", 1, "least"),
    ]


if __name__ == "__main__":
    main("endpoint_faults", measure)
