"""Jobs that die in every way, at every state of training that runs one: clear ends, nothing left behind."""

import functools
import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta

import job_processes
import pytest
from dropping import put, settled
from test_job_faults import FLIGHTS, SMALL, changed

from tidegate_cli import local, model
from tidegate_cli.assembly import synthesize
from tidegate_cli.executions import follow, machine, wait_for_start
from tidegate_cli.narration import Narrator
from tidegate_cli.place import on_this_machine

pytestmark = pytest.mark.slow  # one pipeline, and a training run for each fault

LIMIT_SECONDS = 25  # of a job; a healthy one takes some 4 s
# no candidate passes, so that whatever is registered was not judged
SETTINGS = {
    **SMALL,
    "new_data": '"never"',
    "maximum_runtime_seconds": LIMIT_SECONDS,
    "minimum_metric": 0.999,
}
KILLED = r"job \S+ failed: AlgorithmError: .*, exit code: 137"
ENDED = r"job \S+ failed: AlgorithmError: .*, exit code: 143"
NO_SPACE = r"job {name} failed: .*OSError: .*File too large"
# where an import meets it, in the words of the loader
NO_MEMORY = r"job \S+ failed: .*(out of memory|Cannot allocate memory|failed to map segment)"
stall = functools.partial(job_processes.stall, seconds=LIMIT_SECONDS + 3)


@pytest.fixture(scope="module")
def place(tmp_path_factory, flights, some_flights):
    """A small pipeline with data, which trains when it is told to."""
    folder = tmp_path_factory.mktemp("pipeline") / "flights"
    shutil.copytree(FLIGHTS, folder)
    settings = folder / "pipeline.toml"
    settings.write_text(changed(settings.read_text(), SETTINGS))
    with local.start(synthesize(folder, "dev"), "flights-dev") as started:
        place = on_this_machine(started.cloud)
        moment = datetime.now(UTC) - timedelta(seconds=2)
        settled(place, {put(place, "drops/flights/small.csv", flights.to_csv(some_flights(0)))})
        arn = wait_for_start(place, "training", Narrator(), moment=moment)  # refused: training.new_data
        follow(place, "training", arn, Narrator(), seconds=60)
        yield place


def start(place):
    return place.client("stepfunctions").start_execution(
        stateMachineArn=machine(place, "training"),
        input=json.dumps({"trigger": "command", "cause": "a fault", "again": True}),
    )["executionArn"]


def until(probe, seconds=20):
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("state", "fault", "error", "words"),
    [
        ("TuneModel", job_processes.kill, "TaskFailed", r"training " + KILLED),
        ("TrainModel", job_processes.kill, "TaskFailed", KILLED),
        ("EvaluateCandidate", job_processes.kill, "TaskFailed", KILLED),
        ("TuneModel", job_processes.end, "TaskFailed", r"training " + ENDED),
        ("TrainModel", job_processes.end, "TaskFailed", ENDED),
        ("EvaluateCandidate", job_processes.end, "TaskFailed", ENDED),
        ("TuneModel", job_processes.use_up_memory, r"\w*Error|TaskFailed", r"training " + NO_MEMORY),
        ("TrainModel", job_processes.use_up_memory, r"\w*Error|TaskFailed", NO_MEMORY),
        ("EvaluateCandidate", job_processes.use_up_memory, r"\w*Error|TaskFailed", NO_MEMORY),
        # a trial writes nothing
        ("TrainModel", job_processes.fill_disk, "OSError", NO_SPACE.format(name="train-{run}")),
        ("EvaluateCandidate", job_processes.fill_disk, "OSError", NO_SPACE.format(name="evaluate-{run}")),
        # at TuneModel: test_job_faults
        (
            "TrainModel",
            stall,
            "TrainingStopped",
            r"training job train-{run} ended Stopped \(MaxRuntimeExceeded\)",
        ),
        (
            "EvaluateCandidate",
            stall,
            "EvaluationStopped",
            r"processing job evaluate-{run} ended Stopped: .*runtime",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None) or (value if str(value).isalpha() else ""),
)
def test_a_job_that_dies_fails_its_run_in_words_and_leaves_nothing_behind(place, state, fault, error, words):
    arn = start(place)
    fault(job_processes.of_state(place.url, state))
    ended = follow(place, "training", arn, Narrator(), seconds=180)
    assert ended.status == "FAILED"
    runs = model.state(place, "last-training")
    assert re.fullmatch(error, ended.error), (ended.error, ended.cause)
    assert re.search(words.replace("{run}", runs["run"]), ended.cause, re.DOTALL), ended.cause
    assert model.state(place, "lock#training") is None
    assert model.packages(place) == []


def test_a_run_that_a_person_stops_frees_its_lock_and_ends_its_job_and_the_next_run_works(place):
    arn = start(place)
    pid = job_processes.of_state(place.url, "TuneModel")
    assert model.state(place, "lock#training")["execution"] == arn
    place.client("stepfunctions").stop_execution(executionArn=arn, cause="a person")
    until(lambda: model.state(place, "lock#training") is None)
    until(lambda: not job_processes.alive(pid))
    ended = follow(place, "training", start(place), Narrator(), seconds=180)
    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "rejected")
    assert model.state(place, "lock#training") is None
