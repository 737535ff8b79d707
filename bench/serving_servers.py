"""The servers that bench.serving compares, each with the body that it takes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.quality_peers import CHECKOUT, SCRIPTS, Peer, environment
from bench.serving_load import Server
from bench.serving_model import COLUMNS, LEVELS, Served

_SKLEARN = ("scikit-learn==1.9.1", "pandas==3.1.1", "numpy==2.4.6", "joblib==1.6.0")
_UVICORN = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log", "--log-level", "warning")
_UVLOOP = ("--loop", "uvloop", "--http", "httptools", "--lifespan", "off")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server, made when its turn comes: a peer is installed on first use. `body` is of n rows."""

    name: str
    make: Callable[[], Server]
    body: Callable[[int], bytes]


def ours(served: Served, root: Path) -> Contender:
    """The container's own entry point on an artefact."""
    root.mkdir(exist_ok=True)
    if not (root / "model").exists():
        (root / "model").symlink_to(served.artefact, target_is_directory=True)
    server = Server(
        name="tidegate",
        argv=[sys.executable, "-m", "training_jobs.entry", "serve"],
        variables={
            "SAGEMAKER_BASE_DIR": str(root),
            "SAGEMAKER_BIND_TO_PORT": "{port}",
            "SAGEMAKER_BIND_TO_HOST": "127.0.0.1",
        },
        folder=CHECKOUT,
    )
    return Contender(name="tidegate", make=lambda: server, body=served.body)


def echoes(served: Served) -> tuple[Contender, Contender]:
    """The least that HTTP costs: by a protocol of its own, and behind uvicorn."""
    raw = Server(name="raw echo", argv=[sys.executable, str(SCRIPTS / "serve_echo.py"), "{port}"])
    asgi = Server(
        name="uvicorn echo",
        argv=[sys.executable, "-m", "uvicorn", "serve_echo:app", *_UVICORN, *_UVLOOP],
        folder=SCRIPTS,
    )
    return (
        Contender(name=raw.name, make=lambda: raw, body=served.body),
        Contender(name=asgi.name, make=lambda: asgi, body=served.body),
    )


def peers(served: Served, folder: Path) -> list[Contender]:
    """As their own documentation starts them, one worker each."""
    model = {"PEER_MODEL": str(served.joblib)}
    scorer = {"PEER_SCORER": str(served.artefact), "PEER_PATH": os.pathsep.join([str(CHECKOUT)])}
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    return [
        Contender(name="Flask + sklearn", make=lambda: _flask(model), body=served.body),
        Contender(name="FastAPI + sklearn", make=lambda: _fastapi(model), body=served.body),
        Contender(name="BentoML + sklearn", make=lambda: _bentoml(model | quiet), body=served.body),
        Contender(name="BentoML + our scorer", make=lambda: _bentoml(scorer | quiet), body=served.body),
        Contender(
            name="MLServer + sklearn", make=lambda: _mlserver(served, folder), body=lambda n: _v2(served, n)
        ),
        Contender(
            name="mlflow models serve", make=lambda: _mlflow(served, folder), body=lambda n: _split(served, n)
        ),
    ]


def _program(name: str, word: str, *requirements: str) -> str:
    """A program of the peer's own environment."""
    peer = Peer(name=name, environment=f"serving-{name}", requirements=(*requirements, *_SKLEARN), script="")
    return str(Path(environment(peer)).parent / word)


def _flask(variables: dict[str, str]) -> Server:
    gunicorn = _program("flask", "gunicorn", "flask==3.1.3", "gunicorn==27.0.1")
    words = ["-w", "1", "-k", "gthread", "--threads", "4", "-b", "127.0.0.1:{port}", "serve_flask:app"]
    return Server(name="Flask + sklearn", argv=[gunicorn, *words], variables=variables, folder=SCRIPTS)


def _fastapi(variables: dict[str, str]) -> Server:
    uvicorn = _program("fastapi", "uvicorn", "fastapi==0.165.0", "uvicorn[standard]==0.54.0")
    argv = [uvicorn, "serve_fastapi:app", *_UVICORN]
    return Server(name="FastAPI + sklearn", argv=argv, variables=variables, folder=SCRIPTS)


def _bentoml(variables: dict[str, str]) -> Server:
    bentoml = _program("bentoml", "bentoml", "bentoml==1.4.40", "msgspec==0.22.0")
    argv = [bentoml, "serve", "serve_bentoml:Service", "--host", "127.0.0.1", "--port", "{port}"]
    return Server(name="BentoML", argv=argv, variables=variables, folder=SCRIPTS, ping="/readyz")


def _mlserver(served: Served, folder: Path) -> Server:
    mlserver = _program("mlserver", "mlserver", "mlserver==1.7.1", "mlserver-sklearn==1.7.1")
    place = folder / "mlserver"
    place.mkdir(exist_ok=True)
    settings = {"parallel_workers": 0, "use_structured_logging": False, "debug": False, "host": "127.0.0.1"}
    model = {
        "name": "made",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(served.joblib)},
    }
    (place / "settings.json").write_text(json.dumps(settings))
    (place / "model-settings.json").write_text(json.dumps(model))
    ports = {"MLSERVER_HTTP_PORT": "{port}", "MLSERVER_GRPC_PORT": "0", "MLSERVER_METRICS_PORT": "0"}
    return Server(
        name="MLServer + sklearn",
        argv=[mlserver, "start", str(place)],
        variables=ports,
        ping="/v2/models/made/ready",
        path="/v2/models/made/infer",
    )


def _mlflow(served: Served, folder: Path) -> Server:
    mlflow = _program("mlflow", "mlflow", "mlflow==3.17.2")
    place = folder / "mlflow"
    if not place.exists():
        python = str(Path(mlflow).parent / "python")
        argv = [python, str(SCRIPTS / "save_mlflow.py"), str(served.joblib), str(place)]
        subprocess.run(argv, check=True, capture_output=True, cwd=folder)
    words = ["models", "serve", "-m", str(place), "--env-manager", "local", "--workers", "1"]
    path = f"{Path(mlflow).parent}{os.pathsep}{os.environ['PATH']}"
    return Server(
        name="mlflow models serve",
        argv=[mlflow, *words, "--host", "127.0.0.1", "--port", "{port}"],
        variables={"PATH": path},
        folder=folder,
    )


def _v2(served: Served, rows: int) -> bytes:
    """The Open Inference Protocol's body, a tensor for each column."""
    inputs = []
    for name in COLUMNS:
        data = [record[name] for record in served.records[:rows]]
        kind = (
            {"datatype": "BYTES", "parameters": {"content_type": "str"}}
            if name in LEVELS
            else {"datatype": "FP64"}
        )
        inputs.append({"name": name, "shape": [rows, 1], "data": data, **kind})
    outputs = [{"name": "predict_proba"}]
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": outputs}).encode()


def _split(served: Served, rows: int) -> bytes:
    data = [[record[name] for name in COLUMNS] for record in served.records[:rows]]
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": data}}).encode()
