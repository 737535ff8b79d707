"""What is shipped: the sources staged as the zip of the control functions and as the folder of the one image.

Nothing is built at synthesis but the zip's dependencies, and those by uv from the lock, without Docker.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from infra.pipeline import compile_pipeline, digest, write_plan
from tidegate.errors import ConfigError
from tidegate.plan import Plan

CHECKOUT = Path(__file__).resolve().parents[1]
FUNCTION_SOURCES = ("functions", "tidegate")
IMAGE_SOURCES = (*FUNCTION_SOURCES, "training_jobs")
IMAGE_FILES = ("pyproject.toml", "uv.lock")
PIPELINE_DIR = "pipeline"  # in both: beside the sources, which are the working directory
PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"  # of the functions; wheels only, so any machine can package them
DEPENDENCY_GROUP = "control"


@dataclass(frozen=True)
class Sources:
    """The staged folders of one pipeline, and its plan."""

    plan: Plan
    functions: Path
    image: Path
    bundle: bool  # whether the zip gets its dependencies

    def function_code(self) -> lambda_.AssetCode:
        """A new object for each stack; equal bytes are one asset all the same."""
        # the lock decides the dependencies, so it belongs in the hash, with or without a bundle
        files = [*_files(self.functions), self.image / "uv.lock"]
        return lambda_.Code.from_asset(
            str(self.functions),
            asset_hash_type=AssetHashType.CUSTOM,
            asset_hash=digest(self.functions.parent, files),
            bundling=BundlingOptions(
                image=DockerImage.from_registry("unused"),  # the type requires one; it is never run
                local=UvBundling(self.functions),
            )
            if self.bundle
            else None,
        )


@contextmanager
def staged(pipeline: Path, environment: str, *, bundle: bool) -> Iterator[Sources]:
    """The sources of `pipeline` in a folder that lives as long as the block: CDK copies what it uses.

    Raises:
        ConfigError: the pipeline cannot be used.
    """
    sources = [file for name in IMAGE_SOURCES for file in _files(CHECKOUT / name)]
    code_version = digest(CHECKOUT, [*sources, CHECKOUT / "uv.lock"])
    plan = compile_pipeline(pipeline, environment, code_version=code_version)
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        functions, image = Path(folder) / "functions", Path(folder) / "image"
        for target, names in ((functions, FUNCTION_SOURCES), (image, IMAGE_SOURCES)):
            for name in names:
                _copy(CHECKOUT / name, target / name)
            write_plan(plan, pipeline, target / PIPELINE_DIR)
        for name in IMAGE_FILES:
            shutil.copyfile(CHECKOUT / name, image / name)
        (image / "training_jobs" / "Dockerfile").rename(image / "Dockerfile")
        yield Sources(plan, functions, image, bundle)


@jsii.implements(ILocalBundling)
class UvBundling:
    """Sources and locked wheels in one folder."""

    def __init__(self, sources: Path) -> None:
        self.sources = sources

    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        """Fill `output_dir`. Never False: CDK would then look for Docker."""
        target = Path(output_dir)
        requirements = _uv("export", "--frozen", "--only-group", DEPENDENCY_GROUP, "--no-emit-project")
        _uv(
            *("pip", "install", "--target", str(target), "--python", sys.executable),
            *("--python-platform", PLATFORM, "--python-version", PYTHON),
            *("--only-binary", ":all:", "--no-deps", "--require-hashes", "--link-mode", "copy"),
            *("--requirements", "-"),
            text=requirements,
        )
        (target / ".lock").unlink(missing_ok=True)
        shutil.rmtree(target / "bin", ignore_errors=True)
        shutil.copytree(self.sources, target, dirs_exist_ok=True)
        return True


def _uv(*arguments: str, text: str = "") -> str:
    program = shutil.which("uv") or os.environ.get("UV")  # `uv run` names itself in UV
    if program is None:
        raise ConfigError(
            "uv is not on the PATH",
            cause="it packages the functions' dependencies",
            hint="install it from docs.astral.sh/uv, or `pip install uv`",
        )
    done = subprocess.run(
        [program, *arguments, "--quiet"],
        cwd=CHECKOUT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(
            f"`uv {arguments[0]}` failed while packaging the functions",
            cause=" ".join(done.stderr.split()),
            hint="run `uv sync` once with a network connection: it fills the cache",
        )
    return done.stdout


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _copy(source: Path, target: Path) -> None:
    for file in _files(source):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)  # without its mode: a checkout's umask is not part of the package
