"""The account of `bench.rollout`: the example on a local cloud, and a model that behaves as a file says."""

import hashlib
import io
import json
import re
import shutil
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcloud import cloud, images, server
from localcloud.assembly import Assembly, ImageAsset, Stack
from tidegate import signing
from tidegate.aws import feature_sets
from tidegate.aws.state import State, ViewState
from tidegate.plan import Plan
from tidegate_cli.assembly import synthesize

FLIGHTS = Path(__file__).resolve().parents[1] / "examples" / "flights"
THOROUGH_REQUESTS, THOROUGH_SHARE = 700, 0.001
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nENTRYPOINT ["python", "entry.py"]\n'
GOLDEN = [{"instance": {"golden": True}, "answer": {"probability": 0.5}}] * 3
SERVER = """
import http.server, json, os, pathlib, random, sys, time
model = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
version, control = (model / "version").read_text(), pathlib.Path((model / "control").read_text())
started = time.time()

def behaviour():
    name, _, bad_version = control.read_text().partition(" ")
    return name if version == bad_version else "good"

if behaviour() == "never-healthy":
    sys.exit("the model cannot be loaded")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        fault, value = behaviour(), 0.5
        if fault == "crash-loop":
            os._exit(1)
        if fault in ("5xx-1%", "5xx-50%") and random.random() < float(fault[4:-1]) / 100:
            return self.answer(500, b"division by zero")
        if fault == "10x-latency":
            time.sleep(1.2)
        if fault == "nan":
            value = float("nan")
        if fault.startswith("swapped"):
            value = 0.75
        if fault == "drifting":
            value = 0.5 + (time.time() - started) / 1000
        found = [0.5 if fault == "wrong-shape" else {"probability": value} for _ in instances]
        self.answer(200, json.dumps({"predictions": found, "model": version}).encode())

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


@dataclass
class Place:
    """One local cloud with the deployed example."""

    client: Any
    outputs: dict[str, str]
    image: str
    control: Path
    plan: Plan
    candidate: str = ""

    @property
    def endpoint(self) -> str:
        return self.outputs["EndpointName"]

    def behave(self, fault: str) -> None:
        """How the candidate answers from now on; what serves already stays good."""
        self.control.write_text(f"{fault} {self.candidate}")

    def approve_first(self) -> None:
        """A first champion."""
        self.behave("good")
        ended = self.wait_for_end(self.approve(), 120)
        if ended["status"] != "SUCCEEDED":
            raise RuntimeError(f"the first model was not promoted: {ended.get('cause')}")

    def approve(self, broken: str = "") -> str:
        """Approve a new version; the ARN of its rollout, once the rollouts before are over."""
        self._wait_until_quiet()
        self.candidate = f"v{uuid.uuid4().hex[:8]}"
        self.behave(broken or "good")
        began = time.time()
        self._register()
        while True:
            found = self._executions()
            if found and found[0]["startDate"].timestamp() >= began:
                return str(found[0]["executionArn"])
            time.sleep(0.05)

    def wait_for_weight(self, execution: str, weight: float, seconds: float) -> bool:
        """Whether the candidate reached so much of the traffic before the rollout ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._running(execution):
            shares = self._shares()
            if any(name != self._champion() and share >= weight for name, share in shares.items()):
                return True
            time.sleep(0.05)
        return False

    def wait_until_safe(self, execution: str, seconds: float, began: float) -> float:
        """Seconds since `began` until the recorded champion has all traffic, or the rollout is over."""
        until = time.monotonic() + seconds
        seen_traffic = False
        while time.monotonic() < until:
            alone = {name for name, share in self._shares().items() if share} == {self._champion()}
            seen_traffic |= not alone
            if alone and (seen_traffic or not self._running(execution)):
                break
            time.sleep(0.05)
        return time.monotonic() - began

    def wait_for_end(self, execution: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found: dict[str, Any] = self._describe(execution)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.1)
        raise RuntimeError(f"{execution} still runs after {seconds} s")

    def count_invalid(self, variant: str) -> None:
        """What Predict counts of an answer that is none."""
        prefix = self.endpoint.removesuffix("-endpoint")
        dimensions = [{"Name": "service", "Value": prefix}, {"Name": "variant", "Value": variant}]
        datum = {"MetricName": "VariantInvalidAnswers", "Value": 1, "Dimensions": dimensions}
        self.client("cloudwatch").put_metric_data(Namespace="Tidegate", MetricData=[datum])

    def _wait_until_quiet(self) -> None:
        """Alarms of the candidate before must be over, or preflight refuses the next."""
        prefix = f"{self.endpoint.removesuffix('-endpoint')}-variant-"
        alarms = self.client("cloudwatch").describe_alarms
        while alarms(AlarmNamePrefix=prefix, StateValue="ALARM")["MetricAlarms"]:
            time.sleep(1)

    def _register(self) -> None:
        s3, key = self.client("s3"), f"models/{self.candidate}/output/model.tar.gz"
        lake = self.outputs["LakeBucket"]
        s3.put_object(Bucket=lake, Key=key, Body=self._artefact())
        golden = json.dumps({"rows": GOLDEN}).encode()
        s3.put_object(Bucket=lake, Key=f"evaluations/{self.candidate}/golden.json", Body=golden)
        self.client("sagemaker").create_model_package(
            ModelPackageGroupName=self.outputs["ModelPackageGroup"],
            ModelApprovalStatus="Approved",
            SkipModelValidation="All",
            InferenceSpecification={
                "Containers": [{"Image": self.image, "ModelDataUrl": f"s3://{lake}/{key}"}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"run": self.candidate, "feature_set_hash": self.plan.features.hash},
        )

    def _artefact(self) -> bytes:
        """A model.tar.gz signed by the pipeline's key, as a training job's."""
        files = {"version": self.candidate.encode(), "control": str(self.control).encode()}
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
        manifest = json.dumps({"feature_hash": self.plan.features.hash, "sha256": digests}).encode()
        kms, alias = self.client("kms"), f"alias/{self.endpoint.removesuffix('-endpoint')}-models"
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
        signature = kms.sign(
            KeyId=key,
            Message=signing.digest(manifest),
            MessageType="DIGEST",
            SigningAlgorithm=signing.ALGORITHM,
        )["Signature"]
        signed = signing.Signature(key=key, algorithm=signing.ALGORITHM, signature=signature).to_bytes()
        return _tarred({**files, signing.MANIFEST: manifest, signing.SIGNED: signed})

    def _executions(self) -> list[dict[str, Any]]:
        machine = self.outputs["DeploymentMachine"]
        found: dict[str, Any] = self.client("stepfunctions").list_executions(stateMachineArn=machine)
        return list(found["executions"])

    def _describe(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution)
        return found

    def _running(self, execution: str) -> bool:
        return bool(self._describe(execution)["status"] == "RUNNING")

    def _champion(self) -> str:
        key = {"id": {"S": "champion"}}
        item = self.client("dynamodb").get_item(TableName=self.outputs["StateTable"], Key=key).get("Item")
        return str(item["variant"]["S"]) if item else ""

    def _shares(self) -> dict[str, float]:
        described = self.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        weights = {v["VariantName"]: v["CurrentWeight"] for v in described.get("ProductionVariants", [])}
        total = sum(weights.values()) or 1.0
        return {name: weight / total for name, weight in weights.items()}


@contextmanager
def started(folder: Path, *, thorough: bool) -> Iterator[Place]:
    """A local cloud with the example's features computed and no model yet.

    Args:
        thorough: with steps that see enough requests for a fault of one in a hundred; costs a synthesis.
    """
    assembly = synthesize(_thorough(folder) if thorough else FLIGHTS, "dev").folder
    with server.start(assembly=assembly) as running:
        client = running.cloud.client
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", [])
        }
        plan = Plan.load(_plan_folder(assembly))
        _compute(client, outputs, plan)
        control = folder / "control"
        control.write_text("good ")
        yield Place(client=client, outputs=outputs, image=_image(folder), control=control, plan=plan)


