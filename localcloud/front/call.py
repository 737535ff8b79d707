"""One AWS API request as the checks see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request, and for which service."""

    access_key: str
    region: str
    service: str  # the signing name


@dataclass(frozen=True, slots=True)
class Call:
    """Service, operation and parameters of a request, read."""

    caller: Caller
    service: str  # botocore's name
    operation: OperationModel
    protocol: str
    parameters: Mapping[str, Any]  # by the names of the wire; in the query protocol by member names

    @property
    def name(self) -> str:
        return str(self.operation.name)
