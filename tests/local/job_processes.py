"""Finding the processes of a pipeline's jobs, and doing to them what machines do: kill, starve, stall."""

import contextlib
import os
import resource
import signal
import time
from pathlib import Path

# where the local cloud keeps a job's /opt/ml, up to the run in its name
FOLDERS = {
    "TuneModel": "/training-job/tune-",
    "TrainModel": "/training-job/train-",
    "EvaluateCandidate": "/processing-job/evaluate-",
}
FULL_BYTES = 2048  # a file that a full disk still takes; the parts of a model and an evaluation are larger


def of_state(url, state, seconds=90):
    """The process of the job that `state` started in the local cloud at `url`, as soon as it is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and _is_job(process, url, FOLDERS[state]):
                return int(process.name)
        time.sleep(0.01)
    raise TimeoutError(f"{state} started no job")


def alive(pid):
    return Path(f"/proc/{pid}/environ").exists()


def kill(pid):
    """As the kernel ends a process when the memory of the machine is used up."""
    os.kill(pid, signal.SIGKILL)


def end(pid):
    """Ended from outside, with an exit code and without a word."""
    os.kill(pid, signal.SIGTERM)


def fill_disk(pid):
    """No file can grow any more: writes fail as on a full disk, with another number."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))


def use_up_memory(pid, seconds=60):
    """Once the libraries are loaded, not one page more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and "_hist_gradient_boosting" not in Path(f"/proc/{pid}/maps").read_text():
        time.sleep(0.01)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE")
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def stall(pid, seconds):
    """Nothing moves for so long."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _is_job(process, url, folder):
    try:
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is another person's
        return False
    given = dict(line.partition(b"=")[::2] for line in environment)
    root = given.get(b"SAGEMAKER_BASE_DIR", b"").decode()
    return folder in root and given.get(b"AWS_ENDPOINT_URL", b"").decode() == url
