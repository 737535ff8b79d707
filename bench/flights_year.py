"""Flights of 2013 month by month, unattended: `python -m bench.flights_year [--json] [--check]`.

January and February make the first model. Then each month is dropped while users ask about its flights,
features are computed, and a candidate trained on all there is must beat the champion on the newest week to
be rolled out.
"""

import re
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import Figure, main
from tidegate_cli import example, local
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.commands.drop import CLOCK_SKEW
from tidegate_cli.narration import Narrator
from tidegate_cli.place import on_this_machine
from tidegate_cli.story import Story

FLIGHTS = CHECKOUT / "examples" / "flights"
MONTHS = range(3, 13)
# every drop retrains, and nothing else does
SETTINGS = {"new_data": '"always"', "schedule": '"rate(1 day)"', "cooldown_seconds": "1"}


@dataclass(frozen=True)
class Month:
    """What became of one month: `verdict` is quarantined, rejected, promoted or rolled back."""

    month: int
    rows: int
    verdict: str
    reason: str
    candidate: float | None  # ROC AUC on the newest week
    champion: float | None
    asked: int
    failed: int
    seconds: float


class Year(Story):
    """Months one after the other against a running pipeline."""

    def month(self, number: int) -> Month:
        table = self.data.flights([number])
        began, moment = time.monotonic(), datetime.now(UTC) - CLOCK_SKEW
        entry = self._drop(f"2013-{number:02}.csv", table)
        if entry["state"] != "recorded":
            seconds = time.monotonic() - began
            return Month(number, table.num_rows, "quarantined", entry["reason"], None, None, 0, 0, seconds)
        self._features(moment)
        with self._background_traffic(table):
            self._model(moment, f"training starts by itself: {name(number)} is there")
        told, traffic = self.facts["retraining"], self.facts["predictions"]["during_rollout"]
        return Month(
            number,
            table.num_rows,
            told["verdict"],
            told["reason"],
            _metric(told["candidate"]),
            _metric(told["champion"]),
            traffic["asked"],
            traffic["failed"],
            time.monotonic() - began,
        )


def replay(narrator: Narrator) -> list[Month]:
    """The year on a local cloud of its own.

    Raises:
        CommandError: a step failed; a rejected candidate and a quarantined drop are no failures.
    """
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(shutil.copytree(FLIGHTS, Path(folder) / "flights"))
        file = pipeline / "pipeline.toml"
        file.write_text(_changed(file.read_text()))
        with local.start(synthesize(pipeline, "dev"), "flights-dev") as started:
            place = on_this_machine(started.cloud)
            year = Year(place, example.data(FLIGHTS), example.request_columns(FLIGHTS), narrator)
            year.first_model()
            return [year.month(number) for number in MONTHS]


def measure() -> list[Figure]:
    months = replay(Narrator())
    for each in months:
        scores = "" if each.candidate is None else f"{each.candidate:.4f} against {each.champion:.4f}"
        print(f"{name(each.month):<10} {each.rows:>7,} {each.verdict:<12} {scores:<22} {each.reason[:150]}")
    verdicts = Counter(each.verdict for each in months)
    return [
        Figure(
            "months that retrained", sum(verdicts.values()) - verdicts["quarantined"], f"of {len(MONTHS)}"
        ),
        Figure("candidates promoted", verdicts["promoted"], "", 1, "least"),
        Figure("candidates rejected", verdicts["rejected"], "", 1, "least"),
        Figure("predictions unanswered during rollouts", sum(each.failed for each in months), "", 0),
        Figure(
            "seconds a month, from the drop to the verdict", sum(e.seconds for e in months) / len(months), "s"
        ),
    ]


def _changed(text: str) -> str:
    """Each key where it stands last: the tables of the dev environment come after the defaults."""
    for key, value in SETTINGS.items():
        *_, last = re.finditer(rf"(?m)^{key} = .*$", text)
        text = f"{text[: last.start()]}{key} = {value}{text[last.end() :]}"
    return text


def name(month: int) -> str:
    return f"{datetime(2013, month, 1, tzinfo=UTC):%B}"


def _metric(model: dict[str, Any] | None) -> float | None:
    return None if model is None else model["metric"]


if __name__ == "__main__":
    main("flights_year", measure)
