"""What bad candidates cost: `python -m bench.rollout [--quick] [--only FAULT] [--step STEP] [--json]`.

The real machine on the local cloud, fault by fault and step by step. Told are how the rollout ended and what
found the fault, the seconds on the cloud's clock from the candidate's first share of traffic until it had
none, and how many of the users' answers were bad. The clock jumps while the machine waits, in step with them.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.rollouts.events import EVENTS, events
from bench.rollouts.faults import FAULTS, STEPS, Row, faults
from bench.rollouts.place import Place, started
from bench.rollouts.users import Users

QUICK = (("5xx-50%", "5%"), ("nan", "mirror"), ("crash-loop", "100%"), ("never-healthy", "golden"))
UNSEEN = "promoted: takes outcomes to see, and at 100 % there is no champion to compare them with"


def first_champion(place: Place) -> None:
    """Raises RuntimeError when even that is not promoted."""
    users = Users(place, 1)
    execution = place.approve()
    while (ended := place.ended(execution)) is None:
        users.second()
    users.close()
    if ended["status"] != "SUCCEEDED":
        raise RuntimeError(f"the first model was not promoted: {ended.get('cause')}")


def table(wanted: Sequence[tuple[str, str]], happenings: Sequence[str]) -> Iterator[Row]:
    """The rows of these (fault, step), then of these events, on one local cloud."""
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as place:
        first_champion(place)
        yield from faults(place, wanted)
        yield from events(place, happenings)


def line(row: Row) -> str:
    safe = "-" if row.seconds is None else f"{row.seconds:.0f}"
    return (
        f"{row.fault:<24} {row.step:<10} {row.outcome:<24} {row.found_by:<14} {safe:>8} {row.bad:>6} of "
        f"{row.answers}{f', {row.slow} of them slow' if row.slow else ''}"
    )


def main() -> None:
    """Print the table as it grows, or one JSON list."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollout")
    parser.add_argument("--json", action="store_true", help="print one list of rows")
    parser.add_argument("--quick", action="store_true", help="four rows")
    parser.add_argument("--only", action="append", choices=[*FAULTS, *EVENTS], help="may be given again")
    parser.add_argument("--step", action="append", choices=STEPS, help="may be given again")
    options = parser.parse_args()
    chosen = options.only or [*FAULTS, *EVENTS]
    pairs = itertools.product([f for f in FAULTS if f in chosen], options.step or STEPS)
    wanted = QUICK if options.quick else tuple(pairs)
    happenings = () if options.quick or options.step else tuple(name for name in EVENTS if name in chosen)
    rows = []
    if not options.json:
        print(f"{'fault':<24} {'met in':<10} {'outcome':<24} {'found by':<14} {'s to safe':>8} {'bad':>5}")
    for row in table(wanted, happenings):
        rows.append(row)
        if not options.json:
            print(line(row), flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    elif any(row.outcome == "promoted" and row.fault in FAULTS for row in rows):
        print(UNSEEN)


if __name__ == "__main__":
    main()
