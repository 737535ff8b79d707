"""What several folders of tests share."""

import os
from pathlib import Path

import hypothesis
import pytest

from tidegate_cli.assembly import synthesize

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
