"""One thing a call needs to be allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Parameters = Mapping[str, Any]
ANY = ("*",)  # an action without resource-level permissions: only a statement on "*" grants it


@dataclass(frozen=True, slots=True)
class Need:
    """One action on one resource; several `resources` are spellings of it, any one of which will do."""

    action: str
    resources: tuple[str, ...] | None  # None: not known, so any resource the role names will do
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Where:
    """The account and region that ARNs are completed with."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def named(name: str, arn: Callable[[str], str]) -> str:
    """Most members take a name or an ARN."""
    return name if name.startswith("arn:") else arn(name)
