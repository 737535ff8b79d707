"""The synthesized templates of the example."""

from pathlib import Path

import pytest
from synthesized import Templates, templates_of


@pytest.fixture(scope="session")
def templates(assembly: Path) -> Templates:
    return templates_of(assembly)


@pytest.fixture(scope="session")
def templates_prod(assembly_prod: Path) -> Templates:
    return templates_of(assembly_prod)


@pytest.fixture(params=["dev", "prod"])
def any_templates(request: pytest.FixtureRequest) -> Templates:
    """Each environment in turn."""
    return request.getfixturevalue("templates" if request.param == "dev" else "templates_prod")
