"""The guide to one's own data is tried as it is written: its files are a pipeline, its rows are kept."""

import json
import random
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from infra.pipeline import compile_pipeline, example_row

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "own-data.md").read_text()
GRAPES = ("Barbera", "Barolo", "Grignolino")


def block(language):
    [found] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return found


def rows(count):
    """As the guide's, with hours between tasting and judgement."""
    draw = random.Random(1)  # noqa: S311  no secret
    for number in range(count):
        tasted = datetime(2024, 3, 1, 9) + timedelta(hours=number)  # noqa: DTZ001  as the guide writes them
        measured = f"{draw.uniform(11, 15):.2f},{draw.uniform(0.5, 1.7):.2f}"
        yield f"{tasted},{tasted + timedelta(hours=6)},{measured},{GRAPES[number % 3]}"


@pytest.fixture
def folder(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    wine = tmp_path / "wine"
    wine.mkdir()
    header = block("csv").splitlines()[0]
    (tmp_path / "wine.csv").write_text("\n".join([header, *rows(60)]) + "\n")
    (wine / "features.py").write_text(block("python"))
    (wine / "pipeline.toml").write_text(block("toml"))
    (wine / "one.json").write_text(block("json"))
    assert command("-q", "contract", "infer", "wine.csv", "-o", "wine/contract.yaml").code == 0
    return wine


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_guides_three_files_are_a_pipeline(folder, environment):
    plan = compile_pipeline(folder, environment, code_version="test")
    assert plan.contract.dataset == plan.features.source.dataset == "wine"
    assert len(plan.config.deployment.steps) == (1 if environment == "dev" else 2)
    assert example_row(plan, folder) == json.loads(block("json"))


def test_the_rows_that_the_guide_shows_keep_the_inferred_contract(folder, tmp_path, command):
    (tmp_path / "shown.csv").write_text(block("csv"))
    assert command("-q", "contract", "check", "wine/contract.yaml", "shown.csv").code == 0
