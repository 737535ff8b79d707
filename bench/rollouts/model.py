"""A model that turns bad as a file says: its server, its image and its signed artefact.

It answers 0.8 in even hours and 0.2 in odd ones, and that is how outcomes come. Whom a fault meets first is
said, too: the golden rows, copied requests or only users.
"""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud import cloud, images
from localcloud.assembly import Assembly, ImageAsset, Stack
from tidegate.training import signing

GOLDEN = [
    {"instance": {"hour": hour}, "answer": {"probability": 0.2 if hour % 2 else 0.8}} for hour in (7, 8, 9)
]
SLOW_SECONDS = 0.8
DRIFT_ANSWERS = 2000  # until a drifting score says the opposite of what it should
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nENTRYPOINT ["python", "entry.py"]\n'
SERVER = f"""
import http.server, json, os, pathlib, random, sys, time
model = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
version, control = (model / "version").read_text(), pathlib.Path((model / "control").read_text())
dead = control.with_name("dead-" + version)
(control.parent / "pids").mkdir(exist_ok=True)
(control.parent / "pids" / str(os.getpid())).write_text(version)
answered = 0

def behaviour():
    name, bad_version, meets = json.loads(control.read_text())
    return (name, meets) if version == bad_version else ("good", "")

if dead.exists() or behaviour() == ("never-healthy", "golden"):
    sys.exit("the model cannot be loaded")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        global answered
        instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        fault, meets = behaviour()
        asked_by = self.headers.get("X-Amzn-SageMaker-Inference-Id", "").partition("-")[0]
        spared = {{"golden": (), "mirror": ("golden",)}}.get(meets, ("golden", "mirror"))
        if asked_by in spared:
            fault = "good"
        if fault == "never-healthy":
            dead.touch()
        if fault in ("crash-loop", "never-healthy"):
            os._exit(1)
        if fault in ("5xx-1%", "5xx-50%") and random.random() < float(fault[4:-1]) / 100:
            return self.answer(500, b"division by zero")
        if fault == "10x-latency":
            time.sleep({SLOW_SECONDS})
        moved = 1 if fault == "swapped" else 0
        if fault == "drifting":
            answered += 1
            moved = min(1, answered / {DRIFT_ANSWERS})
        found = []
        for instance in instances:
            value = 0.2 if instance.get("hour", 8) % 2 else 0.8
            value = float("nan") if fault == "nan" else value + moved * (1 - 2 * value)
            found.append(value if fault == "wrong-shape" else {{"probability": value}})
        self.answer(200, json.dumps({{"predictions": found, "model": version}}).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


def expected(hour: int) -> float:
    """What a good model answers."""
    return 0.2 if hour % 2 else 0.8


def outcome(hour: int) -> int:
    """What comes of it."""
    return int(random.random() < expected(hour))  # noqa: S311  no secret


def control(fault: str, version: str, meets: str) -> str:
    """What the servers read: how `version` behaves from its first request of that kind on."""
    return json.dumps([fault, version, meets])


def processes(folder: Path, version: str) -> list[int]:
    """Ids of the servers of a version, those that ended included."""
    pids = folder / "pids"
    return [int(file.name) for file in pids.iterdir() if file.read_text() == version] if pids.exists() else []


def image(folder: Path) -> str:
    """The URI of the server's image, which the local cloud runs from this folder."""
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "entry.py").write_text(SERVER)
    asset = ImageAsset(
        id="rollout",
        folder=folder,
        dockerfile="Dockerfile",
        target="",
        arguments={},
        destinations=(("images", "rollout"),),
    )
    stack = Stack(id="rollout", name="rollout", template_file=folder / "none.json", images=(asset,))
    images.register(Assembly(folder, (stack,)))
    return f"{cloud.ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/images:rollout"


def artefact(files: Mapping[str, bytes], *, feature_hash: str, kms: Any, alias: str) -> bytes:
    """A model.tar.gz signed by the pipeline's key, as a training job's."""
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    manifest = json.dumps({"feature_hash": feature_hash, "sha256": digests}).encode()
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    signature = kms.sign(
        KeyId=key,
        Message=signing.digest(manifest),
        MessageType="DIGEST",
        SigningAlgorithm=signing.ALGORITHM,
    )["Signature"]
    signed = signing.Signature(key=key, algorithm=signing.ALGORITHM, signature=signature).to_bytes()
    return _tarred({**files, signing.MANIFEST: manifest, signing.SIGNED: signed})


def _tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(body)
            tar.addfile(item, io.BytesIO(body))
    return buffer.getvalue()
