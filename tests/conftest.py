"""What several folders of tests share."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tidegate_cli.assembly import synthesize
from tidegate_cli.main import main

REPOSITORY = Path(__file__).resolve().parents[1]
FLIGHTS = REPOSITORY / "examples" / "flights"


def pytest_configure() -> None:
    """As every function and job runs: OpenMP's threads spin while they wait for a core that others use."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # how fast examples are drawn says how busy the machine is
    slow = hypothesis.HealthCheck.too_slow
    hypothesis.settings.register_profile("shared machine", suppress_health_check=[slow], deadline=None)
    hypothesis.settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def assembly() -> Path:
    """The synthesized example in its dev environment; the command's own cache pays for it once."""
    return synthesize(FLIGHTS, "dev").folder


@pytest.fixture(scope="session")
def assembly_prod() -> Path:
    return synthesize(FLIGHTS, "prod").folder


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def command(capsys):
    """Type words after `tidegate`, in this process.

    The command takes signals for itself; the tests' own way is put back.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def typed(*words, group=main) -> Ended:
        with pytest.raises(SystemExit) as ended:
            group.main(list(words))
        return Ended(ended.value.code or 0, *capsys.readouterr())

    yield typed
    for number, handler in before.items():
        signal.signal(number, handler)
