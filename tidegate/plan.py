"""The compiled pipeline that rides beside the code: configuration, contract and features in one `plan.json`.

Pure standard library: control functions read it too. What reading YAML or executing `features.py` needs was
paid at synthesis.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tidegate.contract.plan import ContractPlan
from tidegate.errors import ConfigError
from tidegate.settings.config import PipelineConfig

if TYPE_CHECKING:
    from tidegate.feature_store.feature_plan import FeatureSetPlan

FILE_NAME = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One pipeline as its functions and jobs see it."""

    config: PipelineConfig
    contract: ContractPlan
    feature_document: dict[str, Any]
    code_version: str  # sha256 of the sources it was synthesized with

    @cached_property
    def features(self) -> "FeatureSetPlan":
        from tidegate.feature_store.feature_plan import FeatureSetPlan  # ingestion never needs it

        return FeatureSetPlan.from_json(self.feature_document)

    @property
    def instance_types(self) -> dict[str, str]:
        """Type of each member of an instance: request columns by the contract, aggregates are numbers."""
        types = {name: str(self.contract.column(name).type) for name in self.features.request}
        return types | dict.fromkeys(self.features.aggregates, "number")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `plan.json` of `folder`, the value of PIPELINE_DIR.

        Raises:
            ConfigError: the file is missing or damaged.
        """
        path = folder / FILE_NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError) as cause:
            raise ConfigError(
                f"`{path}` cannot be read",
                cause=str(cause),
                hint="it is written at synthesis; PIPELINE_DIR names its folder",
            ) from cause
        return cls.from_json(document)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(
            config=PipelineConfig.from_json(document["config"]),
            contract=ContractPlan.from_json(document["contract"]),
            feature_document=document["features"],
            code_version=document["code_version"],
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "config": self.config.to_json(),
            "contract": self.contract.to_json(),
            "features": self.feature_document,
            "code_version": self.code_version,
        }
