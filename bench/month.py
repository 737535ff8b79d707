"""A month of a pipeline on a local cloud whose clock is moved: drops, traffic, labels and faults, unattended.

Nothing is told to the pipeline but what its users and sources would: objects put, the two routes called, an
endpoint deleted and put back. Its schedules, alarms, trainings and rollouts come by themselves.
"""

import json
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench import month_script as script
from tidegate_cli import example, ledger, local, model
from tidegate_cli.api import Answer, Api, many
from tidegate_cli.assembly import CHECKOUT, synthesize
from tidegate_cli.executions import machine
from tidegate_cli.place import Place, on_this_machine

FLIGHTS = CHECKOUT / "examples" / "flights"
TRAINING_MONTHS, MONTH = (1, 2), 3
ROLLOUT_REQUESTS = 15  # between two looks of a rollout

# Bakes, cooldowns and alarms as long as in an account: their time passes on the cloud's clock.
SETTINGS = """
[environments.month]
retain_data = false

[environments.month.ingestion]
parallel = 2

[environments.month.training]
cooldown_seconds = 172800
instance_type = "ml.m5.large"

[environments.month.training.tuning]
trials = 2

[environments.month.deployment]
steps = [
    { weight = 0.20, bake_seconds = 600, minimum_requests = 20 },
    { weight = 1.00, bake_seconds = 600, minimum_requests = 20 },
]
poll_seconds = 60
maximum_waits = 20
latency_objective_ms = 1000

[environments.month.monitoring]
schedule = "cron(0 20 * * ? *)"
minimum_rows = 60
psi_threshold = 6.0
alarm_period_seconds = 3600

[environments.month.retraining]
drifted_share = 0.0
"""
# psi_threshold: all flights of a day share its weather. On quiet days of March humidity alone reaches 5.0.
# drifted_share: the fault moves one column of many, and two of three windows of it are to train all the same.


@dataclass
class Told:
    """What the month came to, read from the pipeline at its end and from the answers of its two routes."""

    predictions: int = 0
    unanswered: int = 0
    degraded: int = 0
    outcomes: int = 0
    drops: Counter[str] = field(default_factory=Counter)  # state -> drops
    reasons: list[str] = field(default_factory=list)  # of what was quarantined
    trainings: list[tuple[str, str]] = field(default_factory=list)  # (outcome, reasons)
    rollouts: Counter[str] = field(default_factory=Counter)  # status -> executions
    windows: Counter[str] = field(default_factory=Counter)  # outcome of a look -> looks
    drifted: dict[int, list[str]] = field(default_factory=dict)  # day -> columns that its window alarmed for
    failed: list[str] = field(default_factory=list)  # executions that failed, with their cause
    alarms: list[tuple[str, str, str]] = field(default_factory=list)  # (when, name, change)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    days: float = 0.0

    @property
    def recovered(self) -> list[str]:
        """Alarms that rang and are quiet again."""
        rang = {name for _, name, change in self.alarms if change.endswith("to ALARM")}
        quiet = {name for _, name, change in self.alarms if change == "ALARM to OK"}
        return sorted(rang & quiet)


