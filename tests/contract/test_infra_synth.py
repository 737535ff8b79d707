"""Synthesis: the same checkout gives the same bytes, and a broken pipeline one clear error."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from synthesized import FLIGHTS, REPOSITORY

from infra.pipeline import compile_pipeline
from tidegate.errors import ConfigError
from tidegate.plan import Plan


@pytest.fixture
def pipeline(tmp_path) -> Path:
    """A copy of the example to break."""
    folder = tmp_path / "flights"
    shutil.copytree(FLIGHTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def edit(pipeline):
    """Replace a text in a file of the copy."""

    def edit_file(name: str, old: str, new: str) -> Path:
        file = pipeline / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return pipeline

    return edit_file


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path, but the bytecode that Python leaves where a local pipeline has run."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_two_syntheses_give_the_same_bytes(assembly, assembly_prod, checked_assembly):
    """One in its own process for one environment, one in this process for both."""
    for folder, name in ((assembly, "assembly-dev"), (assembly_prod, "assembly-prod")):
        assert contents(folder / name) == contents(checked_assembly / name)
        for asset in folder.glob("asset.*"):
            assert contents(asset) == contents(checked_assembly / asset.name)


def test_what_is_shipped_is_sources_and_the_plan(assembly, checked_assembly):
    zipped, image = sorted(assembly.glob("asset.*"), key=lambda asset: (asset / "Dockerfile").exists())
    assert {path.name for path in zipped.iterdir()} == {"functions", "tidegate", "pipeline"}
    assert {path.name for path in image.iterdir()} == {
        *("functions", "tidegate", "pipeline", "training_jobs"),
        *("Dockerfile", "pyproject.toml", "uv.lock"),
    }
    for asset in (zipped, image):
        assert not list((checked_assembly / asset.name).rglob("__pycache__"))  # nothing has run in this one
        assert (asset / "pipeline" / "features.py").read_bytes() == (FLIGHTS / "features.py").read_bytes()
        plan = Plan.load(asset / "pipeline")
        assert (plan.config.prefix, plan.contract.dataset) == ("flights-dev", "flights")
        assert len(plan.code_version) == 64


def test_the_plan_is_the_folder_compiled(assembly):
    shipped = json.loads((next(assembly.glob("asset.*")) / "pipeline" / "plan.json").read_text())
    compiled = compile_pipeline(FLIGHTS, "dev", code_version=shipped["code_version"])
    assert shipped == json.loads(json.dumps(compiled.to_json()))  # where a tuple is a list


def test_a_broken_pipeline_is_told_in_three_lines_and_2(edit, tmp_path):
    folder = edit("pipeline.toml", "trials = 6", "trails = 6")
    command = [sys.executable, "-m", "infra.app", "--pipeline", str(folder), "--env", "dev"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    what, cause, hint = done.stderr.splitlines()
    assert what.startswith("error: ") and "pipeline.toml" in what
    assert cause.startswith("  cause: line ") and "did you mean `trials`?" in cause
    assert hint.startswith("  hint:  ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pipeline.toml", "ml.c7i.large", "ml.c7g.large", "an Arm type"),
        ("pipeline.toml", "ml.m5.large", "ml.m5.huge", "`training.instance_type` is 'ml.m5.huge'"),
        ("pipeline.toml", "folds = 3", 'split = "stratified"', "aggregate `carrier_delay` of later rows"),
        (
            "pipeline.toml",
            "folds = 3",
            'split = "group"\ngroup = "carrier"',
            "aggregate `origin_delay` of later rows",
        ),
        (
            "pipeline.toml",
            "folds = 3",
            'split = "group-time"\ngroup = "tailnum"',
            "`training.group` is `tailnum`, not a column",
        ),
        (
            "pipeline.toml",
            "folds = 3",
            'trusted = [{ column = "temp", reason = "r" }]',
            "names `temp`, which is not one of `features`",
        ),
        (
            "pipeline.toml",
            "max_iter = 40",
            "max_iterations = 40",
            "HistGradientBoostingClassifier` has no parameter max_iterations",
        ),
        (
            "pipeline.toml",
            'metric = "roc_auc"',
            'metric = "features.py:profit"',
            "`training.metric` features.py:profit cannot be imported",
        ),
        (
            "pipeline.toml",
            "[gate]",
            '[gate]\nslices = ["tailnum"]',
            "`gate.slices.0` is `tailnum`, not a column",
        ),
        ("contract.yaml", "name: humid", "name: humidity", "request column `humid` is not a column"),
        ("contract.yaml", "name: landed_at", "name: landed", "time `landed_at` is not a column"),
        ("contract.yaml", "  - name: flights", "  - name: flites", "describes `flites`"),
        ("features.py", "arr_delay >= 15", "arrival_delay >= 15", "label `late`: Binder Error"),
        ("features.py", "select carrier, avg", "select origin, avg", "aggregate `carrier_delay`"),
        ("features.py", 'keys=[Entity("carrier")]', 'keys=[Entity("tailnum")]', "tailnum"),
    ],
)
def test_parts_that_do_not_fit_one_another_are_told_before_a_template_exists(edit, file, old, new, told):
    with pytest.raises(ConfigError) as caught:
        compile_pipeline(edit(file, old, new), "dev", code_version="")
    assert told in str(caught.value)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_weather_example_is_a_pipeline_too(environment):
    compiled = compile_pipeline(FLIGHTS.parent / "weather", environment, code_version="")
    assert compiled.config.training.task == "regression"
    assert compiled.features.source.known_ts == "next_day_known_at"


def test_an_estimator_of_another_task_is_refused_with_its_line(edit):
    folder = edit("pipeline.toml", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
    lines = (folder / "pipeline.toml").read_text().splitlines()
    [number] = [n for n, text in enumerate(lines, 1) if text.startswith("estimator")]
    with pytest.raises(ConfigError, match=f"pipeline.toml:{number}: .*predicts no probabilities"):
        compile_pipeline(folder, "dev", code_version="")


def test_every_mistake_is_told_at_once(edit):
    edit("pipeline.toml", "ml.c7i.large", "ml.c7g.large")
    folder = edit("contract.yaml", "name: humid", "name: humidity")
    with pytest.raises(ConfigError, match="has 2 mistakes"):
        compile_pipeline(folder, "dev", code_version="")


@pytest.mark.parametrize("missing", ["pipeline.toml", "contract.yaml", "features.py"])
def test_a_missing_file_is_named(pipeline, missing):
    (pipeline / missing).unlink()
    with pytest.raises(ConfigError, match=missing):
        compile_pipeline(pipeline, "dev", code_version="")
