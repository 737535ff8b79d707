"""What the container runs: one image, one entry point, the job named by its first argument.

train              SageMaker training and tuning jobs (SageMaker passes this word itself)
serve              SageMaker endpoints (this one too)
evaluate, measure, compute_features  processing jobs
functions.X.handler   a Lambda function of the same image
"""

import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType

import tidegate
import training_jobs
from tidegate.errors import TidegateError
from training_jobs.paths import PIPELINE, Paths

JOBS = "train, serve, evaluate, measure, compute_features"
FAILURE_CHARACTERS = 1024  # what SageMaker takes of a training job's failure file
MESSAGE_BYTES = 1024  # and of a processing job's message, which must be UTF-8
STOPPED_EXIT_CODE = 143
ASK_AGAIN_SECONDS = 5  # far more than a job takes to leave, far less than SageMaker waits
stopping = threading.Event()


def main() -> int:
    """Run the job; the exit code says whether it succeeded."""
    if len(sys.argv) < 2:  # noqa: PLR2004  the program and its one argument
        sys.stderr.write(f"error: no job named\n  hint:  one of {JOBS}\n{__doc__}")
        return 2
    job = sys.argv[1]
    if job.startswith("functions."):
        return _lambda(job)
    signal.signal(signal.SIGTERM, _stop)
    paths = Paths.of_environment()
    try:
        return _run(job, paths)
    except TidegateError as error:
        return _fail(paths, error, str(error))
    except MemoryError as error:
        hint = "choose a larger instance type in pipeline.toml"
        return _fail(paths, error, f"out of memory\n  cause: {error or _where(error)}\n  hint:  {hint}")
    except Exception as error:  # noqa: BLE001  the process edge: the user's own frame and message first, then the trace
        if not stopping.is_set():
            traceback.print_exc()
        return _fail(paths, error, f"{error}\n  cause: {_where(error)}")


def _run(job: str, paths: Paths) -> int:
    if job == "train":
        from training_jobs import train

        train.main(paths)
    elif job == "evaluate":
        from training_jobs import evaluate

        evaluate.main(paths)
    elif job == "measure":
        from training_jobs import measure

        measure.main(paths)
    elif job == "compute_features":
        from training_jobs import compute_features

        compute_features.main(paths)
    elif job == "serve":
        from training_jobs import serve

        serve.main(paths)
    else:
        raise TidegateError(f"no job `{job}`", hint=f"one of {JOBS}")
    return 0


def _lambda(handler: str) -> int:
    """Hand over to AWS's runtime client, as AWS's own images do."""
    from awslambdaric import __main__ as runtime

    runtime.main(["awslambdaric", handler])
    return 0


def _where(error: BaseException) -> str:
    """The innermost line of the user's or our own code: a library's tells nobody what to change."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [PIPELINE.resolve(), *(Path(package.__path__[0]) for package in (training_jobs, tidegate))]
    own = [frame for frame in frames if any(Path(frame.filename).resolve().is_relative_to(f) for f in ours)]
    frame = (own or frames)[-1]
    return f"{os.path.relpath(frame.filename)}:{frame.lineno}  {frame.line}"


def _stop(number: int, frame: FrameType | None) -> None:
    """End the job; again a little later, where the exit was swallowed.

    A `__del__` or a compiled callback that may not raise swallows it, and the fit would go on until the kill.
    """
    stopping.set()
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_SECONDS)
    sys.exit(STOPPED_EXIT_CODE)


def _fail(paths: Paths, error: BaseException, text: str) -> int:
    """Say why in the two files that SageMaker reads: after training, and after processing.

    They begin with the error's name, by which the state machine tells one failure from another.
    """
    if stopping.is_set():  # an import that is interrupted fails as an import does
        return STOPPED_EXIT_CODE
    sys.stderr.write(f"error: {text}\n")
    said = f"{type(error).__name__}: {text}"
    with contextlib.suppress(OSError):  # a full disk must not hide what filled it: the log has it all
        paths.failure.parent.mkdir(parents=True, exist_ok=True)
        paths.failure.write_text(said[:FAILURE_CHARACTERS], encoding="utf-8")
        paths.message.write_bytes(said.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode())
    return 1


if __name__ == "__main__":
    sys.exit(main())
