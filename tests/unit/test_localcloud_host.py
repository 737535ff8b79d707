"""The clock that processes of the local cloud are given by their host."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud.host import sitecustomize as host

DAY_NS = 86_400 * 10**9
TELL = """
import sys, time
from datetime import UTC, date, datetime
for line in sys.stdin:
    print(time.time(), datetime.now(UTC).timestamp(), datetime.utcnow().replace(tzinfo=UTC).timestamp(),
          time.time_ns() / 1e9, time.clock_gettime(time.CLOCK_REALTIME), datetime.now(UTC).toordinal(),
          time.monotonic(), flush=True)
"""


@pytest.fixture
def file(tmp_path):
    host.write(tmp_path / "clock", 0)
    return tmp_path / "clock"


def ask(process):
    process.stdin.write("now\n")
    process.stdin.flush()
    return [float(word) for word in process.stdout.readline().split()]


def test_a_running_process_sees_a_jump_at_once_in_everything_that_tells_the_time(file):
    environment = {"PYTHONPATH": str(Path(host.__file__).parent), host.CLOCK_FILE: str(file), "TZ": "UTC"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TELL],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        *before, _, monotonic = ask(process)
        host.write(file, 12 * DAY_NS)
        *after, day, later = ask(process)
        process.stdin.close()
    real = time.time()
    assert all(told == pytest.approx(real, abs=60) for told in before)
    assert all(told == pytest.approx(real + 12 * 86_400, abs=60) for told in after)
    assert day - datetime.now(UTC).toordinal() in {11, 12, 13}
    assert 0 <= later - monotonic < 60


def test_a_process_without_the_variable_keeps_the_machines_time(file):
    host.write(file, DAY_NS)
    environment = {"PYTHONPATH": str(Path(host.__file__).parent)}
    told = subprocess.check_output(
        [sys.executable, "-c", "import time; print(time.time())"], env=environment, text=True
    )
    assert float(told) == pytest.approx(time.time(), abs=60)


def test_this_process_follows_a_cloud_and_comes_back(file):
    real = time.time()
    host.write(file, 5 * DAY_NS)
    followed = host.follow(file)
    try:
        assert time.time() - real == pytest.approx(5 * 86_400, abs=60)
        assert datetime.now(UTC).timestamp() - real == pytest.approx(5 * 86_400, abs=60)
        assert host.real_time_ns() / 1e9 == pytest.approx(real, abs=60)
    finally:
        host.leave(followed)
    assert time.time() == pytest.approx(real, abs=60)


def test_the_cloud_followed_last_is_the_one_that_counts_whoever_leaves_first(file, tmp_path):
    other = tmp_path / "other"
    host.write(file, DAY_NS)
    host.write(other, 2 * DAY_NS)
    real = time.time()
    first, second = host.follow(file), host.follow(other)
    assert time.time() - real == pytest.approx(2 * 86_400, abs=60)
    host.leave(first)
    assert time.time() - real == pytest.approx(2 * 86_400, abs=60)
    host.leave(second)
    assert time.time() == pytest.approx(real, abs=60)
