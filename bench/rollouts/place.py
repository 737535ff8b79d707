"""One local cloud with the deployed example: approve a candidate, follow its rollout, let time pass."""

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rollouts import model
from localcloud import server
from localcloud.clock import Clock
from tidegate.aws import feature_sets
from tidegate.aws.state import State, ViewState
from tidegate.plan import Plan
from tidegate_cli.assembly import synthesize

FLIGHTS = Path(__file__).resolve().parents[2] / "examples" / "flights"
WEIGHTS = (0.05, 0.25, 0.5, 0.75, 1.0)
BAKE_SECONDS, POLL_SECONDS, REQUESTS = 20, 5, 500
# the plan where outcomes are told: asked for where both variants have a quarter, and judged less often
LABELLED = """{%
  $merge([$states.result.Payload, {'steps': $map($states.result.Payload.steps, function($s) {
    $merge([$s, {'minimum_requests': 100},
            $s.weight in [0.25, 0.5, 0.75] ? {'minimum_outcomes': 100, 'bake_seconds': 120} : {}])
  })}])
%}"""
QUIET_SECONDS = 180  # then no minute with bad requests is looked at any more
LOOK_SECONDS = 0.02
STEPS = ",\n".join(
    f"    {{ weight = {weight}, bake_seconds = {BAKE_SECONDS}, minimum_requests = {REQUESTS} }}"
    for weight in WEIGHTS
)
# of the bench's own: what one candidate in a hundred requests must not do, and a laptop can
DEPLOYMENT = f"""steps = [
{STEPS}
]
maximum_error_share = 0.001
latency_objective_ms = 700
mirror_rows = 40
poll_seconds = {POLL_SECONDS}
maximum_waits = 60
warm_seconds = 10
watch_seconds = 1
"""


