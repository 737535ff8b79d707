"""What bad candidates cost: `python -m bench.rollout`, the real machine on the local cloud, fault by fault.

A candidate turns bad when it reaches a step, or is bad from the start. Told are the seconds from then until
the champion has all traffic again, and how many of the users' answers were bad. Users ask the endpoint by its
weights, and count answers that are none, as Predict does.
"""

import argparse
import json
import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.rollout_model import Place, started

WEIGHTS = (0.2, 1.0)  # of the example's dev environment
FAULTS = ("5xx-1%", "5xx-50%", "10x-latency", "nan", "wrong-shape", "swapped", "crash-loop", "drifting")
AT_START = ("never-healthy", "swapped-from-start")
UNDETECTABLE = "takes outcomes to see: a step with minimum_outcomes judges those"
PAUSE_SECONDS = 0.02  # between requests of one user
USERS = 4
LIMIT_SECONDS = 240


@dataclass(frozen=True)
class Row:
    """One fault at one step."""

    fault: str
    step: str
    outcome: str  # how the execution ended: its error, or `promoted`
    seconds_to_safe: float | None  # None when the candidate was promoted
    bad_answers: int
    answers: int
    cause: str


class Users:
    """Ask all the time, and count which answers were bad."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers = self.bad = 0

    def ask(self) -> None:
        runtime = self._place.client("sagemaker-runtime")
        body = json.dumps({"instances": [{"hour": 8}]})
        while not self._stop.wait(PAUSE_SECONDS * random.uniform(0.5, 1.5)):  # noqa: S311  spreads load
            variant, good = self._one(runtime, body)
            with self._lock:
                self.answers += 1
                self.bad += good != "good"
            if good == "invalid":
                self._place.count_invalid(variant)

    def _one(self, runtime: Any, body: str) -> tuple[str, str]:
        """The variant that answered, and whether it was good, failed or invalid."""
        began = time.monotonic()
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=self._place.endpoint, ContentType="application/json", Body=body
            )
        except (runtime.exceptions.ModelError, runtime.exceptions.ClientError):
            return "", "failed"
        variant = answer["InvokedProductionVariant"]
        try:
            [prediction] = json.loads(answer["Body"].read())["predictions"]
            probability = prediction["probability"]
        except (ValueError, KeyError, TypeError):
            return variant, "invalid"
        if not math.isfinite(probability):
            return variant, "invalid"
        slow = time.monotonic() - began > 1
        return variant, "good" if probability == 0.5 and not slow else "wrong"  # noqa: PLR2004  the model's

    @contextmanager
    def asking(self) -> Iterator["Users"]:
        threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(USERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def run(place: Place, fault: str, step: int | None) -> Row:
    """Roll a candidate out that turns bad in a step, or was bad before when `step` is None."""
    place.behave("good" if step is not None else fault)
    with Users(place).asking() as users:
        execution = place.approve(broken=fault if step is None else "")
        began, bad_before = time.monotonic(), users.bad
        if step is not None:
            reached = place.wait_for_weight(execution, WEIGHTS[step], LIMIT_SECONDS)
            began, bad_before = time.monotonic(), users.bad
            if reached:
                place.behave(fault)
        seconds = place.wait_until_safe(execution, LIMIT_SECONDS, began)
        ended = place.wait_for_end(execution, LIMIT_SECONDS)
        bad, answers = users.bad - bad_before, users.answers
    place.behave("good")
    label = "before traffic" if step is None else f"{WEIGHTS[step]:.0%}"
    promoted = ended["status"] == "SUCCEEDED"
    outcome = "promoted" if promoted else ended["error"]
    return Row(
        fault, label, outcome, None if promoted else round(seconds, 1), bad, answers, ended.get("cause", "")
    )


def table(faults: tuple[str, ...], at_start: tuple[str, ...], *, thorough: bool) -> Iterator[Row]:
    """Every fault at the start or at every step, on one local cloud."""
    with tempfile.TemporaryDirectory() as folder, started(Path(folder), thorough=thorough) as place:
        place.approve_first()
        for fault in at_start:
            yield run(place, fault, None)
        for fault in faults:
            for step in range(len(WEIGHTS)):
                yield run(place, fault, step)


def main() -> None:
    """Print the table as it grows, or one JSON list."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollout")
    parser.add_argument("--json", action="store_true", help="print one list of rows")
    parser.add_argument("--only", action="append", help="a fault of the table; may be given again")
    parser.add_argument(
        "--short", action="store_true", help="the example's own steps in dev: 20 requests each"
    )
    options = parser.parse_args()
    wanted = tuple(options.only or FAULTS + AT_START)
    if unknown := set(wanted) - {*FAULTS, *AT_START}:
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS + AT_START)}")
    if not options.json:
        print(
            f"{'fault':<20} {'from':<15} {'outcome':<26} {'s to safe':>9} {'bad':>6} of answers", flush=True
        )
    rows = []
    chosen = [tuple(fault for fault in group if fault in wanted) for group in (FAULTS, AT_START)]
    for row in table(*chosen, thorough=not options.short):
        rows.append(row)
        if not options.json:
            safe = "-" if row.seconds_to_safe is None else f"{row.seconds_to_safe:.1f}"
            print(
                f"{row.fault:<20} {row.step:<15} {row.outcome:<26} {safe:>9} {row.bad_answers:>6} of "
                f"{row.answers}",
                flush=True,
            )
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    elif any(row.outcome == "promoted" for row in rows):
        print(f"promoted: {UNDETECTABLE}")


if __name__ == "__main__":
    main()
