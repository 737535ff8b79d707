"""How the other verbs find the pipeline of `tidegate up`, and are not misled by one that was killed."""

import json
import os
import socket
import subprocess
import sys

import pytest

from tidegate_cli import local


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Write `.tidegate/local.json` of a checkout of its own."""
    monkeypatch.setattr(local, "state_folder", lambda: tmp_path)

    def write(**members):
        (tmp_path / "local.json").write_text(json.dumps(members))

    return write


@pytest.fixture
def listening():
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent():
    """An address where nothing listens, though its port is taken."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def members(url, pid):
    return {"url": url, "pid": pid, "prefix": "flights-dev", "resources": 150, "seconds": 3.0}


def ended_pid():
    """The pid of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_nothing_runs_where_nothing_was_started(record):
    assert local.running() is None


def test_a_pipeline_that_listens_is_found(record, listening):
    record(**members(listening, os.getpid()))
    assert local.running() == local.LocalCloud(**members(listening, os.getpid()))


def test_a_record_of_a_killed_process_is_not_believed(record, listening):
    record(**members(listening, ended_pid()))
    assert local.running() is None


def test_a_pid_that_is_another_process_by_now_is_not_believed(record, silent):
    record(**members(silent, os.getpid()))
    assert local.running() is None


def test_a_record_of_another_version_is_not_believed(record, listening):
    record(address=listening)
    assert local.running() is None


def test_the_record_is_there_as_long_as_the_pipeline(record, tmp_path, listening):
    cloud = local.LocalCloud(**members(listening, os.getpid()))
    with local.advertised(cloud):
        assert local.running() == cloud
    assert not (tmp_path / "local.json").exists()