@dataclass
class Place:
    """The deployed example, its image and its clock."""

    client: Callable[[str], Any]
    clock: Clock
    url: str
    outputs: dict[str, str]
    folder: Path  # holds the file that says how the candidate behaves
    image: str
    plan: Plan
    definition: str  # of the deployment machine, as deployed
    candidate: str = ""
    running: list[str] = field(default_factory=list)  # ARNs of executions that are looked at
    versions: dict[str, str] = field(default_factory=dict)  # variant -> the version that was promoted in it

    @property
    def endpoint(self) -> str:
        return self.outputs["EndpointName"]

    @property
    def prefix(self) -> str:
        return self.endpoint.removesuffix("-endpoint")

    @property
    def control(self) -> Path:
        return self.folder / "control"

    def behave(self, fault: str = "good", meets: str = "users", version: str = "") -> None:
        """How the candidate, or another version, answers from now on; all others are good."""
        partial = self.folder / "control.partial"
        partial.write_text(model.control(fault, version or self.candidate, meets))
        partial.rename(self.control)

    def begin_at(self, step: int = 0, *, outcomes: bool = False) -> None:
        """Let rollouts begin at a later step, or ask for outcomes where both variants have a quarter.

        Steps before were judged in rows of their own; to walk through them again would cost thousands of
        requests for each row.
        """
        definition = json.loads(self.definition)
        assigned = definition["States"]["PreflightCandidate"]["Assign"]
        assigned["step"] = step - 1
        if outcomes:
            assigned["plan"] = LABELLED
        self.client("stepfunctions").update_state_machine(
            stateMachineArn=self.outputs["DeploymentMachine"], definition=json.dumps(definition)
        )

    def approve(self, fault: str = "good", meets: str = "users") -> str:
        """Approve a new version that behaves so; the ARN of its rollout."""
        self.candidate = f"v{uuid.uuid4().hex[:8]}"
        self.behave(fault, meets)
        known = {found["executionArn"] for found in self._executions()}
        self._register()
        while True:
            new = [arn for each in self._executions() if (arn := each["executionArn"]) not in known]
            if new:
                self.running.append(new[0])
                return str(new[0])
            time.sleep(LOOK_SECONDS)

    def ended(self, execution: str) -> dict[str, Any] | None:
        """What Step Functions says of an execution that is over."""
        found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution)
        if found["status"] == "RUNNING":
            return None
        self.running = [each for each in self.running if each != execution]
        if found["status"] == "SUCCEEDED":
            self.versions[self.champion()] = self.candidate
        return found

    def history(self, execution: str) -> list[dict[str, Any]]:
        """Its events, oldest first."""
        pages = self.client("stepfunctions").get_paginator("get_execution_history")
        return [event for page in pages.paginate(executionArn=execution) for event in page["events"]]

    def pass_until(self, moment: float) -> None:
        """Let the clock reach it: by a jump while all machines wait, else as fast as real work goes."""
        while (left := moment - self.clock.time()) > 0:
            if self._waits():
                self.clock.advance(left)
            else:
                time.sleep(min(left, LOOK_SECONDS))

    def calm(self) -> None:
        """Let alarms of the candidate before end, or preflight refuses the next."""
        self.clock.advance(QUIET_SECONDS)
        while self.rings():
            self.clock.advance(10)
            time.sleep(LOOK_SECONDS * 5)

    def rings(self) -> bool:
        """Whether an alarm of a variant is in ALARM."""
        alarms = self.client("cloudwatch").describe_alarms
        return bool(alarms(AlarmNamePrefix=f"{self.prefix}-variant-", StateValue="ALARM")["MetricAlarms"])

    def champion(self) -> str:
        """The recorded champion's variant; empty without one."""
        key = {"id": {"S": "champion"}}
        item = self.client("dynamodb").get_item(TableName=self.outputs["StateTable"], Key=key).get("Item")
        return str(item["variant"]["S"]) if item else ""

    def shares(self) -> dict[str, float]:
        """Each variant's share of the weights, those without one left out."""
        weights = {each["VariantName"]: each["CurrentWeight"] for each in self._variants()}
        total = sum(weights.values()) or 1.0
        return {name: weight / total for name, weight in weights.items() if weight}

    def variants(self) -> list[str]:
        """Those that have instances, with a share of the traffic or without."""
        return [each["VariantName"] for each in self._variants()]

    def is_locked(self) -> bool:
        key = {"id": {"S": "lock#deployment"}}
        return "Item" in self.client("dynamodb").get_item(TableName=self.outputs["StateTable"], Key=key)

    def count_invalid(self, variant: str, count: int) -> None:
        """What Predict counts of answers that are none."""
        dimensions = [{"Name": "service", "Value": self.prefix}, {"Name": "variant", "Value": variant}]
        datum = {"MetricName": "VariantInvalidAnswers", "Value": count, "Dimensions": dimensions}
        datum["Timestamp"] = self.clock.now()
        self.client("cloudwatch").put_metric_data(Namespace="Tidegate", MetricData=[datum])

    def tell(self, inference_id: str, outcome: int) -> None:
        """What Feedback keeps of an outcome."""
        key = f"ground-truth/{inference_id[:2]}/{inference_id}.jsonl"
        record = {"groundTruthData": {"data": str(outcome), "encoding": "CSV"}, "eventVersion": "0"}
        self.client("s3").put_object(
            Bucket=self.outputs["LakeBucket"], Key=key, Body=json.dumps(record).encode()
        )

    def _variants(self) -> list[dict[str, Any]]:
        described = self.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        return list(described.get("ProductionVariants", []))

    def _waits(self) -> bool:
        """Whether nothing runs that takes real time."""
        states = self.client("stepfunctions").get_execution_history
        for execution in self.running:
            [last] = states(executionArn=execution, reverseOrder=True, maxResults=1)["events"]
            if last["type"] != "WaitStateEntered":
                return False
        if not self.running:
            return False
        try:
            described = self.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
        except self.client("sagemaker").exceptions.ClientError:
            return True
        return described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack", "Deleting")

    def _executions(self) -> list[dict[str, Any]]:
        machine = self.outputs["DeploymentMachine"]
        found: dict[str, Any] = self.client("stepfunctions").list_executions(stateMachineArn=machine)
        return list(found["executions"])

    def model_uri(self) -> str:
        """Where the newest model's artefact is."""
        return f"s3://{self.outputs['LakeBucket']}/models/{self.candidate}/output/model.tar.gz"

    def _register(self) -> None:
        s3, key = self.client("s3"), f"models/{self.candidate}/output/model.tar.gz"
        lake, hash_ = self.outputs["LakeBucket"], self.plan.features.hash
        files = {"version": self.candidate.encode(), "control": str(self.control).encode()}
        archive = model.artefact(
            files, feature_hash=hash_, kms=self.client("kms"), alias=f"alias/{self.prefix}-models"
        )
        s3.put_object(Bucket=lake, Key=key, Body=archive)
        golden = json.dumps({"rows": model.GOLDEN}).encode()
        s3.put_object(Bucket=lake, Key=f"evaluations/{self.candidate}/golden.json", Body=golden)
        self.client("sagemaker").create_model_package(
            ModelPackageGroupName=self.outputs["ModelPackageGroup"],
            ModelApprovalStatus="Approved",
            SkipModelValidation="All",
            InferenceSpecification={
                "Containers": [{"Image": self.image, "ModelDataUrl": self.model_uri()}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={"run": self.candidate, "feature_set_hash": hash_},
        )


@contextmanager
def started(folder: Path) -> Iterator[Place]:
    """A local cloud with the example's features computed and no model yet; costs a synthesis."""
    assembly = synthesize(_example(folder), "dev").folder
    with server.start(assembly=assembly) as running:
        client = running.cloud.client
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", [])
        }
        plan = Plan.load(next(assembly.rglob("plan.json")).parent)
        _compute(client, outputs, plan)
        machine = client("stepfunctions").describe_state_machine(stateMachineArn=outputs["DeploymentMachine"])
        place = Place(
            client=client,
            clock=running.cloud.clock,
            url=running.cloud.url,
            outputs=outputs,
            folder=folder,
            image=model.image(folder),
            plan=plan,
            definition=machine["definition"],
        )
        place.behave()
        yield place


def _example(folder: Path) -> Path:
    """A copy of the example with the bench's own steps and limits in its dev environment."""
    copy = folder / "flights"
    shutil.copytree(FLIGHTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "pipeline.toml"
    text = file.read_text()
    of_dev = re.compile(r"(?s)(\[environments\.dev\.deployment\]\n).*?(?=\n\[)")
    changed, count = of_dev.subn(lambda found: found[1] + DEPLOYMENT, text)
    if count != 1:
        raise RuntimeError("the example has no [environments.dev.deployment]")
    # each jump of the clock over a minute would measure a window, and learn from it
    changed = changed.replace('schedule = "rate(1 minute)"', 'schedule = "rate(1 day)"')
    serving = "[environments.dev.serving]\n"
    if serving not in changed:
        raise RuntimeError("the example has no [environments.dev.serving]")
    changed = changed.replace(serving, f"{serving}default = 0.5\n")
    file.write_text(f"{changed}\n[environments.dev.alarms]\np99_latency_ms = 700\n")
    return copy


def _compute(client: Callable[[str], Any], outputs: dict[str, str], plan: Plan) -> None:
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