def _thorough(folder: Path) -> Path:
    """A copy of the example whose steps in dev are longer, and whose limit of failures is lower."""
    copy = folder / "flights"
    shutil.copytree(FLIGHTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "pipeline.toml"
    head, dev, tail = file.read_text().partition("[environments.dev.deployment]\n")
    changed = re.sub(r"minimum_requests = 20", f"minimum_requests = {THOROUGH_REQUESTS}", tail, count=2)
    file.write_text(f"{head}{dev}maximum_error_share = {THOROUGH_SHARE}\n{changed}")
    return copy


def _plan_folder(assembly: Path) -> Path:
    """Where a staged asset holds the compiled pipeline."""
    return next(assembly.rglob("plan.json")).parent


def _compute(client: Any, outputs: dict[str, str], plan: Plan) -> None:
    """The deployed features as their machine would leave them."""
    feature_sets.put(client("s3"), outputs["LakeBucket"], plan.features)
    state, now = State(client("dynamodb"), outputs["StateTable"]), datetime.now(UTC).isoformat()
    for view in plan.features.views:
        computed = ViewState(
            computed_from=0,
            computed_to=1,
            revision=1,
            entities=1,
            online=1,
            coverage=1.0,
            recorded_at=now,
            needed_at=now,
        )
        state.record_view(view.version, computed)


def _image(folder: Path) -> str:
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


def _tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(body)
            tar.addfile(item, io.BytesIO(body))
    return buffer.getvalue()
