"""The command of the local cloud: `python -m localcloud serve | coverage`."""

import argparse
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from localcloud.errors import CloudError

YES, COULD_NOT = 0, 2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedError(BaseException):
    """Somebody wants this process to end; raised wherever it is, be it in the middle of a deployment."""


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    say = Narrator(as_json=options.json)
    try:
        return serve(options, say) if options.verb == "serve" else coverage(options)
    except CloudError as error:
        say.error(error.what, error.cause, error.hint)
    except Exception as error:  # the edge of the process
        logging.getLogger(__name__).exception("the local cloud failed")
        say.error("the local cloud failed", f"{type(error).__name__}: {error}", "the log above says where")
    return COULD_NOT


def serve(options: argparse.Namespace, say: "Narrator") -> int:
    from localcloud import lambda_, server

    for number in ENDINGS:
        signal.signal(number, _end)
    if options.parent_pid:
        server.end_with(options.parent_pid)
    with contextlib.suppress(EndedError), server.start(options.port, kept=options.keep) as running:
        if running.dropped:
            names = ", ".join(running.dropped)
            say.event(
                "dropped", f"not handed on: {names}; workers could reach real AWS", names=running.dropped
            )
        say.event("listening", f"listening on {running.url}", url=running.url, pid=os.getpid())
        if options.assembly:
            begun = time.monotonic()
            deployment = running.deploy(options.assembly)
            seconds = round(time.monotonic() - begun, 2)
            counts = {"stacks": len(deployment.stacks), "resources": len(deployment.resources)}
            text = "deployed {resources} resources of {stacks} stacks".format(**counts)
            say.event("deployed", f"{text} in {seconds} s", **counts, seconds=seconds)
        _collect_rarely()
        if options.warm_up:
            lambda_.warm_up()
        signal.pause()
    say.event("ended", "ended")
    return YES


def _collect_rarely() -> None:
    """Look for cycles seldom, and never among what is there now.

    Nearly all that comes is state that stays: looking through it again and again cost a tenth of this
    process's CPU. Garbage in cycles waits some megabytes longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _end(number: int, frame: object) -> None:
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)  # once is enough: closing has its own time limits
    raise EndedError


def coverage(options: argparse.Namespace) -> int:
    from localcloud import coverage as table
    from localcloud.assembly import read

    found = table.summary(table.rows(read(options.assembly)))
    if options.json:
        sys.stdout.write(f"{json.dumps(found)}\n")
        return YES
    for row in found["resources"]:
        sys.stdout.write(f"{row['how']:9} {row['type']:40} {row['id']:50} {row['why']}\n")
    counts = (f"{found[how]} {how}" for how in ("executed", "emulated", "inert", "unknown"))
    sys.stdout.write(f"{', '.join(counts)}\n")
    return YES


class Narrator:
    """One line for each event on stdout: a sentence, or a JSON object."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def event(self, name: str, text: str, **facts: Any) -> None:
        self._say(json.dumps({"event": name, **facts}) if self._as_json else text)

    def error(self, what: str, cause: str, hint: str) -> None:
        if self._as_json:
            self.event("error", what, what=what, cause=cause, hint=hint)
        else:
            sys.stderr.write(f"error: {CloudError(what, cause=cause, hint=hint)}\n")

    def _say(self, line: str) -> None:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads any more; serving goes on
            self._say = lambda line: None  # type: ignore[method-assign]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="AWS on this machine")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve", help="serve AWS's API on 127.0.0.1 until interrupted")
    serving.add_argument("--port", type=int, default=4566, help="0 picks a free one (default: %(default)s)")
    serving.add_argument("--assembly", type=_folder, help="a CDK cloud assembly (cdk.out) to deploy")
    serving.add_argument("--keep", type=_folder, help="a folder for MLflow's runs; else they go at the end")
    serving.add_argument("--warm-up", action="store_true", help="start functions before they are called")
    serving.add_argument("--parent-pid", type=int, help="end when this process is gone")
    covering = verbs.add_parser("coverage", help="how each resource of an assembly fares here")
    covering.add_argument("--assembly", type=_folder, required=True, help="a CDK cloud assembly (cdk.out)")
    for verb in (serving, covering):
        verb.add_argument("--json", action="store_true", help="machine-readable output")
    return parser


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"no folder {text}")
    return path


if __name__ == "__main__":
    sys.exit(main())
