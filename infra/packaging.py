"""What is shipped: the sources staged as the zip of the control functions and as the folder of the one image.

The zip gets its dependencies from the lock by uv, without Docker. AWS's own packages (boto3) are left out:
Lambda's runtime has them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.pipeline import compile_pipeline, digest, write_plan
from tidegate.errors import ConfigError
from tidegate.plan import Plan

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

CHECKOUT = Path(__file__).resolve().parents[1]
FUNCTION_SOURCES = ("functions", "tidegate")
IMAGE_SOURCES = (*FUNCTION_SOURCES, "training_jobs")
IMAGE_FILES = ("pyproject.toml", "uv.lock")
PIPELINE_DIR = "pipeline"  # in both: beside the sources, which are the working directory
PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"  # of the functions; wheels only, so any machine can package them
DEPENDENCY_GROUP = "control"
PREDICT_GROUP = "predict"  # that and numpy: docs/decisions/0010


@dataclass(frozen=True)
class Origin:
    """Where the sources come from; containers have no git, so it is told to those who record it."""

    commit: str  # "unknown" outside of a git checkout
    dirty: str  # "true" when what is shipped differs from the commit
    lock: str  # sha256 of uv.lock


@dataclass(frozen=True)
class Sources:
    """The staged folders of one pipeline, and its plan."""

    plan: Plan
    origin: Origin
    functions: Path
    predict: Path  # the functions' once more, with what the fallback needs
    image: Path

    def function_code(self) -> "lambda_.AssetCode":
        """A new object for each stack; equal bytes are one asset all the same."""
        return _asset(self.functions)

    def predict_code(self) -> "lambda_.AssetCode":
        """Of the one function that answers by itself when the endpoint does not."""
        return _asset(self.predict)


def _asset(folder: Path) -> "lambda_.AssetCode":
    from aws_cdk import aws_lambda as lambda_  # seconds: a broken pipeline is told of before

    return lambda_.Code.from_asset(str(folder))


@contextmanager
def staged(pipeline: Path, environment: str, *, bundle: bool) -> Iterator[Sources]:
    """The sources of `pipeline` in a folder that lives as long as the block: CDK copies what it uses.

    Args:
        bundle: put the dependencies beside the sources of the functions.

    Raises:
        ConfigError: the pipeline cannot be used, or uv is missing or fails.
    """
    sources = [file for name in IMAGE_SOURCES for file in _files(CHECKOUT / name)]
    code_version = digest(CHECKOUT, [*sources, CHECKOUT / "uv.lock"])
    plan = compile_pipeline(pipeline, environment, code_version=code_version)
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        functions, predict, image = (Path(folder) / name for name in ("functions", "predict", "image"))
        staging = ((functions, FUNCTION_SOURCES), (predict, FUNCTION_SOURCES), (image, IMAGE_SOURCES))
        for target, names in staging:
            for name in names:
                _copy(CHECKOUT / name, target / name)
            write_plan(plan, pipeline, target / PIPELINE_DIR)
        for name in IMAGE_FILES:
            shutil.copyfile(CHECKOUT / name, image / name)
        (image / "training_jobs" / "Dockerfile").rename(image / "Dockerfile")
        if bundle:
            _install_dependencies(functions, DEPENDENCY_GROUP)
            _install_dependencies(predict, PREDICT_GROUP)
        yield Sources(plan, origin_of(pipeline), functions, predict, image)


def origin_of(pipeline: Path) -> Origin:
    """The commit, and whether anything that is shipped, the pipeline's folder included, differs from it."""
    shipped = [*IMAGE_SOURCES, *IMAGE_FILES, "infra", "step_functions", str(pipeline.resolve())]
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", *shipped)
    dirty = "unknown" if changed is None else str(bool(changed)).lower()
    lock = hashlib.sha256((CHECKOUT / "uv.lock").read_bytes()).hexdigest()
    return Origin(commit or "unknown", dirty, lock)


def _git(*arguments: str) -> str | None:
    """None where there is no git, no checkout, or a pipeline outside of it."""
    try:
        done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _install_dependencies(target: Path, group: str) -> None:
    """The wheels that the lock names for Lambda's platform, whatever this machine is."""
    requirements = target.with_name(f"{group}.txt")
    _uv(
        *("export", "--frozen", "--only-group", group, "--no-emit-project"),
        *("--output-file", str(requirements)),
    )
    _uv(
        *("pip", "install", "--target", str(target), "--python", sys.executable),
        *("--python-platform", PLATFORM, "--python-version", PYTHON),
        *("--only-binary", ":all:", "--no-deps", "--require-hashes", "--link-mode", "copy"),
        *("--requirements", str(requirements)),
    )
    (target / ".lock").unlink(missing_ok=True)  # uv's own
    shutil.rmtree(target / "bin", ignore_errors=True)


def _uv(*arguments: str) -> None:
    program = shutil.which("uv") or os.environ.get("UV")  # `uv run` names itself in UV
    if program is None:
        raise ConfigError(
            "uv is not on the PATH",
            cause="it packages the functions' dependencies",
            hint="install it from docs.astral.sh/uv, or `pip install uv`",
        )
    done = subprocess.run(
        [program, "--quiet", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(
            f"`uv {arguments[0]}` failed while packaging the functions",
            cause=" ".join(done.stderr.split()),
            hint="wheels come from uv's cache or the network: is there one of them?",
        )


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _copy(source: Path, target: Path) -> None:
    for file in _files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)  # without its mode: a checkout's umask is not part of the package
