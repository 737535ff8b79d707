"""What several folders of tests share."""

from pathlib import Path

import pytest

from tidegate_cli.assembly import synthesize

REPOSITORY = Path(__file__).resolve().parents[1]
FLIGHTS = REPOSITORY / "examples" / "flights"


@pytest.fixture(scope="session")
def assembly() -> Path:
    """The synthesized example in its dev environment; the command's own cache pays for it once."""
    return synthesize(FLIGHTS, "dev").folder


@pytest.fixture(scope="session")
def assembly_prod() -> Path:
    return synthesize(FLIGHTS, "prod").folder
