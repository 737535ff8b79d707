"""The readers and parsers under atheris, each for a while, in a process whose memory and time are bounded."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent  # by its place: a package somebody installed may be called `tests`, too
SECONDS = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None,
        reason="atheris is not installed: it has wheels for Linux on x86 alone",
    ),
]


@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet", "notifications", "manifest"])
def test_no_input_that_is_found_does_anything_but_give_rows_or_a_refusal(target, tmp_path):
    command = [sys.executable, FUZZ, target, f"--seconds={SECONDS}", f"--artefacts={tmp_path}"]
    done = subprocess.run(
        command, cwd=FUZZ.parents[1], capture_output=True, text=True, timeout=SECONDS + 90, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "stat::number_of_executed_units" in done.stderr
    assert list(tmp_path.iterdir()) == []
