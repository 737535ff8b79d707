"""One feature hash on every Python: the digests of this one against those of others that the machine has.

Every construct whose tree Pythons write differently is in feature_code/syntax.txt; numpy is not needed.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.feature_store.feature_file import load
from tidegate.feature_store.feature_hash import code_of, digest

REPOSITORY = Path(__file__).parents[2]
FLIGHTS = REPOSITORY / "examples" / "flights" / "features.py"
FOLDER = Path(__file__).parent / "feature_code"
OLDEST, NEWEST = 11, 15  # minor versions


def others():
    """A python3.x of each other version on the PATH, or that a version manager's shims there stand for."""
    folders = [Path(name) for name in os.environ["PATH"].split(os.pathsep) if name]
    managed = [each for folder in folders for each in (folder.parent / "versions").glob("*/bin")]
    found = {}
    for folder in [*managed, *folders]:
        for minor in range(OLDEST, NEWEST + 1):
            program = folder / f"python3.{minor}"
            if minor != sys.version_info.minor and minor not in found and _is_one(program, minor):
                found[minor] = program
    return found


def _is_one(program, minor):
    """Whether it runs: a shim may stand for nothing."""
    if not program.is_file():
        return False
    asked = [program, "-I", "-c", "import sys; print(sys.version_info.minor)"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() == str(minor)


def digests(program):
    script, syntax = FOLDER / "digests.py", FOLDER / "syntax.txt"
    done = subprocess.run(
        [program, "-I", "-B", script, FLIGHTS, syntax], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_other_python_here_gives_the_same_digests():
    found = others()
    if not found:
        pytest.skip("no other Python from 3.11 on is on the PATH")
    ours = digests(sys.executable)
    assert {minor: digests(program) for minor, program in found.items()} == dict.fromkeys(found, ours)


def test_the_digests_are_those_of_the_definitions_as_loaded():
    transforms = load(FLIGHTS, "flight_delay").transforms
    assert digests(sys.executable)[0] == {
        each.plan.name: digest(code_of(each.function)) for each in transforms
    }


def test_the_digests_change_with_the_code(tmp_path):
    changed = tmp_path / "features.py"
    changed.write_text(FLIGHTS.read_text().replace("86400", "86401"))
    [now] = [each for each in load(changed, "flight_delay").transforms if each.plan.name == "day_of_week"]
    assert digest(code_of(now.function)) != digests(sys.executable)[0]["day_of_week"]


def test_the_syntax_file_holds_what_pythons_write_differently():
    """So that nobody tidies it away."""
    text = (FOLDER / "syntax.txt").read_text()
    for construct in (r'f"\{a:\}', r'"b" f"', r"\{a=\}", r'u"old"', r"match a", r":=", r'"""A docstring\n '):
        assert re.search(construct, text), construct
