"""A synthesized assembly as plain dictionaries."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.assembly import read

REPOSITORY = Path(__file__).resolve().parents[2]
FLIGHTS = REPOSITORY / "examples" / "flights"

Template = dict[str, Any]
Resource = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """The three templates of one environment."""

    stacks: dict[str, Template]  # Data, Pipeline, Api

    def of(self, kind: str) -> dict[str, Resource]:
        """Every resource of one CloudFormation type, by logical id, which no two stacks may share."""
        found: dict[str, Resource] = {}
        for name, stack in self.stacks.items():
            mine = {id_: r for id_, r in stack["Resources"].items() if r["Type"] == kind}
            assert not found.keys() & mine.keys(), (
                f"{sorted(found.keys() & mine.keys())} of {name} are elsewhere"
            )
            found |= mine
        return found

    def statements_of(self, role_id: str) -> list[dict[str, Any]]:
        """What the policies of a role allow."""
        policies = [policy["Properties"] for policy in self.of("AWS::IAM::Policy").values()]
        mine = [policy for policy in policies if {"Ref": role_id} in policy["Roles"]]
        return [statement for policy in mine for statement in policy["PolicyDocument"]["Statement"]]

    def actions_of(self, role_id: str) -> set[str]:
        return {action for s in self.statements_of(role_id) for action in listed(s["Action"])}

    def role_of(self, resource: Resource, member: str) -> str:
        """The logical id of the role that a resource names by its ARN."""
        return resource["Properties"][member]["Fn::GetAtt"][0]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def templates_of(folder: Path) -> Templates:
    return Templates({stack.name.rpartition("-")[2]: stack.template for stack in read(folder).stacks})