class Month:
    """The people and systems around the pipeline, and the clock."""

    def __init__(self, place: Place, url: str) -> None:
        self.place = place
        self.api = Api(place)
        self._url = url
        self.data = example.data(FLIGHTS)
        self.columns = example.request_columns(FLIGHTS)
        self.told = Told()
        self.states = place.client("stepfunctions")
        self.rolling_out = machine(place, "deployment")
        self.begin = self.now()  # of the first day, once that is known
        self._spare: list[dict[str, Any]] = []
        self._pending: dict[int, list[tuple[str, int]]] = {}  # day -> (inference id, outcome) not told yet

    # --- the clock

    def now(self) -> datetime:
        return local.time_of(self._url)

    def until(self, moment: datetime) -> None:
        """Let time pass to `moment`; while a rollout is under way somebody asks at each of its looks."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            local.let_pass(self._url, left, stop_at="stepfunctions")
            running = self.states.list_executions(
                stateMachineArn=self.rolling_out, statusFilter="RUNNING", maxResults=1
            )
            if running["executions"]:
                self.ask(self._spare[:ROLLOUT_REQUESTS])
                self._spare = self._spare[ROLLOUT_REQUESTS:] + self._spare[:ROLLOUT_REQUESTS]

    # --- the people

    def first_model(self, by: timedelta) -> None:
        tables = [script.moved(self.data.flights([month]), by) for month in TRAINING_MONTHS]
        table = pa.concat_tables(tables)
        self._spare = self._requests(self.data.sample(table, 300))
        self.drop("the-winter.csv", table)
        self.until(self.now() + timedelta(hours=2))

    def day(self, day: script.Day, midnight: datetime) -> None:
        if day.number == script.OUTAGE_DAY:
            config = self._outage()
        singles = self.data.requests(day.singles, self.columns)
        batches = [{"instances": self._requests(batch)} for batch in day.batches()]
        halves = [(singles[::2], batches[::2]), (singles[1::2], batches[1::2])]
        answered: list[Answer] = []
        for hour, (some, together) in zip((9, 18), halves, strict=True):
            self.until(midnight + timedelta(hours=hour))
            answered += self.ask(some)
            for third in range(3):  # spread over some minutes: an alarm wants two bad ones of three
                self.ask(together[third::3])
                self.until(self.now() + timedelta(minutes=1))
            if day.number == script.OUTAGE_DAY and config:
                self.until(self.now() + timedelta(minutes=10))
                self.place.client("sagemaker").create_endpoint(
                    EndpointName=self.place.outputs["EndpointName"], EndpointConfigName=config
                )
                config = ""
        outcomes = self.data.outcomes(day.singles)
        known = [a.body.get("inference_id", "") for a in answered]
        self._pending[day.number] = list(zip(known, outcomes[::2] + outcomes[1::2], strict=True))
        self.until(midnight + timedelta(hours=26))
        self.drop(f"day-{day.number:02}.csv", day.flights, broken=day.number == script.BROKEN_DAY)
        self._tell(day.number)  # while the drop is ingested

    def ask(self, requests: Iterable[dict[str, Any]]) -> list[Answer]:
        asked = list(requests)
        answers = list(many(self.api.predict, asked))
        for request, answer in zip(asked, answers, strict=True):
            rows = len(request.get("instances", [request]))
            self.told.predictions += rows
            self.told.unanswered += 0 if answer.ok else rows
            self.told.degraded += rows if answer.ok and answer.body["degraded"] else 0
        return answers

    def drop(self, name: str, table: pa.Table, *, broken: bool = False) -> None:
        s3, key = self.place.client("s3"), f"drops/flights/{name}"
        bucket = self.place.outputs["DropsBucket"]
        if broken:
            faulty = self.data.with_faults(table)
            s3.put_object(Bucket=bucket, Key=f"{key}.broken.csv", Body=self.data.to_csv(faulty))
        s3.put_object(Bucket=bucket, Key=key, Body=self.data.to_csv(table))

    def _outage(self) -> str:
        """Delete the endpoint; its configuration is how it is put back."""
        sagemaker, name = self.place.client("sagemaker"), self.place.outputs["EndpointName"]
        config: str = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        sagemaker.delete_endpoint(EndpointName=name)
        return config

    def _tell(self, number: int) -> None:
        """Outcomes of the day, or none yet; on one day those of all the late ones."""
        due = [number] if number not in script.LATE_DAYS else []
        if number == script.LATE_TOLD:
            due += script.LATE_DAYS
        pairs = [pair for day in due for pair in self._pending.pop(day, [])]
        answers = list(many(lambda pair: self.api.feedback(*pair), pairs))
        self.told.outcomes += sum(answer.ok for answer in answers)

    def _requests(self, table: pa.Table) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.data.requests(table, self.columns)
        return found

    # --- afterwards

    def read(self) -> Told:
        for entry in ledger.entries(self.place):
            self.told.drops[entry["state"]] += 1
            if entry["state"] == "quarantined":
                self.told.reasons.append(entry.get("reason", ""))
        for stage in ("ingestion", "features", "training", "deployment", "monitoring"):
            self._executions(stage)
        cloudwatch = self.place.client("cloudwatch")
        pages = cloudwatch.get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate")
        for item in (item for page in pages for item in page["AlarmHistoryItems"]):
            change = item["HistorySummary"].removeprefix("Alarm updated from ")
            self.told.alarms.append((f"{item['Timestamp']:%d %H:%M}", item["AlarmName"], change))
        self.told.alarms.sort()
        return self.told

    def _executions(self, stage: str) -> None:
        """Executions of one machine, with what they came to."""
        pages = self.states.get_paginator("list_executions").paginate(
            stateMachineArn=machine(self.place, stage)
        )
        for each in (each for page in pages for each in page["executions"]):
            if stage == "deployment":
                self.told.rollouts[each["status"]] += 1
            described = self.states.describe_execution(executionArn=each["executionArn"])
            if each["status"] == "FAILED" and stage != "deployment":
                self.told.failed.append(
                    f"{stage} {described.get('error')}: {described.get('cause', '')[:300]}"
                )
                continue
            output = json.loads(described.get("output") or "{}")
            if stage == "monitoring":
                self.told.windows[output.get("outcome", each["status"])] += 1
                columns = [found["column"] for found in (output.get("summary") or {}).get("drifted", [])]
                if columns:
                    self.told.drifted[(each["startDate"] - self.begin).days + 1] = columns
            elif stage == "training":
                reasons = output.get("reasons") or [output.get("reason", "")]
                self.told.trainings.append((output.get("outcome", each["status"]), "; ".join(reasons)))


def live(days: int = script.DAYS, *, say: bool = False) -> Told:
    """Start a cloud, train on the winter, live through so many days of March; what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(shutil.copytree(FLIGHTS, Path(folder) / "flights"))
        file = pipeline / "pipeline.toml"
        file.write_text(file.read_text() + SETTINGS)
        assembly = synthesize(pipeline, "month")  # 9 s the first time, which are not the month's
        began = time.monotonic()
        with local.start(assembly, "flights-month", warm_up=True) as started:
            month = Month(on_this_machine(started.cloud), started.cloud.url)
            begin = time.monotonic()
            start = month.now()
            by = script.weeks_to(start.replace(tzinfo=None) + timedelta(days=1), MONTH)
            march = month.begin = datetime(2013, MONTH, 1, tzinfo=UTC) + by
            month.until(march - timedelta(hours=12))
            month.first_model(by)
            if say:
                print(
                    f"{time.monotonic() - begin:6.1f} s  first model", model.champion(month.place), flush=True
                )
            for day in script.days(month.data, MONTH, by):
                if day.number > days:
                    break
                month.day(day, march + timedelta(days=day.number - 1))
                if say:
                    print(
                        f"{time.monotonic() - begin:6.1f} s  day {day.number:2}  {month.told.predictions:,}",
                        flush=True,
                    )
            month.until(month.now() + timedelta(hours=1))
            told = month.read()
            told.days = (month.now() - march).total_seconds() / 86400
            told.seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told.cpu_seconds = used.ru_utime + used.ru_stime
    return told
