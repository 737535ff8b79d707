"""Where SageMaker puts things in a container, under one root.

The root is /opt/ml in a container; SAGEMAKER_BASE_DIR, the SageMaker toolkits' own variable, moves it.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

PIPELINE = Path(os.environ.get("PIPELINE_DIR", "pipeline"))


@dataclass(frozen=True)
class Paths:
    root: Path

    @classmethod
    def of_environment(cls) -> "Paths":
        return cls(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def failure(self) -> Path:
        return self.root / "output" / "failure"

    @property
    def message(self) -> Path:
        return self.root / "output" / "message"

    @property
    def checkpoints(self) -> Path:
        """There when the job has a CheckpointConfig; what lies in it outlives an interruption."""
        return self.root / "checkpoints"

    def channel(self, name: str) -> Path:
        return self.root / "input" / "data" / name

    def processing_input(self, name: str) -> Path:
        return self.root / "processing" / "input" / name

    def processing_output(self, name: str) -> Path:
        folder = self.root / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def hyperparameters(self) -> dict[str, str]:
        """All values are text; keys that begin with _ are the service's own."""
        file = self.root / "input" / "config" / "hyperparameters.json"
        values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        return {name: value for name, value in values.items() if not name.startswith("_")}
