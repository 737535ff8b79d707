"""`tidegate ui`: MLflow's own page over the training runs, here or of the account's MLflow App."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import click

from tidegate_cli.assembly import CHECKOUT, state_folder
from tidegate_cli.failure import CommandError
from tidegate_cli.main import Options
from tidegate_cli.narration import Narrator
from tidegate_cli.place import current, prefix_of

START_SECONDS = 180  # the first time it is installed
STOP_SECONDS = 10
POLL_SECONDS = 0.2
LOG = "mlflow.log"
PAGES = "workflowType=machine_learning"  # not those for language models


@click.command("ui")
@click.option("--port", default=0, help="Port to listen on; 0 takes a free one")
@click.option("--open/--no-open", "opens", default=True, help="Open it in a browser")
@click.pass_obj
def command(options: Options, port: int, opens: bool) -> None:
    """Show the training runs in MLflow's own page, until Ctrl-C

    Runs of this machine stay when the pipeline ends. With --aws it prints a link to the MLflow App, which is
    good for five minutes.

    Example: tidegate ui
    """
    narrator = Narrator(quiet=options.quiet)
    if options.aws is not None:
        _show(_link(options), options, opens=opens)
        return
    store = state_folder() / "mlflow.db"
    if not store.exists():
        raise CommandError(
            "no training run has been recorded on this machine",
            cause=f"there is no {store.relative_to(CHECKOUT)}",
            hint="make demo, or `tidegate up` and `tidegate train`",
        )
    narrator.say("ui", "starting MLflow; the first time it is installed beside the pipeline")
    with _server(store, port) as url:
        _show(_landing(url, prefix_of(options.pipeline, options.environment)), options, opens=opens)
        narrator.say("", "Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(POLL_SECONDS)


def _show(url: str, options: Options, *, opens: bool) -> None:
    click.echo(json.dumps({"ok": True, "url": url}) if options.as_json else url)
    if opens:
        webbrowser.open(url)


def _landing(url: str, experiment: str) -> str:
    """The pipeline's runs; the list of experiments when it has none yet."""
    query = urlencode({"experiment_name": experiment})
    try:
        with urlopen(f"{url}/api/2.0/mlflow/experiments/get-by-name?{query}", timeout=30) as answer:  # noqa: S310
            found = json.loads(answer.read())["experiment"]["experiment_id"]
    except HTTPError:
        return f"{url}/#/experiments?{PAGES}"
    return f"{url}/#/experiments/{found}/runs?{PAGES}"


def _link(options: Options) -> str:
    place = current(options)
    app = place.outputs.get("MlflowApp")
    if app is None:
        raise CommandError(
            f"`{place.prefix}` has no MLflow App",
            cause="pipeline.toml: tracking.enabled is false, or tracking.uri names a server of your own",
        )
    answer = place.client("sagemaker").create_presigned_mlflow_app_url(Arn=app)
    return str(answer["AuthorizedUrl"])


def program() -> Sequence[str]:
    """How to run all of MLflow: from this environment where it is in it, else from the lock's group `ui`.

    Raises:
        CommandError: it is not here, and there is no uv to get it with.
    """
    with contextlib.suppress(PackageNotFoundError):
        version("mlflow")  # the client alone is mlflow-skinny
        return (sys.executable, "-m", "mlflow")
    own = CHECKOUT / ".tools" / "bin" / "uv"
    uv = shutil.which("uv") or os.environ.get("UV") or (str(own) if own.exists() else None)
    if uv is None:
        raise CommandError("MLflow's page is not installed", hint="type `make ui`, or install uv")
    return (uv, "--quiet", "run", "--frozen", "--isolated", "--only-group", "ui", "mlflow")


@contextlib.contextmanager
def _server(store: Path, port: int) -> Iterator[str]:
    port = port or _free_port()
    argv = [*program(), "server", "--backend-store-uri", f"sqlite:///{store}", "--workers", "1"]
    argv += ["--host", "127.0.0.1", "--port", str(port), "--default-artifact-root", str(_files(store))]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # for LLM evaluations; a process more
    }
    log = state_folder() / LOG
    with log.open("w") as out:
        process = subprocess.Popen(
            argv, cwd=CHECKOUT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(process)


def _files(store: Path) -> Path:
    return store.with_name("mlflow-files")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if _answers(port):
            return
        time.sleep(POLL_SECONDS)
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    raise CommandError(
        "MLflow's page did not start",
        cause=lines[-1] if lines else f"it does not answer on port {port}",
        hint=f"its whole log: {log.relative_to(CHECKOUT)}",
    )


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The server and its workers: a group of their own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
