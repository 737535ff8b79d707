"""A state machine of step_functions/: its holes filled, its role made of the actions that its tasks call."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra import asl
from infra.constructs.function import METRICS_NAMESPACE, Function, Shared
from infra.packaging import CHECKOUT
from infra.store import allow, arn

INVOKE = "lambda:InvokeFunction"
CONDITIONS = {
    "cloudwatch:PutMetricData": {"StringEquals": {"cloudwatch:namespace": METRICS_NAMESPACE}},
    "iam:PassRole": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
}


class Machine(Construct):
    """The machine of `step_functions/<name>.asl.json`.

    Args:
        functions: of its Lambda tasks; each fills the hole of its step's name.
        fills: the other holes; numbers as text, for `{% ${Hole} %}`.
        grants: ARNs for each IAM action that the definition calls, except invoking its functions and
            following its jobs: those are derived.

    Raises:
        ValueError: holes and fills differ, or actions and grants do, or the definition is faulty.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        shared: Shared,
        functions: Sequence[Function],
        fills: Mapping[str, str],
        grants: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(scope, id_)
        file = CHECKOUT / "step_functions" / f"{name}.asl.json"
        text = file.read_text(encoding="utf-8")
        definition = json.loads(text)
        if faults := asl.faults(definition):
            raise ValueError(f"{file.name}: {'; '.join(faults)}")
        substitutions = {**fills, **{function.node.id: function.arn for function in functions}}
        _same(f"{file.name}: holes", asl.holes(text), substitutions)

        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        granted = dict(grants) | _derived(definition, functions)
        _same(f"{file.name}: IAM actions", asl.actions(definition), granted)
        for statement in (*_statements(granted), *shared.store.use_key()):
            self.role.add_to_policy(statement)

        log = logs.LogGroup(self, "Log", retention=shared.retention, removal_policy=shared.removal)
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition, separators=(",", ":"))),
            definition_substitutions=substitutions,
            role=self.role,
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ALL, include_execution_data=False),
            tracing_enabled=True,
        )

    @property
    def arn(self) -> str:
        return self.machine.state_machine_arn


def _same(what: str, wanted: frozenset[str], given: Mapping[str, object]) -> None:
    if wanted != given.keys():
        missing, unused = sorted(wanted - given.keys()), sorted(given.keys() - wanted)
        raise ValueError(f"{what}: without a value {missing}, without a use {unused}")


def _derived(definition: asl.Definition, functions: Sequence[Function]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    if functions:
        found[INVOKE] = [function.arn for function in functions]
    if rules := asl.managed_rules(definition):
        rule_arns = [arn("events", f"rule/{rule}") for rule in sorted(rules)]
        found |= dict.fromkeys(asl.MANAGED_RULE_ACTIONS, rule_arns)
    return found


def _statements(granted: Mapping[str, Sequence[str]]) -> list[iam.PolicyStatement]:
    """One statement for the actions that share resources and condition."""
    grouped: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for action in sorted(granted):
        condition = action if action in CONDITIONS else ""
        grouped[tuple(granted[action]), condition].append(action)
    return [
        allow(*actions, on=resources, when=CONDITIONS.get(condition))
        for (resources, condition), actions in grouped.items()
    ]
