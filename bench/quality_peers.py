"""Other validators on the same files and rules: an environment each, a fresh process for each measurement."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPTS = CHECKOUT / "bench" / "peers"
ENVIRONMENTS = CHECKOUT / ".tidegate" / "bench" / "environments"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
INSTALL_SECONDS = 600
RUN_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What is installed, and which script runs with which words before its files."""

    name: str
    environment: str
    requirements: tuple[str, ...]
    script: str
    words: tuple[str, ...] = ()
    compares: bool = False  # takes a current and a reference file, not a file and a plan


_PANDERA = ("pandera[pandas,polars]==0.35.0", "polars==2.1.0", "pyarrow<26")
_FRAMES = ("polars==2.1.0", "duckdb==2.0.0", "pyarrow<26")
PEERS = (
    Peer(
        name="Great Expectations",
        environment="great-expectations",
        requirements=("great-expectations==1.24.1", "pyarrow<26"),
        script="gx.py",
    ),
    Peer(
        name="pandera-pandas",
        environment="pandera",
        requirements=_PANDERA,
        script="pandera_frames.py",
        words=("pandas",),
    ),
    Peer(
        name="pandera-polars",
        environment="pandera",
        requirements=_PANDERA,
        script="pandera_frames.py",
        words=("polars",),
    ),
    Peer(
        name="polars, rules by hand",
        environment="frames",
        requirements=_FRAMES,
        script="handwritten.py",
        words=("polars",),
    ),
    Peer(
        name="DuckDB, rules by hand",
        environment="frames",
        requirements=_FRAMES,
        script="handwritten.py",
        words=("duckdb",),
    ),
    Peer(
        name="Evidently",
        environment="evidently",
        # its newest crashes with pandas 3 and newer plotly
        requirements=("evidently==0.7.23", "pandas<3", "plotly<6", "pyarrow<26"),
        script="evidently_drift.py",
        compares=True,
    ),
)


@dataclass(frozen=True)
class Skipped:
    """A peer that could not be measured, and why."""

    peer: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds of imports, of the rest and, of that, of reading into a frame, and the most memory held."""

    importing: float
    reading: float
    working: float
    megabytes: float


def measure(peer: Peer, *arguments: Path, variables: Mapping[str, str]) -> Cost | Skipped:
    """One run in a fresh process."""
    try:
        told = run(peer, arguments, variables)
    except subprocess.TimeoutExpired as cause:
        return Skipped(peer.name, f"not done after {cause.timeout:.0f} s")
    except subprocess.CalledProcessError as cause:
        said = (cause.stderr or cause.stdout or "").strip().splitlines()
        return Skipped(peer.name, said[-1][:200] if said else f"exit {cause.returncode}")
    seconds = told["seconds"]
    return Cost(
        importing=seconds["import"],
        reading=seconds.get("read", 0.0),
        working=sum(seconds.values()) - seconds["import"],
        megabytes=told["peak_bytes"] / 2**20,
    )


def run(peer: Peer, arguments: tuple[Path | str, ...], variables: Mapping[str, str]) -> dict[str, Any]:
    """What the peer's script tells: CPU seconds by phase, peak bytes, failed checks."""
    argv = [environment(peer), str(SCRIPTS / peer.script), *peer.words, *map(str, arguments)]
    done = subprocess.run(
        argv,
        env={**os.environ, **ONE_THREAD, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_SECONDS,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def environment(peer: Peer) -> str:
    """The peer's own python, installed on first use."""
    folder = ENVIRONMENTS / peer.environment
    python = folder / "bin" / "python"
    wanted = "\n".join(peer.requirements)
    installed = folder / "requirements.txt"
    if installed.is_file() and installed.read_text() == wanted:
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv") or str(CHECKOUT / ".tools" / "bin" / "uv")
    for argv in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *peer.requirements],
        [str(python), "-m", "compileall", "-q", str(folder / "lib")],  # imports are measured warm
    ):
        subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check="venv" in argv or "pip" in argv,
            timeout=INSTALL_SECONDS,
        )
    installed.write_text(wanted)
    return str(python)
