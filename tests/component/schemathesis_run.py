"""Schemathesis, in an environment of its own, against an API that is asked for what it says of itself."""

import os
import shutil
import subprocess

import pytest

TOOL = ("tool", "run", "--from", "schemathesis>=4", "schemathesis")
CONFIG = """
[checks]
# API Gateway itself answers methods without a route, by 404 where the check wants 405
unsupported_method.enabled = false
# and says 403 of what is not signed by IAM where the check takes 401 only
missing_required_header.enabled = false
# of a list that is too long 413
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 406, 413, 422, 428]
"""


def finds_nothing(document_url, folder, *options):
    """Fail with what it found. `folder` is where it keeps what it learns."""
    uv = shutil.which("uv")
    argv = [uv, *TOOL]
    if uv is None or subprocess.run([*argv, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("schemathesis cannot be had: uv finds it neither in its cache nor on the network")
    (folder / "schemathesis.toml").write_text(CONFIG)
    done = subprocess.run(
        [*argv, "run", document_url, "--seed=1", "--max-examples=60", "--no-color", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    told = [line[:300] for line in (done.stdout + done.stderr).splitlines()]  # a body may have 1000 rows
    assert done.returncode == 0, "\n".join(told[-100:])
