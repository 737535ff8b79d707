"""Functions and jobs start with the packages of their own asset alone, as the lock has them."""

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import function_contracts
import pytest
from locked import of_groups, of_package
from packaging.markers import default_environment
from synthesized import REPOSITORY
from test_infra_functions import CONTROL, DATA, OF_SOURCES

from bench import cold_start
from infra.constructs.function import snake_case
from infra.packaging import DEPENDENCY_GROUP, PREDICT_GROUP

RUNTIME = "boto3"  # what Lambda's runtime has of its own
IMAGE_GROUPS = ("control", "data", "ml")  # test_dockerfile.py holds the image to them
JOBS = ("entry", "train", "serve", "evaluate", "measure", "compute_features")
SCRIPT = """
import importlib, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
for name in sys.argv[3:]:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    named = set().union(*map(function_contracts.variables, CONTROL | DATA | OF_SOURCES))
    return dict.fromkeys(named, "http://127.0.0.1") | cold_start.variables(
        tmp_path_factory.mktemp("built") / "pipeline"
    )


def only(names, folder):
    """A folder of links to the installed packages of these names, and to no other."""
    for name in names:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))
    return folder


def start(modules, packages, environment):
    """Import the modules in a process that has nothing but the standard library and these packages."""
    argv = [sys.executable, "-I", "-S", "-c", SCRIPT, str(packages), str(REPOSITORY), *modules]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def handlers(steps):
    return [f"functions.{snake_case(step)}" for step in sorted(steps)]


def test_control_functions_start_with_the_packages_of_the_zip(environment, tmp_path):
    names = of_groups((DEPENDENCY_GROUP,), here()) | of_package(RUNTIME, here())
    done = start(handlers(CONTROL - {"Predict"}), only(names, tmp_path), environment)
    assert done.returncode == 0, done.stderr


def test_predict_starts_with_the_packages_of_its_own_zip(environment, tmp_path):
    names = of_groups((PREDICT_GROUP,), here()) | of_package(RUNTIME, here())
    done = start(handlers({"Predict"}), only(names, tmp_path), environment)
    assert done.returncode == 0, done.stderr


def test_data_functions_and_jobs_start_with_the_packages_of_the_image(environment, tmp_path):
    modules = [*handlers(DATA | OF_SOURCES), *(f"training_jobs.{name}" for name in JOBS)]
    done = start(modules, only(of_groups(IMAGE_GROUPS, here()), tmp_path), environment)
    assert done.returncode == 0, done.stderr


def test_a_package_that_is_not_in_the_asset_is_missed(environment, tmp_path):
    names = of_groups((DEPENDENCY_GROUP,), here()) | of_package(RUNTIME, here())
    done = start(["functions.validate_shard"], only(names, tmp_path), environment)
    assert "No module named 'pyarrow'" in done.stderr


def here():
    """Markers as this Python sees them: an older one has packages besides."""
    return {name: str(value) for name, value in default_environment().items()}
