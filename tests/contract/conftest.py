"""The synthesized templates of the example."""

import json
import os
from pathlib import Path

import pytest
from synthesized import FLIGHTS, REPOSITORY, Templates, templates_of

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")  # ten lines on each start


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


@pytest.fixture(scope="session")
def checked_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both environments synthesized once more, in this process, under cdk-nag's AwsSolutions rules."""
    from aws_cdk import App, Validations
    from cdk_nag import AwsSolutionsChecks

    from infra.app import build
    from infra.packaging import staged

    folder = tmp_path_factory.mktemp("cdk") / "cdk.out"
    context = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    app = App(
        outdir=str(folder),
        context=context,
        builtin_cloud_formation_validation=False,
        tree_metadata=False,
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for environment in ("dev", "prod"):
        with staged(FLIGHTS, environment, bundle=False) as sources:
            build(app, sources)
    with pytest.raises(RuntimeError, match="ValidationFailed"):  # findings: the report holds them
        app.synth()
    return folder
