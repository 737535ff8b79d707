"""The demo's chapters, each against the plain API of a place: what is done, followed and checked.

Nothing here reaches into the pipeline: it puts objects, calls the two routes, starts what a person may
start, and reads what anyone may read.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from tidegate_cli import captured, incidents, model
from tidegate_cli.api import Answer, Api, many
from tidegate_cli.commands.drop import CLOCK_SKEW, deliver
from tidegate_cli.executions import Ended, follow, machine, since, wait_for_start
from tidegate_cli.failure import CommandError
from tidegate_cli.narration import Line, Narrator
from tidegate_cli.place import Place

TRAINING_MONTHS = (1, 2)
LIVE_MONTH = 3
DRIFTED_MONTH = 7
PREDICTIONS = 500
JOBS = ("TuneModel", "TrainModel", "EvaluateCandidate")
TRAFFIC_PER_SECOND = 40
ALARM_SECONDS = 90
RECORD_SECONDS = 90
MEASURE_ATTEMPTS = 20
REPLAYS = 2  # the schedule may have measured half of March: then the next window is July's alone


class StoryError(CommandError):
    """A chapter did not end as it must; the story ends there, and says where to look."""


@dataclass
class Story:
    """Tells the chapters in order and gathers the facts that the last line or `--json` reports."""

    place: Place
    data: ModuleType  # the example's data.py
    request_columns: list[str]
    narrator: Narrator
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = Api(self.place)
        self.dataset = self.place.prefix.rpartition("-")[0]
        self.facts |= {"predictions": {}, "quarantined": [], "alarms": [], "overhead": {}}

    # --- chapter 3: the first model

    def first_model(self) -> None:
        moment = datetime.now(UTC) - CLOCK_SKEW
        self._accepted("2013-01-and-02.csv", self.data.flights(TRAINING_MONTHS))
        self._features(moment)
        self._model(moment, "training starts by itself: new data, and no champion yet")

    # --- chapter 4: predictions and their outcomes

    def serve(self) -> None:
        table = self.data.sample(self.data.flights([LIVE_MONTH]), PREDICTIONS)
        self.narrator.say("serve", f"{table.num_rows} flights of March, through {self.api.url}")
        before, moment = model.measured(self.place), datetime.now(UTC)
        answers = self._replay(table, "March")
        outcomes = self.data.outcomes(table)
        began = time.monotonic()
        posted = [
            answer.ok
            for answer in many(
                lambda pair: self.api.feedback(*pair),
                [(a.body["inference_id"], o) for a, o in zip(answers, outcomes, strict=True) if a.ok],
            )
        ]
        seconds = time.monotonic() - began
        self.narrator.tell(Line("serving", "Feedback", "ok", seconds, f"{sum(posted)} outcomes posted"))
        self.facts["predictions"]["feedback"] = sum(posted)
        captured.settled(self.place, moment, len(answers))
        self._measure("March", before)

    # --- chapter 5: a broken drop, and the good one after it

    def quarantine(self) -> None:
        march = self.data.flights([LIVE_MONTH])
        entry = self._drop("2013-03-broken.csv", self.data.with_faults(march))
        if entry["state"] != "quarantined":
            raise StoryError("a broken drop was not quarantined", cause=f"its state is {entry['state']}")
        reasons = self._report(entry["report_key"])["verdict"]["reasons"]
        for reason in reasons:
            self.narrator.say("", _reason(reason))
        self.facts["quarantined"].append(
            {"drop_id": entry["drop_id"], "key": entry["key"], "reasons": reasons}
        )
        moment = datetime.now(UTC) - CLOCK_SKEW
        self._accepted("2013-03.csv", march)
        self._features(moment)

    # --- chapter 6: drift, alarm, retraining

    def retrain(self) -> None:
        july = self.data.flights([DRIFTED_MONTH])
        moment = datetime.now(UTC) - CLOCK_SKEW
        self._accepted("2013-07.csv", july)
        self._features(moment)
        self.narrator.say("serve", f"{PREDICTIONS} flights of July ask a model that knows only winter")
        for _ in range(REPLAYS):
            before, moment = model.measured(self.place), datetime.now(UTC)
            asked = self._replay(self.data.sample(july, PREDICTIONS), "July")
            captured.settled(self.place, moment, len(asked))
            moment = datetime.now(UTC) - CLOCK_SKEW
            if self._measure("July", before)["drifted"]:
                break
        else:
            raise StoryError("July looked like winter to the monitoring", hint="tidegate logs monitoring")
        self._alarm()
        with self._background_traffic(july):
            self._model(moment, "training starts by itself: the window decided so")
        self._outcome()

    def live(self) -> dict[str, Any]:
        """What serves at the end of the story."""
        summary = model.summary(self.place)
        champion = summary["champion"]
        if champion is None:
            raise StoryError("nothing serves at the end of the story", hint="tidegate status")
        self.facts["champion"] = {**champion, "traffic": summary["traffic"]}
        return champion  # type: ignore[no-any-return]

    # --- what the chapters are made of

    def _drop(self, name: str, table: Any) -> dict[str, Any]:
        body = self.data.to_csv(table)
        entry = deliver(self.place, f"drops/{self.dataset}/{name}", body, self.narrator)
        if (start := entry.get("start_seconds")) is not None:
            self.facts["overhead"].setdefault("drop_to_start_seconds", []).append(start)
        return entry

    def _accepted(self, name: str, table: Any) -> None:
        entry = self._drop(name, table)
        if entry["state"] != "recorded":
            raise StoryError(
                f"the drop `{name}` was not accepted",
                cause=f"{entry['state']}: {entry.get('reason', '')}",
                hint="tidegate logs ingestion",
            )

    def _features(self, moment: datetime) -> None:
        arn = wait_for_start(self.place, "features", self.narrator, moment=moment)
        self._succeeded(follow(self.place, "features", arn, self.narrator))

    def _model(self, moment: datetime, why: str) -> None:
        """Follow a training run, and the rollout it leads to when its candidate passes the gate."""
        arn = wait_for_start(self.place, "training", self.narrator, moment=moment)
        self.narrator.say("train", why)
        told = len(self.narrator.lines)
        trained = self._succeeded(follow(self.place, "training", arn, self.narrator))
        self._overhead(trained, self.narrator.lines[told:])
        outcome = trained.output["outcome"]
        reasons = trained.output.get("reasons") or [trained.output.get("reason", "")]
        for reason in reasons:
            self.narrator.say("", reason)
        verdict, reason = outcome, "; ".join(reasons)
        if outcome == "registered":
            arn = wait_for_start(self.place, "deployment", self.narrator, moment=moment)
            rolled_out = follow(self.place, "deployment", arn, self.narrator)
            verdict = "promoted" if rolled_out.succeeded else "rolled back"
            reason = reason if rolled_out.succeeded else rolled_out.cause
        elif outcome == "skipped":
            raise StoryError("training was skipped", cause=reason)
        self.facts["retraining"] = {
            "verdict": verdict,
            "reason": reason,
            "trigger": trained.output["trigger"],
            "candidate": trained.output.get("candidate"),
            "champion": trained.output.get("champion"),
        }
        if self.facts.get("champion_version") is None and verdict != "promoted":
            raise StoryError("the first model did not reach its endpoint", cause=reason)
        if verdict == "promoted":
            self.facts["champion_version"] = trained.output["package_arn"]

    def _overhead(self, trained: Ended, lines: list[Line]) -> None:
        """What the pipeline took beyond the jobs it ran."""
        jobs = sum(line.seconds for line in lines if line.state in JOBS)
        overhead = trained.seconds - jobs
        self.narrator.say("overhead", f"{overhead:.1f} s beside {jobs:.1f} s of jobs")
        runs = self.facts["overhead"].setdefault("training", [])
        runs.append({"seconds": round(trained.seconds, 2), "job_seconds": round(jobs, 2)})

    def _succeeded(self, ended: Ended) -> Ended:
        if not ended.succeeded:
            cause = ended.cause.strip().splitlines()
            raise StoryError(
                f"{ended.stage} {ended.status.lower().replace('_', ' ')}",
                cause=f"{ended.error}: {cause[0] if cause else ''}"[:500],
                hint=f"tidegate logs {ended.stage} --errors",
            )
        return ended

    def _replay(self, table: Any, month: str) -> list[Answer]:
        requests = self.data.requests(table, self.request_columns)
        began = time.monotonic()
        answers = list(many(self.api.predict, requests))
        seconds = time.monotonic() - began
        served = [answer for answer in answers if answer.ok]
        fresh = sum(not any(answer.body["features"].values()) for answer in served)
        versions = sorted({answer.body["model_version"] for answer in served}, key=str)
        text = (
            f"{len(served)} answers by version {', '.join(map(str, versions))}, {fresh} with fresh aggregates"
        )
        verdict = "ok" if len(served) == len(answers) else "failed"
        self.narrator.tell(Line("serving", "Predict", verdict, seconds, text))
        self.facts["predictions"][month] = {
            "asked": len(answers),
            "served": len(served),
            "fresh": fresh,
            "seconds": round(seconds, 3),
        }
        if not served:
            raise StoryError(f"no prediction of {month} was answered", cause=str(answers[0].body))
        return answers

    def _measure(self, month: str, before: dict[str, Any] | None) -> dict[str, Any]:
        """Start monitoring until the traffic just sent is measured, be it by us or by its own schedule.

        `before` is what was measured last when the traffic began.
        """
        states = self.place.client("stepfunctions")
        for _ in range(MEASURE_ATTEMPTS):  # the endpoint delivers captured records with a delay
            started = states.start_execution(stateMachineArn=machine(self.place, "monitoring"), input="{}")
            self._succeeded(follow(self.place, "monitoring", started["executionArn"], self.narrator))
            window = model.measured(self.place)
            if window is not None and window != before:
                for column in window["drifted"]:
                    self.narrator.say("", f"`{column['column']}` has drifted: PSI {column['psi']:.2f}")
                if not window["drifted"]:
                    worst = window["worst"]
                    self.narrator.say(
                        "", f"no drift; the worst is `{worst['column']}`, PSI {worst['psi']:.2f}"
                    )
                self.facts.setdefault("measured", {})[month] = window
                return window
            time.sleep(1)
        raise StoryError("captured traffic was not measured", hint="tidegate logs monitoring")

    def _alarm(self) -> dict[str, Any]:
        """Wait until the drift alarm's own evaluation brings it to ALARM."""
        began = time.monotonic()
        name = f"{self.place.prefix}-model-monitor-drift"
        while (waited := time.monotonic() - began) < ALARM_SECONDS:
            for alarm in model.alarms(self.place):
                if alarm["name"] == name and alarm["state"] == "ALARM":
                    self.narrator.tell(
                        Line("monitoring", "DriftAlarm", "ALARM", waited, alarm["reason"][:90])
                    )
                    self.facts["alarms"].append(alarm)
                    return alarm
            self.narrator.waiting(f"waiting for {name}, {waited:.0f} s")
            time.sleep(0.2)
        raise StoryError(f"`{name}` did not ring", cause=f"waited {ALARM_SECONDS} s", hint="tidegate status")

    def _outcome(self) -> None:
        """Wait until what was asked for by drift is over on its record too."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < RECORD_SECONDS:
            rows = incidents.all_of(self.place)
            # the schedule may have seen drift too, and then its cause waited for this run
            runs = [row for row in rows if row["action"].startswith("training run drift-")]
            if found := next((row for row in runs if row["state"] == "recovered"), None):
                self.narrator.say("incident", f"{found['id']}  {found['what']}: {found['outcome']}")
                self.facts["incidents"] = rows
                return
            self.narrator.waiting(f"waiting for the record of the retraining, {waited:.0f} s")
            time.sleep(0.2)
        raise StoryError("the record of the retraining is still open", hint="tidegate incidents list")

    def _report(self, key: str) -> dict[str, Any]:
        body = self.place.client("s3").get_object(Bucket=self.place.outputs["LakeBucket"], Key=key)["Body"]
        report: dict[str, Any] = json.loads(body.read())
        return report

    @contextmanager
    def _background_traffic(self, table: Any) -> Iterator[None]:
        """Users keep asking while a candidate is rolled out: a canary without traffic proves nothing."""
        stop = threading.Event()
        requests = self.data.requests(self.data.sample(table, 2000), self.request_columns)
        counts = {"asked": 0, "failed": 0}

        def ask() -> None:
            for request in itertools.cycle(requests):
                if stop.wait(1 / TRAFFIC_PER_SECOND):
                    return
                if not since_deployment():
                    continue
                counts["asked"] += 1
                counts["failed"] += not self.api.predict(request).ok

        def since_deployment() -> bool:
            return rolling.is_set()

        rolling = threading.Event()
        caller = threading.Thread(target=ask, daemon=True)
        watcher = threading.Thread(target=self._watch_for_rollout, args=(rolling, stop), daemon=True)
        caller.start()
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            caller.join()
            watcher.join()
            self.facts["predictions"]["during_rollout"] = counts
            if counts["asked"]:
                text = f"{counts['failed']} failed of {counts['asked']} asked during the rollout"
                verdict = "failed" if counts["failed"] else "ok"
                self.narrator.tell(Line("serving", "Predict", verdict, 0.0, text))

    def _watch_for_rollout(self, rolling: threading.Event, stop: threading.Event) -> None:
        moment = datetime.now(UTC)
        while not stop.wait(0.5):
            if since(self.place, "deployment", moment):
                rolling.set()
                return


def _reason(reason: dict[str, Any]) -> str:
    rows = ""
    if reason.get("first_rows"):
        shown = ", ".join(
            f"row {r}: {v}" for r, v in zip(reason["first_rows"], reason["first_values"], strict=False)
        )
        rows = f"   ({shown})"
    return f"{reason['message']}{rows}"[:160]
