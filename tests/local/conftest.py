"""One running pipeline for every test of this folder, and the command that looks at it."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidegate_cli import local
from tidegate_cli.assembly import synthesize
from tidegate_cli.place import on_this_machine

REPOSITORY = Path(__file__).resolve().parents[2]
FLIGHTS = REPOSITORY / "examples" / "flights"


@dataclass(frozen=True)
class Ended:
    """How a command ended; `result` is the JSON object it printed."""

    code: int
    result: dict[str, Any]
    narration: str


@pytest.fixture(scope="session")
def pipeline():
    """The flights pipeline, deployed in a local cloud. It learns nothing here: the drops are too small."""
    with local.start(synthesize(FLIGHTS, "dev"), "flights-dev") as started:
        yield on_this_machine(started.cloud)


@pytest.fixture(scope="session")
def flights():
    """The example's data.py."""
    spec = importlib.util.spec_from_file_location("example_data", FLIGHTS / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def some_flights(flights):
    """300 flights from all over January 2013, others for each number below 90.

    Spread over the month they are alike: whatever the order of the tests, none is an anomaly to those before.
    """
    january = flights.flights([1])
    return lambda number: january.take(list(range(number, 90 * 300, 90)))


@pytest.fixture(scope="session")
def clients_environment(pipeline):
    """What any AWS client needs to talk to the pipeline, and nothing of the person who runs the tests."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "AWS_ENDPOINT_URL": pipeline.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="session")
def tidegate(clients_environment):
    """Run the command as for an account, which only the environment says is on this machine."""

    def run(*words: str) -> Ended:
        argv = [
            sys.executable,
            "-m",
            "tidegate_cli.main",
            "--pipeline",
            str(FLIGHTS),
            "--aws",
            "--json",
            *words,
        ]
        done = subprocess.run(
            argv, env=clients_environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        return Ended(done.returncode, json.loads(done.stdout), done.stderr)

    return run
